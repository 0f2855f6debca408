/* SPDX-License-Identifier: Apache-2.0 */
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageBatch;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/*
 * A store that changes hands: fills it with all that a broker keeps, and writes down all that it serves.
 *
 *	Handover NAMESRV BROKER ADDRESS STEP...
 *
 *	make		topics and groups
 *	write:LABEL	messages in both queues, a batch, delayed, half, refused and dead ones, offsets; LABEL goes into
 *			each key and body, and unique ids are made of it
 *	ledger:FILE	what is served, a line for each thing
 *	settle:N,M	answers for the half messages until N of them are committed and seen, and M delayed ones came
 */
@SuppressWarnings("deprecation")
public class Handover {
	private static final String TOPIC = "ho-orders", LATER = "ho-later", GROUP = "ho-svc", READER = "ho-reader";
	private static final int NEVER = 18, SOON = 2;
	private final String broker, address;
	private final TransactionMQProducer producer = new TransactionMQProducer("ho-producer");
	private final DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(GROUP);
	private final DefaultMQAdminExt admin = new DefaultMQAdminExt();
	private final Map<String, Integer> asked = new ConcurrentHashMap<>();
	private volatile boolean answering;
	private int ids;

	private Handover(String namesrv, String broker, String address) throws MQClientException {
		this.broker = broker;
		this.address = address;
		producer.setNamesrvAddr(namesrv);
		producer.setRetryTimesWhenSendFailed(0);
		producer.setTransactionListener(new TransactionListener() {
			@Override
			public LocalTransactionState executeLocalTransaction(Message m, Object what) {
				return (LocalTransactionState) what;
			}

			@Override
			public LocalTransactionState checkLocalTransaction(MessageExt m) {
				asked.merge(String.valueOf(m.getKeys()), 1, Integer::sum);
				return answering ? LocalTransactionState.COMMIT_MESSAGE : LocalTransactionState.UNKNOW;
			}
		});
		consumer.setNamesrvAddr(namesrv);
		admin.setNamesrvAddr(namesrv);
		admin.start();
	}

	private void make() throws Exception {
		admin.createAndUpdateTopicConfig(address, new TopicConfig(TOPIC, 2, 2, 6));
		admin.createAndUpdateTopicConfig(address, new TopicConfig(LATER, 1, 1, 6));
		for (String g : Arrays.asList(GROUP, READER)) {
			SubscriptionGroupConfig c = new SubscriptionGroupConfig();
			c.setGroupName(g);
			c.setRetryMaxTimes(7);
			admin.createAndUpdateSubscriptionGroupConfig(address, c);
		}
	}

	private boolean started;

	private void start() throws Exception {
		if (started)
			return;
		started = true;
		for (int i = 0; i < 100; i++) {		/* the route may come a moment after the broker */
			try {
				admin.examineTopicRouteInfo(TOPIC);
				break;
			} catch (Exception e) {
				Thread.sleep(100);
			}
		}
		producer.start();
		consumer.start();
		consumer.fetchSubscribeMessageQueues(TOPIC);
	}

	private MessageQueue queue(String topic, int id) {
		return new MessageQueue(topic, broker, id);
	}

	private Message message(String topic, String label, String key, String tag) {
		Message m = new Message(topic, tag, key, ("body of " + key).getBytes(StandardCharsets.UTF_8));
		m.putUserProperty("label", label);
		/* As the client would make one, but the same wherever the script runs. */
		m.getProperties().put(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX,
			String.format("%08X%04X%08X%012X", 0x7F000001, 7, label.hashCode(), ++ids));
		return m;
	}

	private static void sent(SendResult r) {
		if (r.getSendStatus() != SendStatus.SEND_OK)
			throw new IllegalStateException("sent, but " + r.getSendStatus());
	}

	private void transaction(String label, String name, LocalTransactionState end) throws Exception {
		producer.sendMessageInTransaction(message(LATER, label, label + name, "tx"), end);
		Thread.sleep(300);		/* its end is sent one-way, and another thread's at the broker */
	}

