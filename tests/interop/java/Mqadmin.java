/* SPDX-License-Identifier: Apache-2.0 */
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/*
 * Runs mqadmin commands read from standard input in one JVM, because a JVM per command costs a second
 * each. The commands are Apache's own, started through their own main. Lines:
 *
 *	COMMAND [ARG...]	run it; its output goes to standard output
 *	# NAME			the next command is a test of that name: its output is held back and checked
 *	+ REGEX			the test's output has this
 *	- REGEX			the test's output does not have this
 *	= NAME REGEX		it has this; from now on @NAME@ in a line stands for the first group; after
 *				a command that is no test, of its output
 *	~ SECONDS		the next test may fail until that long after it was first tried
 *	^ SECONDS		the next command is one that does not end: it is interrupted then
 *	! consumer GROUP TOPIC	a push consumer of this JVM, until the end; it prints nothing
 *	! producer GROUP TOPIC	likewise, with trace, and one message sent: @SENT@ is its id
 *
 * Bodies that a command saves under /tmp are put behind its output as "body: TEXT", and removed.
 * A test ends at the next command or name. `mqadmin` itself never says by its exit status whether it
 * succeeded, and reports errors as stack traces, so every test also fails on a line that looks like one.
 * Words are split at blanks; 'single quotes' keep blanks. Environment: @VAR@ when no NAME is known.
 *
 * With the argument `record` nothing is judged: each command's output follows a line "== COMMAND" as it stood
 * in the input, for Compare.
 */
public class Mqadmin {
	private static final Pattern WORD = Pattern.compile("'([^']*)'|(\\S+)");
	private static final Pattern NAME = Pattern.compile("@([A-Z_0-9]+)@");
	private static final Pattern SAVED = Pattern.compile("Message Body Path: +(/tmp/rocketmq/msgbodys/\\S+)");
	private static final Pattern EXPORTED = Pattern.compile("export (\\S+\\.json) success");
	private static final Pattern TRACE = Pattern.compile("(?m)^\\s+at [\\w.$/]+\\(|Exception:|not exist\\.$");

	private final Map<String, String> names = new HashMap<>();
	private final PrintStream out = System.out;
	private String test;
	private String command;
	private String last = "";
	private boolean record;
	private int patience, limit;
	private final List<String> checks = new ArrayList<>();
	private int failed;

	public static void main(String[] args) throws Exception {
		Mqadmin m = new Mqadmin();
		m.record = args.length > 0 && args[0].equals("record");
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line = in.readLine(); line != null; line = in.readLine())
			m.line(line.trim());
		m.finish();
		m.out.flush();
		/* A command may leave threads of the client library behind. */
		Runtime.getRuntime().halt(m.failed == 0 ? 0 : 1);
	}

	private void line(String line) throws Exception {
		if (line.isEmpty() || line.startsWith("//"))
			return;
		switch (line.charAt(0)) {
		case '#':
			finish();
			test = line.substring(1).trim();
			break;
		case '~':
			patience = Integer.parseInt(line.substring(1).trim());
			break;
		case '^':
			limit = Integer.parseInt(line.substring(1).trim());
			break;
		case '!':
			String sent = Live.start(expand(line).split(" "));
			if (sent != null)
				names.put("SENT", sent);
			break;
		case '+': case '-': case '=':
			if (test != null) {
				checks.add(line);
				break;
			}
			String why = check(line, last);
			if (why != null)
				throw new IllegalStateException(why + " in: " + last);
			break;
		default:
			if (command != null)
				finish();
			if (test == null) {
				last = run(expand(line));
				print(line, last);
			} else {
				command = line;
			}
		}
	}

	private void print(String line, String text) {
		if (record)
			out.println("== " + line);
		out.print(text.endsWith("\n") ? text : text + "\n");
		out.flush();
	}

	private void finish() throws Exception {
		if (test != null && command == null)
			throw new IllegalStateException("test without a command: " + test);
		if (test != null) {
			long end = System.currentTimeMillis() + patience * 1000L;
			String cmd = expand(command), text = run(cmd), why = check(text);
			while (why != null && System.currentTimeMillis() < end) {
				Thread.sleep(500);
				text = run(cmd);
				why = check(text);
			}
			last = text;
			if (record)
				print(command, text);
			else
				out.printf("%s mqadmin: %s%n", why == null ? "ok" : "not ok", test);
			if (why != null && !record) {
				failed++;
				out.printf("# %s%n# command: %s%n", why, cmd);
				for (String l : text.split("\n", 40))
					out.printf("#   %s%n", l);
			}
			out.flush();
		}
		test = null;
		command = null;
		patience = 0;
		checks.clear();
	}

	private String check(String text) {
		for (String c : checks) {
			String why = check(c, text);
			if (why != null)
				return why;
		}
		return TRACE.matcher(text).find() ? "an error in the output" : null;
	}

	private String check(String c, String text) {
		boolean absent = c.charAt(0) == '-', take = c.charAt(0) == '=';
		String rest = c.substring(1).trim(), name = null;
		if (take) {
			int cut = rest.indexOf(' ');
			name = rest.substring(0, cut);
			rest = rest.substring(cut + 1).trim();
		}
		Matcher m = Pattern.compile(expand(rest), Pattern.MULTILINE).matcher(text);
		boolean found = m.find();
		if (found == absent)
			return (absent ? "unwanted: " : "wanted: ") + expand(rest);
		if (take)
			names.put(name, m.group(1));
		return null;
	}

	private String expand(String s) {
		Matcher m = NAME.matcher(s);
		StringBuffer b = new StringBuffer();
		while (m.find()) {
			String v = names.get(m.group(1));
			if (v == null)
				v = System.getenv(m.group(1));
			m.appendReplacement(b, Matcher.quoteReplacement(v == null ? m.group() : v));
		}
		return m.appendTail(b).toString();
	}

	private String run(String line) throws Exception {
		List<String> words = new ArrayList<>();
		for (Matcher m = WORD.matcher(line); m.find();)
			words.add(m.group(1) != null ? m.group(1) : m.group(2));
		ByteArrayOutputStream text = new ByteArrayOutputStream();
		PrintStream to = new PrintStream(text, true, "UTF-8"), err = System.err;
		System.setOut(to);
		System.setErr(to);
		try {
			Commands.forget();
			if (limit == 0)
				MQAdminStartup.main0(words.toArray(new String[0]), null);
			else
				interrupted(words.toArray(new String[0]));
		} finally {
			limit = 0;
			System.setOut(out);
			System.setErr(err);
		}
		return bodies(text.toString("UTF-8"));
	}

	private void interrupted(String[] words) throws Exception {
		Thread t = new Thread(() -> MQAdminStartup.main0(words, null));
		t.start();
		t.join(limit * 1000L);
		t.interrupt();
		t.join(10000);
	}

	/* Commands keep a closed client once they have run; without them main0 makes new ones. */
	private static class Commands extends MQAdminStartup {
		static void forget() {
			subCommandList.clear();
		}
	}

	private static String bodies(String text) throws Exception {
		StringBuilder b = new StringBuilder(text);
		for (Matcher m = SAVED.matcher(text); m.find();) {
			Path file = Paths.get(m.group(1));
			if (Files.exists(file))
				b.append("\nbody: ").append(new String(Files.readAllBytes(file), StandardCharsets.UTF_8)).append('\n');
			Files.deleteIfExists(file);
		}
		for (Matcher m = EXPORTED.matcher(text); m.find();)
			b.append('\n').append(new String(Files.readAllBytes(Paths.get(m.group(1))), StandardCharsets.UTF_8)).append('\n');
		return b.toString();
	}
}
