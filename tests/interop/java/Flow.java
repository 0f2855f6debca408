/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.protocol.body.ConsumerConnection;
import org.apache.rocketmq.common.protocol.heartbeat.ConsumeType;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.protocol.heartbeat.SubscriptionData;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/*
 * The Java client's whole day against one name server: every way to send, concurrent, orderly and
 * broadcasting consumers, tags, delay, retry until the dead letter topic, rebalance, stored offsets,
 * queries. Each claim is a line "ok NAME" or "not ok NAME", with the reason behind a "#".
 *
 *	Flow NAMESRV NAMESPACE			NAMESPACE may be ''
 *	Flow NAMESRV NAMESPACE redelivered KEY	only: the dead letter with that key comes again
 *
 * Topics (java-work, java-order, java-fail) and groups (java-all, -tag, -sql, -order, -fail, -cast) are there
 * already. Keys begin with a run number, so that what earlier runs left behind does not matter.
 */
@SuppressWarnings("deprecation")
public class Flow {
	private interface Step {
		String run() throws Exception;		/* null, or what is wrong */
	}

	/* Before the first retry: 10 s with Apache, 1 s with brokerd. A little less is rounding. */
	private static final long FIRST_PAUSE_MS = Long.parseLong(System.getenv().getOrDefault("FIRST_PAUSE_MS", "950"));

	private final String ns, space, label;
	private final String run = Long.toString(System.currentTimeMillis(), 36) + "-";
	private final List<DefaultMQPushConsumer> consumers = new ArrayList<>();
	private final List<SendResult> sent = new ArrayList<>();
	private DefaultMQProducer producer;
	private int passed, failed;

	private Flow(String ns, String space) {
		this.ns = ns;
		this.space = space.isEmpty() ? null : space;
		label = space.isEmpty() ? "java" : "java, namespace " + space;
	}

	public static void main(String[] args) throws Exception {
		Flow f = new Flow(args[0], args[1]);
		f.producer = new DefaultMQProducer(f.space, "java-producer", null);
		f.producer.setNamesrvAddr(f.ns);
		f.producer.start();
		if (args.length > 3)
			f.redelivered(args[3]);
		else
			f.day();
		f.producer.shutdown();
		f.consumers.forEach(DefaultMQPushConsumer::shutdown);
		System.out.printf("# %s: %d passed, %d failed%n", f.label, f.passed, f.failed);
		System.exit(f.failed == 0 ? 0 : 1);
	}

	private void step(String name, Step s) {
		String why;
		try {
			why = s.run();
		} catch (Exception e) {
			why = e.toString().replace('\n', ' ');
		}
		System.out.printf("%s %s: %s%n", why == null ? "ok" : "not ok", label, name);
		if (why != null)
			System.out.printf("# %s%n", why);
		System.out.flush();
		if (why == null)
			passed++;
		else
			failed++;
	}

	private void day() throws Exception {
		Inbox all = new Inbox(run), tags = new Inbox(run), fails = new Inbox(run), order = new Inbox(run);
		Inbox sql = new Inbox(run), cast1 = new Inbox(run), cast2 = new Inbox(run);
		DefaultMQPushConsumer first = consumer("java-all", "java-work", "*", all);
		consumer("java-tag", "java-work", "A || C", tags);
		sql(sql);
		failing(fails);
		orderly(order);
		casting(cast1);
		casting(cast2);

		step("sync sends reach every queue", this::sendSync);
		step("async sends call back", this::sendAsync);
		step("one-way and batch sends are accepted", this::sendOnewayAndBatch);
		step("small, large and empty-tagged bodies are accepted", this::sendSizes);
		step("messages that will fail are sent", () -> {
			sent.add(send("java-fail", "x", "dies"));
			sent.add(send("java-fail", "x", "recovers"));
			return null;
		});
		step("each message is consumed once, whole", () -> consumedOnce(all));
		step("a tag filter passes its tags only", () -> tagged(tags));
		step("a SQL92 filter passes what it says", () -> Inbox.once(sql.await(12, 15, i -> true),
			numbers(3, 5, "sync", "async", "oneway", "batch")));
		step("broadcast reaches both members", () -> broadcast(cast1, cast2));
		step("orderly consumption keeps the order of each key", () -> inOrder(order));
		step("delay levels 1 and 2 hold a message back for 1 s and 5 s", () -> delayed(all));
		step("found by offset id, unique id and key", this::queries);
		step("a second member takes over queues", () -> rebalanced(first));
		step("offsets outlive the members", this::resumed);
		step("a refused message is retried with its key and topic", () -> retried(fails));
		step("the last refusal ends in the dead letter topic", this::dead);
		step("members and producers are listed while they are there", this::listed);
		step("members that left are gone", this::gone);
		System.out.printf("# dead letter %sdies%n", run);
	}

