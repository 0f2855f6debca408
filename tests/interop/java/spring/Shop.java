/* SPDX-License-Identifier: Apache-2.0 */
package shop;

import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.spring.annotation.ConsumeMode;
import org.apache.rocketmq.spring.annotation.RocketMQMessageListener;
import org.apache.rocketmq.spring.annotation.RocketMQTransactionListener;
import org.apache.rocketmq.spring.core.RocketMQListener;
import org.apache.rocketmq.spring.core.RocketMQLocalTransactionListener;
import org.apache.rocketmq.spring.core.RocketMQLocalTransactionState;
import org.apache.rocketmq.spring.core.RocketMQTemplate;
import org.apache.rocketmq.spring.support.RocketMQHeaders;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.ConfigurableApplicationContext;
import org.springframework.messaging.Message;
import org.springframework.messaging.support.MessageBuilder;
import org.springframework.stereotype.Component;

/*
 * A Spring Boot application with the starter of its time (2.2.2): a template that sends objects, texts, in order, later
 * and in transactions, and listeners. Its name server is given as --rocketmq.name-server=ADDRESS.
 *
 * Topics spring-work, spring-order and spring-fail and groups spring-all, -tag, -order and -fail are there already.
 */
@SpringBootApplication
public class Shop {
	static final String RUN = Long.toString(System.currentTimeMillis(), 36) + "-";
	static final Map<String, Integer> ALL = new ConcurrentHashMap<>(), TAGGED = new ConcurrentHashMap<>();
	static final Map<String, Integer> FAILED = new ConcurrentHashMap<>(), CHECKED = new ConcurrentHashMap<>();
	static final Map<Integer, Integer> LAST = new ConcurrentHashMap<>();
	static final AtomicReference<String> DISORDER = new AtomicReference<>();
	private static int failed;

	public static class Order {
		public String id;
		public int number;
	}

	private static void got(Map<String, Integer> where, String id) {
		if (id.startsWith(RUN))
			where.merge(id, 1, Integer::sum);
	}

	@Component
	@RocketMQMessageListener(topic = "spring-work", consumerGroup = "spring-all")
	public static class All implements RocketMQListener<Order> {
		public void onMessage(Order o) {
			got(ALL, o.id);
		}
	}

	@Component
	@RocketMQMessageListener(topic = "spring-work", consumerGroup = "spring-tag", selectorExpression = "A || C")
	public static class Tagged implements RocketMQListener<Order> {
		public void onMessage(Order o) {
			got(TAGGED, o.id);
		}
	}

	@Component
	@RocketMQMessageListener(topic = "spring-order", consumerGroup = "spring-order", consumeMode = ConsumeMode.ORDERLY)
	public static class Ordered implements RocketMQListener<Order> {
		public void onMessage(Order o) {
			Integer before = o.id.startsWith(RUN) ? LAST.put(o.number % 3, o.number) : null;
			if (before != null && before >= o.number)
				DISORDER.set(o.number + " came after " + before);
		}
	}

	@Component
	@RocketMQMessageListener(topic = "spring-fail", consumerGroup = "spring-fail", maxReconsumeTimes = 1)
	public static class Refusing implements RocketMQListener<Order> {
		public void onMessage(Order o) {
			got(FAILED, o.id);
			throw new IllegalStateException("refused, as it should be");
		}
	}

	@RocketMQTransactionListener
	public static class Bank implements RocketMQLocalTransactionListener {
		public RocketMQLocalTransactionState executeLocalTransaction(Message m, Object arg) {
			return (RocketMQLocalTransactionState) arg;
		}

		public RocketMQLocalTransactionState checkLocalTransaction(Message m) {
			String key = (String) m.getHeaders().get(RocketMQHeaders.PREFIX + RocketMQHeaders.KEYS);
			got(CHECKED, key == null ? "" : key);
			return RocketMQLocalTransactionState.COMMIT;
		}
	}

	private static void claim(String name, String why) {
		System.out.printf("%s spring: %s%n", why == null ? "ok" : "not ok", name);
		if (why != null) {
			System.out.printf("# %s%n", why.replace('\n', ' '));
			failed++;
		}
		System.out.flush();
	}

