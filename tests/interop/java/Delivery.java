/* SPDX-License-Identifier: Apache-2.0 */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.body.CMResult;
import org.apache.rocketmq.common.protocol.body.ConsumerRunningInfo;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/*
 * What the broker does for consumers beside handing out messages.
 *
 *	Delivery NAMESRV TDMQCTL [ONLINE-TOPIC]		ONLINE-TOPIC: a group of that name is reset, too
 *	Delivery orderly NAMESRV			a member of group java-orderly, until it is killed
 *
 * The broker checks transactions twice, and makes topics and groups on first use.
 */
public class Delivery {
	private static final int QUEUES = 4, ORDERED = 4000, SOME = 20;
	private static String namesrv, tdmqctl;
	private static int failed;

	private interface Claim {
		void check() throws Exception;
	}

	private static synchronized void claim(String name, Claim c) {
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

	private static void await(int seconds, BooleanSupplier what, String otherwise) throws Exception {
		long end = System.currentTimeMillis() + seconds * 1000L;
		while (!what.getAsBoolean() && System.currentTimeMillis() < end)
			Thread.sleep(50);
		that(what.getAsBoolean(), otherwise);
	}

	public static void main(String[] args) throws Exception {
		if (args[0].equals("orderly")) {
			namesrv = args[1];
			orderly("child", (line) -> System.out.println(line));
			Thread.sleep(600000);
			return;
		}
		namesrv = args[0];
		tdmqctl = args[1];
		/* It waits for a lock to expire, so the others run meanwhile. */
		String[] why = new String[1];
		Thread killed = new Thread(() -> why[0] = killedOwner());
		killed.start();
		claim("a request is answered by its reply", Delivery::requestReply);
		claim("a request nobody answers times out", Delivery::requestTimeout);
		claim("each member of a broadcast group gets each message", Delivery::broadcast);
		claim("running info, a message consumed directly, positions: asked of the client", Delivery::questions);
		claim("a running consumer is reset to the beginning", () -> reset(args.length > 2 ? args[2] : null));
		claim("a transaction nobody ends is asked about twice, set aside, and begun anew", Delivery::setAside);
		killed.join();
		claim("orderly: never two at once, in order, and a killed owner's queues go on",
			() -> that(why[0] == null, why[0]));
		System.exit(failed == 0 ? 0 : 1);
	}

	private static DefaultMQProducer producer(String group) throws Exception {
		DefaultMQProducer p = new DefaultMQProducer(group);
		p.setNamesrvAddr(namesrv);
		p.start();
		return p;
	}

	private static DefaultMQPushConsumer consumer(String group, String topic, String instance) throws Exception {
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(group);
		c.setNamesrvAddr(namesrv);
		c.setInstanceName(instance);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe(topic, "*");
		return c;
	}

	private static byte[] bytes(String s) {
		return s.getBytes(StandardCharsets.UTF_8);
	}

	/* ---- request and reply ---- */

	private static void requestReply() throws Exception {
		DefaultMQProducer asks = producer("java-asks"), replies = producer("java-replies");
		asks.send(new Message("java-questions", bytes("warm up"))); /* makes the topic */
		AtomicInteger got = new AtomicInteger();
		DefaultMQPushConsumer c = consumer("java-answers", "java-questions", "answers");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			got.addAndGet(msgs.size());
			for (MessageExt m : msgs) {
				if (m.getProperty("REPLY_TO_CLIENT") == null)
					continue;
				try {
					replies.send(MessageUtil.createReplyMessage(m,
						bytes(new String(m.getBody(), StandardCharsets.UTF_8) + "!")));
				} catch (Exception e) {
					System.err.println("reply: " + e);
				}
			}
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		await(40, () -> got.get() > 0, "the consumer does not start");
		DefaultMQAdminExt a = admin();
		awaitProducer(a, "java-asks", "java-questions");
		a.shutdown();
		for (int i = 0; i < SOME; i++) {
			Message m = asks.request(new Message("java-questions", bytes("question " + i)), 10000);
			String said = new String(m.getBody(), StandardCharsets.UTF_8);
			that(said.equals("question " + i + "!"), "answered with " + said);
		}
		c.shutdown();
		asks.shutdown();
		replies.shutdown();
	}

	private static void requestTimeout() throws Exception {
		DefaultMQProducer asks = producer("java-asks-in-vain");
		try {
			asks.request(new Message("java-silence", bytes("anybody?")), 1000);
			that(false, "somebody answered");
		} catch (RequestTimeoutException e) {
			/* as it should */
		} finally {
			asks.shutdown();
		}
	}

	/* ---- broadcast ---- */

	private static void broadcast() throws Exception {
		List<DefaultMQPushConsumer> members = new ArrayList<>();
		List<Set<String>> got = new ArrayList<>();
		DefaultMQProducer p = producer("java-tells-all");
		p.send(new Message("java-broadcast", bytes("warm up")));
		for (int i = 0; i < 2; i++) {
			Set<String> mine = ConcurrentHashMap.newKeySet();
			DefaultMQPushConsumer c = consumer("java-broadcast", "java-broadcast", "member-" + System.nanoTime());
			c.setMessageModel(MessageModel.BROADCASTING);
			c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
				msgs.forEach(m -> mine.add(m.getKeys() == null ? "" : m.getKeys()));
				return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
			});
			c.start();
			members.add(c);
			got.add(mine);
		}
		/* Members of a broadcast begin where the topic ends: both must be there first. */
		await(20, () -> got.get(0).contains("") && got.get(1).contains(""), "the members do not start");
		for (int i = 0; i < SOME; i++)
			p.send(new Message("java-broadcast", "", "k" + i, bytes("all")));
		await(20, () -> got.get(0).size() == SOME + 1 && got.get(1).size() == SOME + 1,
			got.get(0).size() + " and " + got.get(1).size() + " of " + (SOME + 1));
		members.forEach(DefaultMQPushConsumer::shutdown);
		p.shutdown();
	}

	/* ---- questions to a client ---- */

	private static DefaultMQAdminExt admin() throws Exception {
		DefaultMQAdminExt a = new DefaultMQAdminExt();
		a.setNamesrvAddr(namesrv);
		a.setInstanceName("admin-" + System.nanoTime());
		a.start();
		return a;
	}

	/* Its first heartbeat may be 30 s late, if it did not know the broker after its first second. */
	private static void awaitProducer(DefaultMQAdminExt a, String group, String topic) throws Exception {
		await(45, () -> {
			try {
				return a.examineProducerConnectionInfo(group, topic).getConnectionSet().size() > 0;
			} catch (Exception e) {
				return false;
			}
		}, "the producer does not appear");
	}

	private static void questions() throws Exception {
		DefaultMQAdminExt a = admin();
		DefaultMQProducer p = producer("java-questioner");
		String id = p.send(new Message("java-known", "", "direct", bytes("x"))).getOffsetMsgId();
		AtomicInteger seen = new AtomicInteger();
		DefaultMQPushConsumer c = consumer("java-known", "java-known", "known");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			seen.addAndGet(msgs.size());
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		await(20, () -> seen.get() == 1, "the consumer got " + seen.get());
		String client = c.getDefaultMQPushConsumerImpl().getmQClientFactory().getClientId();

		ConsumerRunningInfo info = a.getConsumerRunningInfo("java-known", client, true);
		that(info.getMqTable().size() > 0 && info.getJstack().contains("Thread"), "no queues or no stacks");
		that(a.consumeMessageDirectly("java-known", client, "java-known", id).getConsumeResult() == CMResult.CR_SUCCESS,
			"not consumed directly");
		that(seen.get() == 2, "consumed " + seen.get() + " times");
		Map<String, Map<MessageQueue, Long>> at = a.getConsumeStatus("java-known", "java-known", "");
		that(at.containsKey(client) && at.get(client).values().stream().mapToLong(n -> n).sum() == 1, "positions " + at);
		try {
			a.getConsumerRunningInfo("java-known", "nobody", false);
			that(false, "nobody answered");
		} catch (org.apache.rocketmq.client.exception.MQClientException e) {
			that(e.getErrorMessage().contains("not online"), e.getErrorMessage());
		}
		c.shutdown();
		p.shutdown();
		a.shutdown();
	}

	/* ---- reset ---- */

	/* Refused until the consumer has committed its positions: 10 s after its start. */
	private static void resetOne(DefaultMQAdminExt a, String name) throws Exception {
		await(40, () -> {
			try {
				Map<MessageQueue, Long> to = a.resetOffsetByTimestamp(name, name, 0, true);
				return to.size() > 0 && to.values().stream().allMatch(n -> n == 0);
			} catch (Exception e) {
				return false;
			}
		}, name + " is not reset");
	}

	private static void reset(String other) throws Exception {
		DefaultMQAdminExt a = admin();
		DefaultMQProducer p = producer("java-reset-producer");
		Map<String, AtomicInteger> times = new ConcurrentHashMap<>();
		for (int i = 0; i < SOME; i++)
			p.send(new Message("java-reset", "", "k" + i, bytes("x")));
		DefaultMQPushConsumer c = consumer("java-reset", "java-reset", "reset");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(m -> times.computeIfAbsent(m.getKeys(), k -> new AtomicInteger()).incrementAndGet());
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		await(20, () -> times.size() == SOME, "the consumer got " + times.size());
		resetOne(a, "java-reset");
		if (other != null)
			resetOne(a, other);
		/* It stops for 10 s, then begins again. */
		await(40, () -> times.values().stream().allMatch(n -> n.get() >= 2), "after the reset: " + times);
		c.shutdown();
		p.shutdown();
		a.shutdown();
	}

	/* ---- transactions ---- */

	private static String ctl(String... args) throws Exception {
		List<String> command = new ArrayList<>(List.of(tdmqctl, "-s", namesrv));
		command.addAll(List.of(args));
		Process p = new ProcessBuilder(command).redirectErrorStream(true).start();
		String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
		that(p.waitFor() == 0, String.join(" ", args) + ": " + out);
		return out;
	}

	private static void setAside() throws Exception {
		AtomicInteger asked = new AtomicInteger(), got = new AtomicInteger();
		LocalTransactionState[] says = { LocalTransactionState.UNKNOW };
		TransactionMQProducer p = new TransactionMQProducer("java-undecided");
		p.setNamesrvAddr(namesrv);
		p.setTransactionListener(new TransactionListener() {
			@Override
			public LocalTransactionState executeLocalTransaction(Message m, Object arg) {
				return LocalTransactionState.UNKNOW;
			}

			@Override
			public LocalTransactionState checkLocalTransaction(MessageExt m) {
				asked.incrementAndGet();
				return says[0];
			}
		});
		p.start();
		DefaultMQAdminExt a = admin();
		p.send(new Message("java-undecided", "", "warm up", bytes("x")));
		/* A check that meets no producer is spent, as with Apache. */
		awaitProducer(a, "java-undecided", "java-undecided");
		p.sendMessageInTransaction(new Message("java-undecided", "", "undecided", bytes("x")), null);
		Pattern aside = Pattern.compile("\"offsetId\": \"(\\w+)\",\\s+\"state\": \"aside\"");
		Matcher[] found = new Matcher[1];
		await(30, () -> {
			try {
				found[0] = aside.matcher(ctl("transaction", "list", "--topic", "java-undecided", "-o", "json"));
				return found[0].find();
			} catch (Exception e) {
				throw new RuntimeException(e);
			}
		}, "not set aside, asked " + asked);
		that(asked.get() == 2, "asked " + asked + " times");

		DefaultMQPushConsumer c = consumer("java-undecided", "java-undecided", "undecided");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.stream().filter(m -> "undecided".equals(m.getKeys())).forEach(m -> got.incrementAndGet());
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		says[0] = LocalTransactionState.COMMIT_MESSAGE;
		that(a.resumeCheckHalfMessage(found[0].group(1)), "not resumed");
		await(30, () -> got.get() == 1, "after it was begun anew: asked " + asked + ", got " + got);
		c.shutdown();
		p.shutdown();
		a.shutdown();
	}

	/* ---- orderly ---- */

	private interface Sink {
		void line(String s);
	}

	/* Prints "NAME QUEUE NUMBER START END" for each message; times are in microseconds of one clock. */
	private static DefaultMQPushConsumer orderly(String name, Sink sink) throws Exception {
		DefaultMQPushConsumer c = consumer("java-orderly", "java-orderly", name + System.nanoTime());
		c.setConsumeMessageBatchMaxSize(1);
		c.registerMessageListener((MessageListenerOrderly) (msgs, ctx) -> {
			for (MessageExt m : msgs) {
				long start = System.currentTimeMillis();
				try {
					Thread.sleep(5);
				} catch (InterruptedException e) {
					return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
				}
				sink.line(name + " " + m.getQueueId() + " " + new String(m.getBody(), StandardCharsets.UTF_8) + " "
					+ start + " " + System.currentTimeMillis());
			}
			return ConsumeOrderlyStatus.SUCCESS;
		});
		c.start();
		return c;
	}

	private static long[][] parse(ConcurrentLinkedQueue<String> lines, int queue) {
		return lines.stream().map(l -> l.split(" ")).filter(f -> Integer.parseInt(f[1]) == queue)
			.map(f -> new long[] { Long.parseLong(f[2]), Long.parseLong(f[3]), Long.parseLong(f[4]),
				f[0].equals("child") ? 1 : 0 })
			.sorted((a, b) -> Long.compare(a[1], b[1])).toArray(long[][]::new);
	}

	/* A queue's messages by the time they were begun: none begins before the one before has ended. */
	private static String judge(ConcurrentLinkedQueue<String> lines, int queue) {
		long[][] all = parse(lines, queue);
		Set<Long> seen = ConcurrentHashMap.newKeySet();
		long most = -1;
		for (int i = 0; i < all.length; i++) {
			/* What the killed one had not committed comes again, from its beginning. */
			if (all[i][0] > most + 1)
				return "queue " + queue + ": " + all[i][0] + " after " + most;
			most = Math.max(most, all[i][0]);
			seen.add(all[i][0]);
			if (i > 0 && all[i][3] != all[i - 1][3] && all[i][1] < all[i - 1][2])
				return "queue " + queue + ": two at once";
		}
		return seen.size() == ORDERED / QUEUES ? null
			: "queue " + queue + ": " + seen.size() + " of " + ORDERED / QUEUES;
	}

	private static String killedOwner() {
		try {
			ConcurrentLinkedQueue<String> lines = new ConcurrentLinkedQueue<>();
			AtomicInteger childs = new AtomicInteger();
			DefaultMQProducer p = producer("java-orders");
			for (int i = 0; i < ORDERED; i++) {
				String body = Integer.toString(i / QUEUES);
				p.send(new Message("java-orderly", bytes(body)), (queues, m, arg) -> queues.get((int) arg), i % QUEUES);
			}
			DefaultMQPushConsumer c = orderly("mine", lines::add);
			Process child = new ProcessBuilder(System.getProperty("java.home") + "/bin/java", "-Xmx128m", "-cp",
				System.getProperty("java.class.path"), "Delivery", "orderly", namesrv)
				.redirectError(ProcessBuilder.Redirect.DISCARD).start();
			Thread reader = new Thread(() -> {
				try (BufferedReader r = new BufferedReader(new InputStreamReader(child.getInputStream()))) {
					for (String l; (l = r.readLine()) != null;)
						if (l.startsWith("child ") && l.split(" ").length == 5) {
							lines.add(l);
							childs.incrementAndGet();
						}
				} catch (Exception e) {
					/* it was killed */
				}
			});
			reader.start();
			try {
				await(40, () -> childs.get() > 30, "the second member got no queue");
			} finally {
				child.destroyForcibly().waitFor();
			}
			reader.join();
			await(100, () -> {
				for (int q = 0; q < QUEUES; q++)
					if (parse(lines, q).length < ORDERED / QUEUES)
						return false;
				return true;
			}, "the queues of the killed one stand still");
			Thread.sleep(500);
			c.shutdown();
			p.shutdown();
			for (int q = 0; q < QUEUES; q++) {
				String why = judge(lines, q);
				if (why != null)
					return why;
			}
			return null;
		} catch (Throwable t) {
			return String.valueOf(t);
		}
	}
}
