/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/*
 * What every Java client from 4.3 to 5 can do, in calls that all of them have: compiled once, run with the jars of
 * each release.
 *
 *	Plain NAMESRV LABEL		send, consume, tag, delay, retry, dead letter
 *	Plain NAMESRV LABEL steady N	sends N messages, one each 10 ms, and consumes them, whatever the broker does
 *
 * Topics LABEL-work and LABEL-fail, groups LABEL-all, LABEL-tag and LABEL-fail are there already.
 */
public class Plain {
	private static final String RUN = Long.toString(System.currentTimeMillis(), 36) + "-";
	private final String ns, label;
	private final List<DefaultMQPushConsumer> consumers = new ArrayList<>();
	private int failed;

	/* Key -> times of arrival, oldest first. */
	private static class Got extends ConcurrentHashMap<String, List<Long>> {
		private static final long serialVersionUID = 1;

		boolean await(int n, int seconds) throws InterruptedException {
			long end = System.currentTimeMillis() + seconds * 1000L;
			while (size() < n && System.currentTimeMillis() < end)
				Thread.sleep(50);
			Thread.sleep(150);
			return size() >= n;
		}
	}

	private Plain(String ns, String label) {
		this.ns = ns;
		this.label = label;
	}

	public static void main(String[] args) throws Exception {
		Plain p = new Plain(args[0], args[1]);
		DefaultMQProducer producer = new DefaultMQProducer(p.label + "-producer");
		producer.setNamesrvAddr(p.ns);
		producer.start();
		if (args.length > 3)
			p.steady(producer, Integer.parseInt(args[3]));
		else
			p.day(producer);
		p.consumers.forEach(DefaultMQPushConsumer::shutdown);
		producer.shutdown();
		System.exit(p.failed == 0 ? 0 : 1);
	}

	private void claim(String name, String why) {
		System.out.printf("%s %s: %s%n", why == null ? "ok" : "not ok", label, name);
		if (why != null) {
			System.out.printf("# %s%n", why);
			failed++;
		}
		System.out.flush();
	}

	private Got consume(String group, String topic, String tags, boolean refuse) throws Exception {
		Got got = new Got();
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(label + "-" + group);
		c.setNamesrvAddr(ns);
		c.setInstanceName(label + group + RUN);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.setMaxReconsumeTimes(1);
		c.subscribe(label + "-" + topic, tags);
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			for (MessageExt m : msgs) {
				if (m.getKeys() == null || !m.getKeys().startsWith(RUN))
					continue;
				got.computeIfAbsent(m.getKeys(), k -> new ArrayList<>()).add(System.currentTimeMillis());
				if (refuse)
					return ConsumeConcurrentlyStatus.RECONSUME_LATER;
			}
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		consumers.add(c);
		return got;
	}

	private Message message(String topic, String tag, String key) {
		return new Message(label + "-" + topic, tag, RUN + key, key.getBytes(StandardCharsets.UTF_8));
	}

	private void day(DefaultMQProducer p) throws Exception {
		Got all = consume("all", "work", "*", false), tagged = consume("tag", "work", "A || C", false);
		Got fails = consume("fail", "fail", "*", true);
		Set<String> want = new TreeSet<>(), mine = new TreeSet<>();
		String why = null;

		for (int i = 0; i < 20; i++) {
			String tag = i % 2 == 0 ? "A" : "B";
			if (p.send(message("work", tag, "m" + i)).getSendStatus() != SendStatus.SEND_OK)
				why = "m" + i + " is not stored";
			want.add(RUN + "m" + i);
			if (i % 2 == 0)
				mine.add(RUN + "m" + i);
		}
		claim("sends are stored", why);
		p.send(message("fail", "x", "dies"));

		all.await(20, 20);
		claim("each message is consumed once", all.keySet().equals(want)
			&& all.values().stream().allMatch(l -> l.size() == 1) ? null : new TreeMap<>(all).toString());
		tagged.await(10, 10);
		claim("a tag filter passes its tags only", tagged.keySet().equals(mine) ? null : tagged.toString());

		Message late = message("work", "B", "late");
		late.setDelayTimeLevel(1);
		long start = System.currentTimeMillis();
		p.send(late);
		all.await(21, 10);
		List<Long> at = all.get(RUN + "late");
		claim("delay level 1 holds a message back for 1 s",
			at != null && at.get(0) - start >= 950 && at.get(0) - start < 4000 ? null : "came at " + at);

		long end = System.currentTimeMillis() + 45_000;
		while (fails.getOrDefault(RUN + "dies", List.of()).size() < 2 && System.currentTimeMillis() < end)
			Thread.sleep(100);
		claim("a refused message is retried", fails.getOrDefault(RUN + "dies", List.of()).size() == 2
			? null : "it came at " + fails);
		System.out.printf("# dead letter %sdies%n", RUN);
	}

	/* A message may come twice, but none that was acknowledged may stay away. */
	private void steady(DefaultMQProducer p, int n) throws Exception {
		Got all = consume("all", "work", "*", false);
		Map<String, Boolean> acked = new TreeMap<>();
		int errors = 0;

		p.setRetryTimesWhenSendFailed(0);
		for (int i = 0; i < n; i++) {
			if (i == n / 4)
				System.err.println("now");	/* the caller's sign to kill the broker */
			try {
				if (p.send(message("work", "A", "s" + i)).getSendStatus() == SendStatus.SEND_OK)
					acked.put(RUN + "s" + i, true);
			} catch (Exception e) {
				errors++;
				Thread.sleep(200);
			}
			Thread.sleep(10);
		}
		long end = System.currentTimeMillis() + 45_000;
		while (!all.keySet().containsAll(acked.keySet()) && System.currentTimeMillis() < end)
			Thread.sleep(100);
		Set<String> missing = new TreeSet<>(acked.keySet());
		missing.removeAll(all.keySet());
		System.out.printf("# %d acknowledged, %d sends failed%n", acked.size(), errors);
		claim("sends fail while the broker is away, and then no more",
			errors > 0 && acked.size() > n / 2 ? null : acked.size() + " of " + n + " acknowledged, " + errors + " errors");
		claim("what was acknowledged is consumed across the kill", missing.isEmpty() ? null : "missing " + missing);
	}
}