	private static boolean await(int seconds, BooleanSupplier done) throws InterruptedException {
		long end = System.currentTimeMillis() + seconds * 1000L;
		while (!done.getAsBoolean() && System.currentTimeMillis() < end)
			Thread.sleep(50);
		return done.getAsBoolean();
	}

	private static Message<Order> order(String key, int number) {
		Order o = new Order();
		o.id = RUN + key;
		o.number = number;
		return MessageBuilder.withPayload(o).setHeader(RocketMQHeaders.KEYS, RUN + key).build();
	}

	private static void transaction(RocketMQTemplate t, String key, RocketMQLocalTransactionState state) {
		t.sendMessageInTransaction("spring-work:T", order(key, 0), state);
	}

	public static void main(String[] args) throws Exception {
		ConfigurableApplicationContext app = SpringApplication.run(Shop.class, args);
		RocketMQTemplate t = app.getBean(RocketMQTemplate.class);
		Set<String> want = new TreeSet<>(), tagged = new TreeSet<>();
		String why = null;

		for (int i = 0; i < 12; i++) {
			SendResult r = t.syncSend("spring-work:" + (i % 2 == 0 ? "A" : "B"), order("sync" + i, i));
			if (r.getSendStatus() != SendStatus.SEND_OK)
				why = r.toString();
			want.add(RUN + "sync" + i);
			if (i % 2 == 0)
				tagged.add(RUN + "sync" + i);
		}
		t.convertAndSend("spring-work:B", order("converted", 1).getPayload());
		t.sendOneWay("spring-work:B", order("oneway", 1));
		AtomicReference<Object> answer = new AtomicReference<>();
		t.asyncSend("spring-work:B", order("async", 1), new SendCallback() {
			public void onSuccess(SendResult r) {
				answer.set(r);
			}

			public void onException(Throwable e) {
				answer.set(e);
			}
		});
		t.syncSend("spring-work:B", java.util.List.of(order("batch1", 1), order("batch2", 2)));
		for (String k : new String[] { "converted", "oneway", "async", "batch1", "batch2" })
			want.add(RUN + k);
		await(10, () -> answer.get() != null);
		claim("sends are stored", why != null ? why : answer.get() instanceof SendResult ? null : "async: " + answer.get());
		for (int i = 0; i < 30; i++)
			t.syncSendOrderly("spring-order", order("o" + i, i), Integer.toString(i % 3));
		t.syncSend("spring-fail", order("dies", 0));

		await(30, () -> ALL.size() >= want.size());
		claim("a listener gets each object once", ALL.keySet().equals(want) && ALL.values().stream().allMatch(n -> n == 1)
			? null : new TreeMap<>(ALL).toString());
		await(20, () -> TAGGED.size() >= tagged.size());
		claim("a listener with tags gets its own only", TAGGED.keySet().equals(tagged) ? null : TAGGED.toString());
		boolean all = await(30, () -> LAST.size() == 3 && LAST.values().stream().allMatch(n -> n >= 27));
		claim("an orderly listener keeps the order of each key", all ? DISORDER.get() : LAST.toString());

		long begin = System.currentTimeMillis();
		t.syncSend("spring-work:B", order("late", 0), 3000, 1);
		boolean came = await(10, () -> ALL.containsKey(RUN + "late"));
		long took = System.currentTimeMillis() - begin;
		claim("delay level 1 holds a message back for 1 s", came && took >= 950 && took < 4000 ? null : "after " + took + " ms");

		transaction(t, "commit", RocketMQLocalTransactionState.COMMIT);
		transaction(t, "rollback", RocketMQLocalTransactionState.ROLLBACK);
		transaction(t, "unknown", RocketMQLocalTransactionState.UNKNOWN);
		boolean both = await(90, () -> ALL.containsKey(RUN + "commit") && ALL.containsKey(RUN + "unknown"));
		claim("transactions are committed, rolled back, and asked for", both && !ALL.containsKey(RUN + "rollback")
			&& !CHECKED.containsKey(RUN + "commit") ? null : "got " + ALL.keySet() + ", asked for " + CHECKED);
		claim("a refused message is retried", await(60, () -> FAILED.getOrDefault(RUN + "dies", 0) == 2) ? null : FAILED.toString());
		System.out.printf("# dead letter %sdies%n", RUN);
		app.close();
		System.exit(failed == 0 ? 0 : 1);
	}
}
