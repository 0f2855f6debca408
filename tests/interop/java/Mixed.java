/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;

/*
 * A producer and a consumer in a cluster of several brokers: what is sent is spread over just the brokers that are
 * named, and consumed from all of them.
 *
 *	Mixed NAMESRV TOPIC GROUP BROKER[,BROKER...]
 */
public class Mixed {
	private static final String RUN = Long.toString(System.currentTimeMillis(), 36) + "-";
	private static final int MESSAGES = 40;

	public static void main(String[] args) throws Exception {
		Set<String> want = new TreeSet<>(Arrays.asList(args[3].split(","))), brokers = new TreeSet<>(), keys = new TreeSet<>();
		DefaultMQProducer producer = new DefaultMQProducer(args[2] + "-producer");
		DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[2]);
		Inbox inbox = new Inbox(RUN);

		producer.setNamesrvAddr(args[0]);
		producer.start();
		consumer.setNamesrvAddr(args[0]);
		consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		consumer.subscribe(args[1], "*");
		consumer.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(inbox::add);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		consumer.start();
		for (int i = 0; i < MESSAGES; i++) {
			SendResult r = producer.send(new Message(args[1], "A", RUN + i, "m".getBytes(StandardCharsets.UTF_8)));
			brokers.add(r.getMessageQueue().getBrokerName());
			keys.add(RUN + i);
		}
		String on = String.join(" and ", want);
		boolean ok = claim("java: what is sent goes to " + on, brokers.equals(want) ? null : "it went to " + brokers);
		ok &= claim("java: a consumer gets all of it from " + on, Inbox.once(inbox.await(MESSAGES, 30, i -> true), keys));
		consumer.shutdown();
		producer.shutdown();
		System.exit(ok ? 0 : 1);
	}

	private static boolean claim(String name, String why) {
		System.out.println((why == null ? "ok " : "not ok ") + name);
		if (why != null)
			System.out.println("# " + why);
		return why == null;
	}
}
