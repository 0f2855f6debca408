/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/*
 * Transactions of the Java client: commit, rollback, and unknown until the broker asks.
 *
 *	Transaction NAMESRV NAMESPACE SECONDS	NAMESPACE may be ''; SECONDS in which the broker asks
 *
 * Topic java-work and group java-tx are there already.
 */
@SuppressWarnings("deprecation")
public class Transaction implements TransactionListener {
	private static final String RUN = Long.toString(System.currentTimeMillis(), 36) + "-";
	private final Map<String, Integer> asked = new ConcurrentHashMap<>();
	private final CountDownLatch done = new CountDownLatch(3);

	@Override
	public LocalTransactionState executeLocalTransaction(Message m, Object what) {
		return (LocalTransactionState) what;
	}

	/* "late" is committed when asked again, "regret" is rolled back when asked. */
	@Override
	public LocalTransactionState checkLocalTransaction(MessageExt m) {
		int times = asked.merge(m.getKeys(), 1, Integer::sum);
		if (m.getKeys().equals(RUN + "late") && times == 1)
			return LocalTransactionState.UNKNOW;
		done.countDown();
		return m.getKeys().equals(RUN + "regret") ? LocalTransactionState.ROLLBACK_MESSAGE
			: LocalTransactionState.COMMIT_MESSAGE;
	}

	private static int claim(String label, String name, String why) {
		System.out.printf("%s %s: %s%n", why == null ? "ok" : "not ok", label, name);
		if (why != null)
			System.out.printf("# %s%n", why);
		return why == null ? 0 : 1;
	}

	public static void main(String[] args) throws Exception {
		String space = args[1].isEmpty() ? null : args[1];
		String label = space == null ? "java transactions" : "java transactions, namespace " + space;
		int seconds = Integer.parseInt(args[2]), failed = 0;
		Map<String, Integer> got = new ConcurrentHashMap<>();
		Transaction t = new Transaction();

		DefaultMQPushConsumer c = new DefaultMQPushConsumer(space, "java-tx");
		c.setNamesrvAddr(args[0]);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe("java-work", "tx");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			for (MessageExt m : msgs)
				if (m.getKeys() != null && m.getKeys().startsWith(RUN) && m.getTransactionId() != null)
					got.merge(m.getKeys(), 1, Integer::sum);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		TransactionMQProducer p = new TransactionMQProducer(space, "java-tx-producer");
		p.setNamesrvAddr(args[0]);
		p.setTransactionListener(t);
		p.start();

		Map<String, LocalTransactionState> plan = Map.of("commit", LocalTransactionState.COMMIT_MESSAGE,
			"rollback", LocalTransactionState.ROLLBACK_MESSAGE, "late", LocalTransactionState.UNKNOW,
			"regret", LocalTransactionState.UNKNOW, "soon", LocalTransactionState.UNKNOW);
		for (Map.Entry<String, LocalTransactionState> e : plan.entrySet())
			p.sendMessageInTransaction(new Message("java-work", "tx", RUN + e.getKey(),
				e.getKey().getBytes(StandardCharsets.UTF_8)), e.getValue());
		for (int i = 0; i < 200 && !got.containsKey(RUN + "commit"); i++)
			Thread.sleep(100);
		failed += claim(label, "only what is committed is consumed", got.containsKey(RUN + "commit")
			&& got.keySet().stream().allMatch(k -> k.equals(RUN + "commit") || t.asked.containsKey(k)) ? null : "got " + got);
		t.done.await(seconds, TimeUnit.SECONDS);
		Thread.sleep(1000);
		failed += claim(label, "the broker asks about what is unknown", t.asked.equals(
			Map.of(RUN + "late", 2, RUN + "regret", 1, RUN + "soon", 1)) ? null : "asked " + t.asked);
		failed += claim(label, "what is committed then is consumed once", got.equals(
			Map.of(RUN + "commit", 1, RUN + "late", 1, RUN + "soon", 1)) ? null : "got " + got);
		p.shutdown();
		c.shutdown();
		System.exit(failed == 0 ? 0 : 1);
	}
}
