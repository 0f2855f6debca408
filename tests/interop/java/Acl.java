/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/*
 * A client with credentials: sends to acl-work and consumes from it until it is ended, and tells a line for each event:
 *
 *	Acl NAMESRV NAMESPACE ACCESSKEY SECRETKEY
 *
 *	sent | refused WHY | got BODY
 */
public class Acl {
	public static void main(String[] args) throws Exception {
		String secret = args[3];
		DefaultMQProducer p = new DefaultMQProducer(args[1], "acl-producer", hook(args[2], secret));
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(args[1], "acl-java", hook(args[2], secret),
			new AllocateMessageQueueAveragely());

		p.setNamesrvAddr(args[0]);
		p.setInstanceName("p" + System.nanoTime());
		p.start();
		c.setNamesrvAddr(args[0]);
		c.setInstanceName("c" + System.nanoTime());
		c.setHeartbeatBrokerInterval(2000);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe("acl-work", "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			for (MessageExt m : msgs)
				say("got " + new String(m.getBody(), StandardCharsets.UTF_8));
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		while (true) {
			try {
				p.send(new Message("acl-work", "java".getBytes(StandardCharsets.UTF_8)));
				say("sent");
			} catch (Exception e) {
				Throwable why = e.getCause() == null ? e : e.getCause();
				say("refused " + String.valueOf(why).replace('\n', ' '));
			}
			Thread.sleep(100);
		}
	}

	private static AclClientRPCHook hook(String key, String secret) {
		return new AclClientRPCHook(new SessionCredentials(key, secret));
	}

	private static synchronized void say(String line) {
		System.out.println(line);
		System.out.flush();
	}
}