	private void write(String label) throws Exception {
		start();
		for (int i = 0; i < 40; i++)
			sent(producer.send(message(TOPIC, label, label + "-k" + i, i % 3 == 0 ? "paid" : "größer"), queue(TOPIC, i % 2)));
		List<Message> batch = new ArrayList<>();
		for (int i = 0; i < 5; i++)
			batch.add(message(TOPIC, label, label + "-b" + i, "batch"));
		sent(producer.send(batch, queue(TOPIC, 1)));
		byte[] large = new byte[6000];		/* the client compresses it */
		Arrays.fill(large, (byte) 'x');
		Message big = message(TOPIC, label, label + "-large", null);
		big.setBody(large);
		sent(producer.send(big, queue(TOPIC, 0)));
		for (int level : new int[] { SOON, NEVER }) {
			if (level == SOON && label.equals("same"))
				continue;	/* what comes when the session is over depends on the machine */
			Message m = message(LATER, label, label + (level == SOON ? "-soon" : "-never"), "late");
			m.setDelayTimeLevel(level);
			sent(producer.send(m, queue(LATER, 0)));
		}
		transaction(label, "-committed", LocalTransactionState.COMMIT_MESSAGE);
		transaction(label, "-rolled-back", LocalTransactionState.ROLLBACK_MESSAGE);
		transaction(label, "-half", LocalTransactionState.UNKNOW);
		MessageQueue q = queue(TOPIC, 0);
		long max = consumer.maxOffset(q);
		List<MessageExt> last = consumer.pull(q, "*", max - 3, 2).getMsgFoundList();
		consumer.sendMessageBack(last.get(0), NEVER, broker, GROUP);
		consumer.sendMessageBack(last.get(1), -1, broker, GROUP);
		consumer.updateConsumeOffset(q, max - 2);
		consumer.updateConsumeOffset(queue(TOPIC, 1), max - 5);
		consumer.getDefaultMQPullConsumerImpl().getOffsetStore().persistAll(
			new java.util.HashSet<>(Arrays.asList(q, queue(TOPIC, 1))));
		Thread.sleep(300);			/* offsets are sent one-way */
	}

	/* ---- the ledger ---- */

	private static String props(MessageExt m) {
		Map<String, String> p = new TreeMap<>(m.getProperties());
		for (String made : Arrays.asList("MIN_OFFSET", "MAX_OFFSET", "CONSUME_START_TIME"))
			p.remove(made);
		return p.toString();
	}

	private void queueLines(PrintStream out, String topic, int id) throws Exception {
		MessageQueue q = queue(topic, id);
		long min = consumer.minOffset(q), max = consumer.maxOffset(q), next = min;
		out.printf("queue %s/%d %d %d%n", topic, id, min, max);
		while (next < max) {
			PullResult r = consumer.pull(q, "*", next, 32, 5000);
			if (r.getPullStatus() == PullStatus.FOUND)
				for (MessageExt m : r.getMsgFoundList())
					out.printf("message %s/%d %d phys %d flag %d sys %d crc %d born %d@%s stored %d@%s again %d body %08x %s%n",
						topic, id, m.getQueueOffset(), m.getCommitLogOffset(), m.getFlag(), m.getSysFlag(),
						m.getBodyCRC(), m.getBornTimestamp(), m.getBornHost(), m.getStoreTimestamp(),
						m.getStoreHost(), m.getReconsumeTimes(), UtilAll.crc32(m.getBody()), props(m));
			else
				out.printf("nothing %s/%d %d %s%n", topic, id, next, r.getPullStatus());
			if (r.getNextBeginOffset() <= next)
				break;
			next = r.getNextBeginOffset();
		}
	}

	private void hits(PrintStream out, String topic, String key) {
		TreeSet<Long> found = new TreeSet<>();
		try {
			for (MessageExt m : consumer.queryMessage(topic, key, 32, 0, Long.MAX_VALUE).getMessageList())
				found.add(m.getCommitLogOffset());
		} catch (MQClientException | InterruptedException e) {
			/* none is an error to the client */
		}
		out.printf("key %s#%s %s%n", topic, key, found);
	}

