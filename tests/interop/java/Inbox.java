/* SPDX-License-Identifier: Apache-2.0 */
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import org.apache.rocketmq.common.message.MessageExt;

/* What one consumer, or several that share it, received of this run: in order, duplicates too. */
class Inbox {
	static class Item {
		final String key, body;
		final long at = System.currentTimeMillis();
		final MessageExt msg;

		Item(MessageExt m) {
			msg = m;
			key = m.getKeys();
			body = new String(m.getBody(), java.nio.charset.StandardCharsets.UTF_8);
		}
	}

	private final List<Item> items = new ArrayList<>();
	private final String run;

	/* Messages whose key does not begin with run are of somebody else's run and are left out. */
	Inbox(String run) {
		this.run = run;
	}

	synchronized Item add(MessageExt m) {
		Item i = new Item(m);
		if (i.key != null && i.key.startsWith(run)) {
			items.add(i);
			notifyAll();
		}
		return i;
	}

	synchronized List<Item> all(Predicate<Item> p) {
		return items.stream().filter(p).collect(Collectors.toList());
	}

	synchronized Set<String> keys() {
		return items.stream().map(i -> i.key).collect(Collectors.toCollection(TreeSet::new));
	}

	/* Until n messages are here for which p holds; then a moment more, for what should not come. */
	synchronized List<Item> await(int n, int seconds, Predicate<Item> p) throws InterruptedException {
		long end = System.currentTimeMillis() + seconds * 1000L;
		while (all(p).size() < n && System.currentTimeMillis() < end)
			wait(100);
		wait(150);
		return all(p);
	}

	/* Null if exactly these keys came, each once; else what is wrong. */
	static String once(List<Item> got, Set<String> want) {
		Set<String> missing = new TreeSet<>(want), extra = new TreeSet<>();
		for (Item i : got)
			if (!missing.remove(i.key))
				extra.add(i.key);
		return missing.isEmpty() && extra.isEmpty() ? null
			: "missing " + missing + ", twice or unasked " + extra;
	}
}
