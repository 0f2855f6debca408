/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/*
 * The Java clients that fetch messages themselves: DefaultMQPullConsumer, DefaultLitePullConsumer with queues of its own
 * choice and with a subscription; and a traced producer and consumer.
 *
 *	Pull NAMESRV NAMESPACE...		one after the other; '' is none
 *
 * Topic java-pull and groups java-pull, java-lite, java-assign and java-traced are there already. The last line of each
 * names a traced message, for the caller to look up: "# traced ID".
 */
@SuppressWarnings("deprecation")
public class Pull {
	private interface Step {
		String run() throws Exception;		/* null, or what is wrong */
	}

	private static final String RUN = Long.toString(System.currentTimeMillis(), 36) + "-", TOPIC = "java-pull";
	private static final int N = 24;
	private final String ns, space, label;
	private final Set<String> sent = new TreeSet<>(), tagged = new TreeSet<>();
	private DefaultMQProducer producer;
	private int failed;

	private Pull(String ns, String space) {
		this.ns = ns;
		this.space = space.isEmpty() ? null : space;
		label = space.isEmpty() ? "java" : "java, namespace " + space;
	}

	public static void main(String[] args) throws Exception {
		int failed = 0;
		for (int i = 1; i < args.length; i++) {
			Pull p = new Pull(args[0], args[i]);
			try {
				p.day();
			} catch (Exception e) {
				p.step("its day comes to its end", () -> e.toString());
			}
			failed += p.failed;
		}
		System.exit(failed == 0 ? 0 : 1);	/* also when clients are left behind */
	}

	private void step(String name, Step s) {
		String why;
		try {
			why = s.run();
		} catch (Exception e) {
			why = e.toString().replace('\n', ' ');
		}
		System.out.printf("%s %s: %s%n", why == null ? "ok" : "not ok", label, name);
		if (why != null) {
			System.out.printf("# %s%n", why);
			failed++;
		}
		System.out.flush();
	}

	private void day() throws Exception {
		producer = new DefaultMQProducer(space, "java-pull-producer", null, true, null);
		producer.setNamesrvAddr(ns);
		producer.start();
		DefaultMQPushConsumer traced = traced();
		String id = null;
		for (int i = 0; i < N; i++) {
			SendResult r = send("m" + i, i % 3 == 0 ? "A" : "B");
			id = i == 0 ? r.getMsgId() : id;
			sent.add(RUN + "m" + i);
			if (i % 3 == 0)
				tagged.add(RUN + "m" + i);
		}
		step("a pull consumer fetches each message once", () -> pulled("*", sent));
		step("a pull consumer fetches what a tag says", () -> pulled("A", tagged));
		step("a pull consumer that waits gets what is sent meanwhile", this::blocked);
		step("a pull consumer's offsets are stored", this::stored);
		step("a lite pull consumer with a subscription gets each message once", () -> subscribed(sent, "lite"));
		step("what it has committed it does not get again", () -> subscribed(Set.of(), "again"));
		step("a lite pull consumer reads the queues it was assigned, and seeks", this::assigned);
		step("a lite pull consumer pauses and resumes a queue", this::paused);
		Thread.sleep(1500);	/* traces leave in batches */
		System.out.printf("# traced %s%n", id);
		traced.shutdown();
		producer.shutdown();
	}

	private SendResult send(String key, String tag) throws Exception {
		return producer.send(new Message(TOPIC, tag, RUN + key, key.getBytes(StandardCharsets.UTF_8)));
	}

