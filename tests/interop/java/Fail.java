/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

/*
 * Makes a group fail: sends messages to a topic, consumes them, refuses each. A client that takes part
 * is what creates %RETRY% topics, a refusal with no retries left what creates %DLQ% topics.
 *
 *	Fail NAMESRV [NAMESPACE:TOPIC:GROUP:COUNT]...
 */
public class Fail {
	public static void main(String[] args) throws Exception {
		List<DefaultMQPushConsumer> consumers = new ArrayList<>();
		int failed = 0;
		for (int i = 1; i < args.length; i++) {
			String[] f = args[i].split(":");
			failed += one(args[0], f[0].isEmpty() ? null : f[0], f[1], f[2], Integer.parseInt(f[3]), consumers);
		}
		for (DefaultMQPushConsumer c : consumers)
			c.shutdown();
		System.exit(failed == 0 ? 0 : 1);
	}

	private static int one(String ns, String space, String topic, String group, int count,
			List<DefaultMQPushConsumer> consumers) throws Exception {
		CountDownLatch left = new CountDownLatch(count);
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(space, group, null);
		c.setNamesrvAddr(ns);
		c.setInstanceName(group);
		c.setMaxReconsumeTimes(0);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe(topic, "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(m -> left.countDown());
			return ConsumeConcurrentlyStatus.RECONSUME_LATER;
		});
		c.start();
		consumers.add(c);

		DefaultMQProducer p = new DefaultMQProducer(space, group + "-producer", null);
		p.setNamesrvAddr(ns);
		p.start();
		for (int i = 0; i < count; i++) {
			byte[] body = ("refused " + i).getBytes(StandardCharsets.UTF_8);
			p.send(new Message(topic, "refused", "refused-" + i, body));
		}
		p.shutdown();
		boolean all = left.await(30, TimeUnit.SECONDS);
		/* The refusals themselves are sent after the listener has returned. */
		Thread.sleep(1000);
		System.out.printf("%s: %d of %d refused%n", group, count - left.getCount(), count);
		return all ? 0 : 1;
	}
}
