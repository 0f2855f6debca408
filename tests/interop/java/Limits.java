/* SPDX-License-Identifier: Apache-2.0 */
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/*
 * What a stock client sees of a cluster that takes RATE calls a second.
 *
 *	Limits NAMESRV BROKER CLUSTER-ID RATE
 *
 * Topic java-limits is of type normal; group java-limits is switched off; shop has topic and group java-alias.
 */
public class Limits {
	private static final int THREADS = 16, EACH = 15, ALL = THREADS * EACH, FLOOD = 2000;
	private static String namesrv;

	private interface Claim {
		void check() throws Exception;
	}

	private static int failed;

	private static void claim(String name, Claim c) {
		try {
			c.check();
			System.out.println("ok java: " + name);
		} catch (Throwable t) {
			failed++;
			System.out.println("not ok java: " + name);
			System.out.println("# " + String.valueOf(t).replace('\n', ' '));
		}
	}

	private static void that(boolean holds, String otherwise) {
		if (!holds)
			throw new AssertionError(otherwise);
	}

	public static void main(String[] args) throws Exception {
		namesrv = args[0];
		int rate = Integer.parseInt(args[3]);
		DefaultMQProducer p = producer(null);
		claim("sends above the rate are slowed down, and none fails", () -> slow(p, rate));
		claim("a message of another type is refused with the reason, once", () -> wrongType(p));
		claim("a flood is refused with a code to try again for", () -> flood(p));
		claim("a group that is switched off gets nothing, and all when it is on", () -> off(args[1]));
		p.shutdown();
		claim("long names of a namespace mean it, orderly too", () -> alias(args[2]));
		System.exit(failed == 0 ? 0 : 1);
	}

	private static DefaultMQProducer producer(String space) throws Exception {
		DefaultMQProducer p = new DefaultMQProducer(space, "java-limits-producer", null);
		p.setNamesrvAddr(namesrv);
		p.setInstanceName("p" + space);
		p.start();
		return p;
	}

	private static void slow(DefaultMQProducer p, int rate) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(THREADS);
		List<Future<?>> sent = new ArrayList<>();
		long begun = System.nanoTime();
		for (int i = 0; i < ALL; i++) {
			byte[] body = ("slow-" + i).getBytes();
			sent.add(pool.submit(() -> {
				SendResult r = p.send(new Message("java-limits", body));
				that(r.getSendStatus() == SendStatus.SEND_OK, r.toString());
				return null;
			}));
		}
		for (Future<?> f : sent)
			f.get();
		pool.shutdown();
		long ms = (System.nanoTime() - begun) / 1000000, least = 1000L * (ALL - rate / 5) / rate * 9 / 10;
		that(ms >= least, ALL + " messages in " + ms + " ms, not " + least);
	}

	private static void wrongType(DefaultMQProducer p) throws Exception {
		Message m = new Message("java-limits", "later".getBytes());
		m.setDelayTimeLevel(1);
		try {
			p.send(m);
		} catch (MQBrokerException e) {
			that(e.getResponseCode() == 13, "code " + e.getResponseCode());
			that(e.getErrorMessage().contains(
				"topic 'java-limits' takes messages of type normal, this one is of type delay"), e.getErrorMessage());
			return;
		}
		throw new AssertionError("it was taken");
	}

	private static void flood(DefaultMQProducer p) throws Exception {
		CountDownLatch done = new CountDownLatch(FLOOD);
		Set<Integer> codes = ConcurrentHashMap.newKeySet();
		Set<String> texts = ConcurrentHashMap.newKeySet();
		int[] good = new int[1];
		for (int i = 0; i < FLOOD; i++)
			p.send(new Message("java-flood", ("flood-" + i).getBytes()), new SendCallback() {
				public void onSuccess(SendResult r) {
					synchronized (good) {
						good[0]++;
					}
					done.countDown();
				}

				public void onException(Throwable t) {
					if (t instanceof MQBrokerException) {
						codes.add(((MQBrokerException) t).getResponseCode());
						texts.add(((MQBrokerException) t).getErrorMessage());
					} else {
						texts.add(t.toString());
						codes.add(-1);
					}
					done.countDown();
				}
			}, 10000);
		that(done.await(20, TimeUnit.SECONDS), done.getCount() + " without an answer");
		that(codes.size() == 1 && codes.contains(14), "codes " + codes + " " + texts);
		that(texts.iterator().next().contains("[THROTTLED]the cluster takes"), texts.toString());
		that(good[0] > 0 && good[0] < FLOOD, good[0] + " were taken");
	}

	private static void off(String broker) throws Exception {
		Set<String> got = ConcurrentHashMap.newKeySet();
		DefaultMQPushConsumer c = new DefaultMQPushConsumer("java-limits");
		c.setNamesrvAddr(namesrv);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe("java-limits", "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(m -> got.add(new String(m.getBody())));
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		Thread.sleep(2000);
		that(got.isEmpty(), got.size() + " messages");
		DefaultMQAdminExt admin = new DefaultMQAdminExt();
		admin.setNamesrvAddr(namesrv);
		admin.setInstanceName("limits-admin");
		admin.start();
		SubscriptionGroupConfig group = admin.examineSubscriptionGroupConfig(broker, "java-limits");
		group.setConsumeEnable(true);
		admin.createAndUpdateSubscriptionGroupConfig(broker, group);
		admin.shutdown();
		await(() -> got.size() >= ALL, 30);
		c.shutdown();
		that(got.size() == ALL, got.size() + " of " + ALL);
	}

	private interface Wait {
		boolean over();
	}

	private static void await(Wait w, int seconds) throws Exception {
		for (int i = 0; i < seconds * 20 && !w.over(); i++)
			Thread.sleep(50);
	}

	private static void alias(String id) throws Exception {
		Set<String> got = ConcurrentHashMap.newKeySet();
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(id + "|shop", "java-alias", null);
		c.setNamesrvAddr(namesrv);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe("java-alias", "*");
		c.registerMessageListener((MessageListenerOrderly) (msgs, ctx) -> {
			msgs.forEach(m -> got.add(new String(m.getBody())));
			return ConsumeOrderlyStatus.SUCCESS;
		});
		c.start();
		DefaultMQProducer p = producer("MQ_INST_" + id.replace("-", "") + "_shop");
		for (int i = 0; i < 10; i++)
			p.send(new Message("java-alias", ("alias-" + i).getBytes()));
		p.shutdown();
		await(() -> got.size() >= 10, 30);
		c.shutdown();
		that(got.size() == 10, got.size() + " of 10");
	}
}