	/* Its consumption is traced. */
	private DefaultMQPushConsumer traced() throws Exception {
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(space, "java-traced", null, new AllocateMessageQueueAveragely(),
			true, null);
		c.setNamesrvAddr(ns);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe(TOPIC, "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
		c.start();
		return c;
	}

	private static String differs(Collection<String> got, Collection<String> want) {
		List<String> g = new ArrayList<>(got), w = new ArrayList<>(want);
		g.sort(null);
		w.sort(null);
		return g.equals(w) ? null : "wanted " + w + ", got " + g;
	}

	private static void add(List<MessageExt> msgs, Collection<String> to) {
		for (MessageExt m : msgs)
			if (m.getKeys() != null && m.getKeys().startsWith(RUN))
				to.add(m.getKeys());
	}

	/* ---- DefaultMQPullConsumer */

	private DefaultMQPullConsumer puller() throws Exception {
		DefaultMQPullConsumer c = new DefaultMQPullConsumer(space, "java-pull", null);
		c.setNamesrvAddr(ns);
		c.setInstanceName("pull" + RUN + System.nanoTime());
		c.start();
		return c;
	}

	private String pulled(String tags, Set<String> want) throws Exception {
		DefaultMQPullConsumer c = puller();
		List<String> got = new ArrayList<>();
		try {
			for (MessageQueue mq : c.fetchSubscribeMessageQueues(TOPIC)) {
				long at = c.minOffset(mq);
				for (PullResult r = c.pull(mq, tags, at, 5); r.getPullStatus() != PullStatus.NO_NEW_MSG;
					r = c.pull(mq, tags, at, 5)) {
					if (r.getPullStatus() == PullStatus.FOUND)
						add(r.getMsgFoundList(), got);
					if (r.getNextBeginOffset() <= at)
						return "it stays at " + at + ": " + r;
					at = r.getNextBeginOffset();
				}
				if (at != c.maxOffset(mq))
					return mq + " ends at " + c.maxOffset(mq) + ", not " + at;
			}
		} finally {
			c.shutdown();
		}
		return differs(got, want);
	}

	private String blocked() throws Exception {
		DefaultMQPullConsumer c = puller();
		try {
			MessageQueue mq = c.fetchSubscribeMessageQueues(TOPIC).iterator().next();
			long begin = System.currentTimeMillis(), end = c.maxOffset(mq);
			Thread later = new Thread(() -> {
				try {
					Thread.sleep(700);
					producer.send(new Message(TOPIC, "B", RUN + "waited", "w".getBytes(StandardCharsets.UTF_8)), mq);
				} catch (Exception e) {
					e.printStackTrace();
				}
			});
			later.start();
			PullResult r = c.pullBlockIfNotFound(mq, "*", end, 32);
			long took = System.currentTimeMillis() - begin;
			later.join();
			sent.add(RUN + "waited");
			return r.getPullStatus() == PullStatus.FOUND && took >= 600 && took < 10_000 ? null : r + " after " + took + " ms";
		} finally {
			c.shutdown();
		}
	}

	private String stored() throws Exception {
		DefaultMQPullConsumer c = puller();
		MessageQueue mq = c.fetchSubscribeMessageQueues(TOPIC).iterator().next();
		c.updateConsumeOffset(mq, 2);
		c.getOffsetStore().persist(c.queueWithNamespace(mq));
		c.shutdown();
		c = puller();
		long at = c.fetchConsumeOffset(mq, true), first = c.searchOffset(mq, 0), end = c.maxOffset(mq);
		long last = c.searchOffset(mq, System.currentTimeMillis() + 1000);
		c.shutdown();
		return at == 2 && first == 0 && (last == end || last == end - 1) ? null
			: "at " + at + ", first " + first + ", last " + last + " of " + end;
	}

	/* ---- DefaultLitePullConsumer */

	private DefaultLitePullConsumer lite(String group) {
		DefaultLitePullConsumer c = new DefaultLitePullConsumer(space, group, null);
		c.setNamesrvAddr(ns);
		c.setInstanceName(group + RUN + System.nanoTime());
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.setAutoCommit(false);
		return c;
	}

	private static List<String> poll(DefaultLitePullConsumer c, int n, int seconds) {
		List<String> got = new ArrayList<>();
		long end = System.currentTimeMillis() + seconds * 1000L;
		while (got.size() < n && System.currentTimeMillis() < end)
			add(c.poll(200), got);
		add(c.poll(300), got);
		return got;
	}

	private String subscribed(Set<String> want, String later) throws Exception {
		DefaultLitePullConsumer c = lite("java-lite");
		c.subscribe(TOPIC, "*");
		c.start();
		try {
			List<String> got = poll(c, want.size(), 30);
			String why = differs(got, want);
			if (why != null)
				return why;
			send(later, "B");
			sent.add(RUN + later);
			why = differs(poll(c, 1, 30), Set.of(RUN + later));
			c.commitSync();
			c.commit(c.assignment(), true);
			return why;
		} finally {
			c.shutdown();
		}
	}

	private String assigned() throws Exception {
		DefaultLitePullConsumer c = lite("java-assign");
		c.start();
		try {
			Collection<MessageQueue> queues = c.fetchMessageQueues(TOPIC);
			c.assign(queues);
			for (MessageQueue mq : queues)
				c.seekToBegin(mq);
			String why = differs(poll(c, sent.size(), 30), sent);
			if (why != null)
				return why;
			MessageQueue one = queues.iterator().next();
			Map<MessageQueue, Long> was = new TreeMap<>();
			was.put(one, c.offsetForTimestamp(one, 0L));
			c.seek(one, was.get(one));
			List<String> again = poll(c, 1, 30);
			c.commitSync();
			if (again.isEmpty() || !sent.containsAll(again))
				return "after seeking back: " + again;
			long end = System.currentTimeMillis() + 10_000;
			while (c.committed(one) <= 0 && System.currentTimeMillis() < end)
				Thread.sleep(100);
			return c.committed(one) > 0 ? null : "committed " + c.committed(one);
		} finally {
			c.shutdown();
		}
	}

	private String paused() throws Exception {
		DefaultLitePullConsumer c = lite("java-assign");
		c.start();
		try {
			Collection<MessageQueue> queues = c.fetchMessageQueues(TOPIC);
			c.assign(queues);
			for (MessageQueue mq : queues)
				c.seekToEnd(mq);
			poll(c, 1, 1);
			c.pause(queues);
			for (MessageQueue mq : queues) {	/* ends the requests that wait already */
				producer.send(new Message(TOPIC, "B", RUN + "end" + mq.getQueueId(), new byte[] { 'e' }), mq);
				sent.add(RUN + "end" + mq.getQueueId());
			}
			String why = poll(c, queues.size(), 10).size() == queues.size() ? null : "what waited is not ended";
			if (why != null)
				return why;
			send("paused", "B");
			List<String> got = poll(c, 1, 2);
			if (!got.isEmpty())
				return "while paused: " + got;
			c.resume(queues);
			return differs(poll(c, 1, 30), Set.of(RUN + "paused"));
		} finally {
			c.shutdown();
		}
	}
}
