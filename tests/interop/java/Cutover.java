/* SPDX-License-Identifier: Apache-2.0 */
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/*
 * Programs that are on their way from one cluster to another, each with the client library's own
 * settings, and a ledger of what they were told was stored and of what they were given. Told by
 * lines on standard input what to do, it answers each with one line "done ...":
 *
 *	Cutover OLD NEW TOPIC GROUP
 *	producer NAME old|new		connects one, or moves it
 *	consumer NAME old|new
 *	ledger				SENT RECEIVED LOST AGAIN so far
 *	end				stops producers, waits until nothing is missing, prints the ledger
 *
 * In the old cluster each hundredth message is refused once, so that retries are under way. Producers that fail send the same
 * message again: it may be there twice, but not never.
 */
public class Cutover {
	private static final long END_MS = 30000, PAUSE_MS = 10;
	private final Map<String, String> addresses = new TreeMap<>();
	private final String topic, group;
	private final Map<String, Sender> producers = new TreeMap<>();
	private final Map<String, DefaultMQPushConsumer> consumers = new TreeMap<>();
	private final Set<String> sent = ConcurrentHashMap.newKeySet();
	private final Map<String, AtomicInteger> received = new ConcurrentHashMap<>();
	private final AtomicLong number = new AtomicLong();
	private final AtomicInteger instance = new AtomicInteger();

	private Cutover(String[] args) {
		addresses.put("old", args[0]);
		addresses.put("new", args[1]);
		topic = args[2];
		group = args[3];
	}

	public static void main(String[] args) throws Exception {
		Cutover c = new Cutover(args);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		System.out.println("ready");
		for (String line; (line = in.readLine()) != null;) {
			String[] w = line.trim().split(" +");
			try {
				System.out.println("done " + line.trim() + c.run(w));
			} catch (Exception e) {
				System.out.println("failed " + line + ": " + e);
			}
			System.out.flush();
			if (w[0].equals("end"))
				System.exit(0);
		}
	}

	private String run(String[] w) throws Exception {
		switch (w[0]) {
		case "producer":
			produce(w[1], addresses.get(w[2]));
			return "";
		case "consumer":
			consume(w[1], addresses.get(w[2]));
			return "";
		case "end":
			return end();
		default:
			return ledger();
		}
	}

	private final class Sender extends Thread {
		private final DefaultMQProducer p;
		private volatile boolean stop;

		Sender(String name, String at) throws Exception {
			p = new DefaultMQProducer(group + "-producers");
			p.setNamesrvAddr(at);
			p.setInstanceName(name + "-" + instance.incrementAndGet());
			p.start();
		}

		@Override public void run() {
			while (!stop) {
				String key = "k" + number.incrementAndGet();
				while (!send(key))
					;
				nap();
			}
			p.shutdown();
		}

		private boolean send(String key) {
			try {
				Message m = new Message(topic, "t", key, key.getBytes(StandardCharsets.UTF_8));
				if (p.send(m).getSendStatus() == SendStatus.SEND_OK)
					return sent.add(key);
			} catch (Exception e) {
				System.err.println("send " + key + ": " + e);
				nap();
			}
			return false;
		}
	}

	private static void nap() {
		try {
			Thread.sleep(PAUSE_MS);
		} catch (InterruptedException e) {
			throw new IllegalStateException(e);
		}
	}

	private void produce(String name, String at) throws Exception {
		stop(producers.remove(name));
		Sender s = new Sender(name, at);
		producers.put(name, s);
		s.start();
	}

	private static void stop(Sender s) throws InterruptedException {
		if (s == null)
			return;
		s.stop = true;
		s.join();
	}

	private void consume(String name, String at) throws Exception {
		DefaultMQPushConsumer old = consumers.remove(name), c = new DefaultMQPushConsumer(group);
		if (old != null)
			old.shutdown();
		c.setNamesrvAddr(at);
		c.setInstanceName(name + "-" + instance.incrementAndGet());
		c.setPersistConsumerOffsetInterval(1000);
		c.setAwaitTerminationMillisWhenShutdown(5000);
		c.subscribe(topic, "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, ctx) -> {
			String key = msgs.get(0).getKeys();
			if (key.endsWith("00") && at.equals(addresses.get("old")) && msgs.get(0).getReconsumeTimes() == 0)
				return ConsumeConcurrentlyStatus.RECONSUME_LATER;
			received.computeIfAbsent(key, k -> new AtomicInteger()).incrementAndGet();
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		consumers.put(name, c);
	}

	private String ledger() {
		long lost = sent.stream().filter(k -> !received.containsKey(k)).count();
		long again = received.values().stream().mapToLong(n -> n.get() - 1).sum();
		return " sent " + sent.size() + " received " + received.size() + " lost " + lost + " again " + again;
	}

	private String end() throws InterruptedException {
		for (Sender s : producers.values())
			stop(s);
		long until = System.currentTimeMillis() + END_MS;
		while (!received.keySet().containsAll(sent) && System.currentTimeMillis() < until)
			nap();
		String text = ledger();
		sent.stream().filter(k -> !received.containsKey(k)).limit(20).forEach(k -> System.err.println("lost " + k));
		consumers.values().forEach(DefaultMQPushConsumer::shutdown);
		return text;
	}
}