	private DefaultMQPushConsumer raw(String group) {
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(space, group, null);
		c.setNamesrvAddr(ns);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.setConsumeThreadMin(2);
		c.setConsumeThreadMax(2);
		consumers.add(c);
		return c;
	}

	private DefaultMQPushConsumer consumer(String group, String topic, String tags, Inbox in) throws Exception {
		DefaultMQPushConsumer c = raw(group);
		c.subscribe(topic, tags);
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(in::add);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		return c;
	}

	private void sql(Inbox in) throws Exception {
		DefaultMQPushConsumer c = raw("java-sql");
		c.subscribe("java-work", MessageSelector.bySql("number BETWEEN 3 AND 5 AND TAGS IN ('A', 'B', 'C')"));
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(in::add);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
	}

	/* Refuses everything twice, but for the key that recovers, which it accepts the second time. */
	private void failing(Inbox in) throws Exception {
		DefaultMQPushConsumer c = raw("java-fail");
		c.setMaxReconsumeTimes(1);
		c.subscribe("java-fail", "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			Inbox.Item i = in.add(msgs.get(0));
			boolean good = !i.key.startsWith(run) || i.key.endsWith("recovers") && i.msg.getReconsumeTimes() > 0;
			return good ? ConsumeConcurrentlyStatus.CONSUME_SUCCESS : ConsumeConcurrentlyStatus.RECONSUME_LATER;
		});
		c.start();
	}

	private void orderly(Inbox in) throws Exception {
		DefaultMQPushConsumer c = raw("java-order");
		c.subscribe("java-order", "*");
		c.registerMessageListener((MessageListenerOrderly) (msgs, ctx) -> {
			msgs.forEach(in::add);
			return ConsumeOrderlyStatus.SUCCESS;
		});
		c.start();
	}

	private void casting(Inbox in) throws Exception {
		DefaultMQPushConsumer c = raw("java-cast");
		c.setMessageModel(MessageModel.BROADCASTING);
		c.setInstanceName(run + consumers.size());
		c.subscribe("java-work", "C");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			msgs.forEach(in::add);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
	}

	private Message message(String topic, String tag, String key) {
		Message m = new Message(topic, tag, run + key, body(key));
		m.putUserProperty("origin", key);
		m.putUserProperty("number", "0" + key.replaceAll("[a-z]+", ""));
		return m;
	}

	private static byte[] body(String key) {
		return ("消息 " + key).getBytes(StandardCharsets.UTF_8);
	}

	private SendResult send(String topic, String tag, String key) throws Exception {
		return producer.send(message(topic, tag, key));
	}

	private Set<String> keys(String... groups) {
		Set<String> s = new TreeSet<>();
		for (String g : groups) {
			String[] f = g.split(":");
			for (int i = 0; i < Integer.parseInt(f[1]); i++)
				s.add(run + f[0] + i);
		}
		return s;
	}

	private Set<String> numbers(int from, int to, String... kinds) {
		Set<String> s = new TreeSet<>();
		for (String k : kinds)
			for (int i = from; i <= to; i++)
				s.add(run + k + i);
		return s;
	}

	private String sendSync() throws Exception {
		Set<Integer> queues = new TreeSet<>();
		for (int i = 0; i < 20; i++) {
			SendResult r = send("java-work", i % 2 == 0 ? "A" : "B", "sync" + i);
			if (r.getSendStatus() != SendStatus.SEND_OK)
				return r.toString();
			sent.add(r);
			queues.add(r.getMessageQueue().getQueueId());
		}
		return queues.size() == 4 ? null : "queues used: " + queues;
	}

	private String sendAsync() throws Exception {
		CountDownLatch left = new CountDownLatch(10);
		List<String> errors = new ArrayList<>();
		for (int i = 0; i < 10; i++)
			producer.send(message("java-work", "B", "async" + i), new SendCallback() {
				@Override
				public void onSuccess(SendResult r) {
					left.countDown();
				}

				@Override
				public void onException(Throwable e) {
					errors.add(e.toString());
					left.countDown();
				}
			});
		if (!left.await(10, TimeUnit.SECONDS))
			return left.getCount() + " without an answer";
		return errors.isEmpty() ? null : errors.toString();
	}

	private String sendOnewayAndBatch() throws Exception {
		for (int i = 0; i < 10; i++)
			producer.sendOneway(message("java-work", "B", "oneway" + i));
		List<Message> batch = new ArrayList<>();
		for (int i = 0; i < 10; i++)
			batch.add(message("java-work", "C", "batch" + i));
		SendResult r = producer.send(batch);
		if (r.getSendStatus() != SendStatus.SEND_OK)
			return r.toString();
		return r.getMsgId().split(",").length == 10 ? null : "ids of the batch: " + r.getMsgId();
	}

	/* From 4 KiB on the client compresses; noise does not shrink; no tag at all is a case of its own. */
	private String sendSizes() throws Exception {
		byte[] text = new byte[100_000], noise = new byte[1_000_000];
		Arrays.fill(text, (byte) 'x');
		new Random(1).nextBytes(noise);
		producer.send(new Message("java-work", "B", run + "text0", text));
		producer.send(new Message("java-work", "B", run + "noise0", noise));
		producer.send(new Message("java-work", null, run + "tiny0", new byte[] {'.'}));
		return null;
	}

	private String consumedOnce(Inbox in) throws Exception {
		Set<String> want = keys("sync:20", "async:10", "oneway:10", "batch:10", "text:1", "noise:1", "tiny:1");
		List<Inbox.Item> got = in.await(want.size(), 20, i -> true);
		String why = Inbox.once(got, want);
		for (Inbox.Item i : got) {
			if (why != null)
				break;
			String key = i.key.substring(run.length());
			int n = i.msg.getBody().length;
			if (!i.msg.getTopic().equals("java-work"))
				why = i.key + " names the topic " + i.msg.getTopic();
			else if (key.equals("text0") ? n != 100_000 : key.equals("noise0") ? n != 1_000_000 : false)
				why = i.key + " has " + n + " bytes";
			else if (n < 1000 && !key.equals("tiny0") && !i.body.equals("消息 " + key))
				why = i.key + " has the body " + i.body;
			else if (n < 1000 && !key.equals("tiny0") && !key.equals(i.msg.getUserProperty("origin")))
				why = i.key + " lost its property";
			else if (i.msg.getReconsumeTimes() != 0 || i.msg.getBornTimestamp() > i.msg.getStoreTimestamp() + 5000)
				why = i.key + " has odd times: " + i.msg;
		}
		return why;
	}

	private String tagged(Inbox in) throws Exception {
		Set<String> want = keys("batch:10");
		for (int i = 0; i < 20; i += 2)
			want.add(run + "sync" + i);
		return Inbox.once(in.await(want.size(), 15, i -> true), want);
	}

	private String broadcast(Inbox one, Inbox two) throws Exception {
		Set<String> want = keys("batch:10");
		String a = Inbox.once(one.await(10, 15, i -> true), want), b = Inbox.once(two.await(10, 15, i -> true), want);
		return a != null ? "first: " + a : b != null ? "second: " + b : null;
	}

	private String inOrder(Inbox in) throws Exception {
		for (int i = 0; i < 40; i++) {
			String key = "order" + i % 5;
			producer.send(message("java-order", "o", "o" + i),
				(queues, m, arg) -> queues.get(Math.abs(arg.hashCode()) % queues.size()), key);
		}
		List<Inbox.Item> got = in.await(40, 30, i -> true);
		String why = Inbox.once(got, keys("o:40"));
		Map<Integer, Integer> last = new TreeMap<>();
		for (Inbox.Item i : got) {
			int n = Integer.parseInt(i.key.substring(run.length() + 1));
			Integer before = last.put(n % 5, n);
			if (why == null && before != null && before > n)
				why = "key " + n % 5 + ": " + n + " after " + before;
		}
		return why;
	}

	private String delayed(Inbox in) throws Exception {
		long start = System.currentTimeMillis();
		for (int level = 1; level <= 2; level++) {
			Message m = message("java-work", "B", "delay" + level);
			m.setDelayTimeLevel(level);
			producer.send(m);
		}
		String why = null;
		for (Inbox.Item i : in.await(2, 15, i -> i.key.startsWith(run + "delay"))) {
			long ms = i.at - start, want = i.key.endsWith("1") ? 1000 : 5000;
			if (ms < want - 50 || ms > want + 3000)
				why = i.key + " came after " + ms + " ms";
			if (!i.msg.getTopic().equals("java-work"))
				why = i.key + " came from " + i.msg.getTopic();
		}
		int n = in.all(i -> i.key.startsWith(run + "delay")).size();
		return n == 2 ? why : n + " of 2 came";
	}

	private String queries() throws Exception {
		SendResult r = sent.get(3);
		byte[] want = body("sync3");
		MessageExt byOffset = producer.viewMessage("java-work", r.getOffsetMsgId());
		if (!Arrays.equals(byOffset.getBody(), want))
			return "by offset id: " + byOffset;
		long now = System.currentTimeMillis(), end = now + 10_000;
		QueryResult byKey = null;
		/* The index is written behind the answer to the send. */
		while (byKey == null)
			try {
				byKey = producer.queryMessage("java-work", run + "sync3", 32, now - 3_600_000, now + 60_000);
			} catch (MQClientException e) {
				if (System.currentTimeMillis() > end)
					throw e;
				Thread.sleep(200);
			}
		if (byKey.getMessageList().size() != 1 || !Arrays.equals(byKey.getMessageList().get(0).getBody(), want))
			return "by key: " + byKey;
		MessageExt byId = producer.viewMessage("java-work", r.getMsgId());
		return Arrays.equals(byId.getBody(), want) ? null : "by unique id: " + byId;
	}

	private String rebalanced(DefaultMQPushConsumer first) throws Exception {
		Inbox in = new Inbox(run);
		DefaultMQPushConsumer second = consumer("java-all", "java-work", "*", in);
		long end = System.currentTimeMillis() + 25_000;
		int mine = 0, other = 0;
		while (System.currentTimeMillis() < end && (mine != 2 || other != 2)) {
			Thread.sleep(100);
			mine = queues(first);
			other = queues(second);
		}
		if (mine != 2 || other != 2)
			return "queues: " + mine + " and " + other + ", not 2 and 2";
		for (int i = 0; i < 8; i++)
			send("java-work", "B", "shared" + i);
		int n = in.await(4, 10, i -> i.key.startsWith(run + "shared")).size();
		first.shutdown();
		end = System.currentTimeMillis() + 25_000;
		while (queues(second) != 4 && System.currentTimeMillis() < end)
			Thread.sleep(100);
		if (queues(second) != 4)
			return "the second has " + queues(second) + " queues after the first has left";
		second.shutdown();
		return n == 4 ? null : "the second member got " + n + " of its 4";
	}

	private static int queues(DefaultMQPushConsumer c) {
		return (int) c.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet().stream()
			.filter(q -> !q.getTopic().contains("%RETRY%")).count();
	}

	private String resumed() throws Exception {
		for (int i = 0; i < 8; i++)
			send("java-work", "B", "later" + i);
		Inbox in = new Inbox("");
		DefaultMQPushConsumer c = consumer("java-all", "java-work", "*", in);
		List<Inbox.Item> got = in.await(8, 20, i -> true);
		c.shutdown();
		return Inbox.once(got, keys("later:8"));
	}

	private String retried(Inbox in) throws Exception {
		List<Inbox.Item> got = in.await(4, 45, i -> true);
		for (String key : new String[] {"dies", "recovers"}) {
			List<Inbox.Item> of = in.all(i -> i.key.equals(run + key));
			if (of.size() != 2)
				return key + " came " + of.size() + " times";
			Inbox.Item again = of.get(1);
			if (again.msg.getReconsumeTimes() != 1)
				return key + " says it is try " + again.msg.getReconsumeTimes();
			if (!again.msg.getTopic().equals("java-fail") || !again.body.equals("消息 " + key))
				return key + " came again as " + again.msg;
			long ms = again.at - of.get(0).at;
			/* Later, if the client asked for the route of its retry topic before there was one. */
			if (ms < FIRST_PAUSE_MS)
				return key + " came again after " + ms + " ms, not " + FIRST_PAUSE_MS;
		}
		return got.size() == 4 ? null : got.size() + " deliveries";
	}

	private DefaultMQAdminExt admin() throws Exception {
		DefaultMQAdminExt a = new DefaultMQAdminExt(5000);
		a.setNamesrvAddr(ns);
		a.setInstanceName("admin" + System.nanoTime());
		a.start();
		return a;
	}

	private String wire(String name) {
		return space == null ? name : space + "%" + name;
	}

	private String dead() throws Exception {
		DefaultMQAdminExt a = admin();
		String topic = "%DLQ%" + wire("java-fail");
		long now = System.currentTimeMillis(), end = now + 20_000;
		try {
			while (true)
				try {
					List<MessageExt> l = a.queryMessage(topic, run + "dies", 32, now - 600_000, now + 60_000)
						.getMessageList();
					if (l.size() != 1 || !Arrays.equals(l.get(0).getBody(), body("dies")))
						return l.size() + " dead letters: " + l;
					String from = l.get(0).getProperty("RETRY_TOPIC");
					return wire("java-fail").equals(from) ? null : "RETRY_TOPIC is " + from;
				} catch (MQClientException e) {
					if (System.currentTimeMillis() > end)
						return "no dead letter: " + e;
					Thread.sleep(300);
				}
		} finally {
			a.shutdown();
		}
	}

	private String listed() throws Exception {
		DefaultMQAdminExt a = admin();
		try {
			ConsumerConnection c = a.examineConsumerConnectionInfo(wire("java-tag"));
			SubscriptionData sub = c.getSubscriptionTable().get(wire("java-work"));
			if (c.getConnectionSet().size() != 1 || sub == null || !sub.getTagsSet().contains("C"))
				return "members " + c.getConnectionSet() + ", subscription " + sub;
			if (c.getConsumeType() != ConsumeType.CONSUME_PASSIVELY || c.getMessageModel() != MessageModel.CLUSTERING)
				return c.getConsumeType() + ", " + c.getMessageModel();
			/* A producer is known from the first heartbeat after its first send, up to 30 s later. */
			for (int i = 0; i < 350; i++) {
				try {
					return a.examineProducerConnectionInfo(wire("java-producer"), wire("java-work"))
						.getConnectionSet().size() == 1 ? null : "not one producer";
				} catch (MQBrokerException e) {
					Thread.sleep(100);
				}
			}
			return "the producer is not listed";
		} finally {
			a.shutdown();
		}
	}

	private String gone() throws Exception {
		consumers.forEach(DefaultMQPushConsumer::shutdown);
		DefaultMQAdminExt a = admin();
		try {
			return "still there: " + a.examineConsumerConnectionInfo(wire("java-all")).getConnectionSet();
		} catch (Exception e) {
			return e.toString().contains("206") ? null : e.toString();
		} finally {
			a.shutdown();
		}
	}

	private void redelivered(String key) {
		step("a dead letter that was sent again is delivered", () -> {
			Inbox in = new Inbox("");
			DefaultMQPushConsumer c = consumer("java-fail", "java-fail", "*", in);
			List<Inbox.Item> got = in.await(1, 30, i -> i.key.equals(key));
			c.shutdown();
			if (got.size() != 1)
				return "it came " + got.size() + " times";
			Inbox.Item i = got.get(0);
			return i.msg.getTopic().equals("java-fail") && i.body.equals("消息 dies") ? null : "came as " + i.msg;
		});
	}
}