	private void ledger(String file, List<String> labels) throws Exception {
		start();
		consumer.fetchSubscribeMessageQueues(LATER);
		try (PrintStream out = new PrintStream(file, "UTF-8")) {
			for (int id = 0; id < 2; id++)
				queueLines(out, TOPIC, id);
			queueLines(out, "%DLQ%" + GROUP, 0);
			queueLines(out, "SCHEDULE_TOPIC_XXXX", NEVER - 1);
			/* Apache lets nobody pull from these before its first check. */
			for (String t : Arrays.asList("RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"))
				out.printf("queue %s %d %d%n", t, consumer.minOffset(queue(t, 0)), consumer.maxOffset(queue(t, 0)));
			for (int id = 0; id < 2; id++)
				out.printf("offset %s %d %d%n", GROUP, id, consumer.fetchConsumeOffset(queue(TOPIC, id), true));
			for (String label : labels) {
				for (String key : Arrays.asList("-k0", "-k17", "-b3", "-large"))
					hits(out, TOPIC, label + key);
				hits(out, LATER, label + "-committed");
			}
			for (String g : Arrays.asList(GROUP, READER)) {
				SubscriptionGroupConfig c = admin.examineSubscriptionGroupConfig(address, g);
				out.printf("group %s retries %d queues %d on %s%n", g, c.getRetryMaxTimes(), c.getRetryQueueNums(),
					c.isConsumeEnable());
			}
			for (String t : Arrays.asList(TOPIC, LATER, "%RETRY%" + GROUP, "%DLQ%" + GROUP))
				out.printf("topic %s %s%n", t, admin.examineTopicRouteInfo(t).getQueueDatas().get(0));
		}
	}

	/* Keys of what came to LATER, each as often as it came. */
	private Map<String, Integer> arrived(String ending) throws Exception {
		Map<String, Integer> got = new TreeMap<>();
		MessageQueue q = queue(LATER, 0);
		long max = consumer.maxOffset(q), next = consumer.minOffset(q);
		while (next < max) {
			PullResult r = consumer.pull(q, "*", next, 32, 5000);
			if (r.getPullStatus() == PullStatus.FOUND)
				for (MessageExt m : r.getMsgFoundList())
					if (m.getKeys().endsWith(ending))
						got.merge(m.getKeys(), 1, Integer::sum);
			if (r.getNextBeginOffset() <= next)
				break;
			next = r.getNextBeginOffset();
		}
		return got;
	}

	private static void claim(String name, String why) {
		System.out.printf("%s %s%n", why == null ? "ok" : "not ok", name);
		if (why != null)
			System.out.printf("# %s%n", why);
	}

	private void settle(int n, int delayed) throws Exception {
		start();
		answering = true;
		long end = System.currentTimeMillis() + 30000;
		while (System.currentTimeMillis() < end && (arrived("-half").size() < n || arrived("-soon").size() < delayed))
			Thread.sleep(200);
		Thread.sleep(500);
		Map<String, Integer> half = arrived("-half"), soon = arrived("-soon"), committed = arrived("-committed");
		boolean once = half.values().stream().allMatch(i -> i == 1) && committed.values().stream().allMatch(i -> i == 1);
		claim("every half message is asked about and committed once", half.size() == n && once ? null : "got " + half);
		claim("what was committed stands once, what was rolled back does not",
			committed.size() == n && arrived("-rolled-back").isEmpty() ? null : "got " + committed);
		claim("every delayed message came", soon.size() == delayed ? null : "got " + soon);
	}

	public static void main(String[] args) {
		try {
			run(args);
			System.out.println("done");
			System.exit(0);
		} catch (Exception e) {		/* the client's threads would keep us alive */
			e.printStackTrace();
			System.exit(1);
		}
	}

	private static void run(String[] args) throws Exception {
		Handover h = new Handover(args[0], args[1], args[2]);
		List<String> labels = new ArrayList<>();
		for (int i = 3; i < args.length; i++) {
			String[] step = args[i].split(":", 2);
			switch (step[0]) {
			case "make": h.make(); break;
			case "label": labels.add(step[1]); break;
			case "write": labels.add(step[1]); h.write(step[1]); break;
			case "ledger": h.ledger(step[1], labels); break;
			case "settle":
				h.settle(Integer.parseInt(step[1].split(",")[0]), Integer.parseInt(step[1].split(",")[1]));
				break;
			default: throw new IllegalArgumentException(args[i]);
			}
		}
	}
}
