/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import org.apache.rocketmq.tools.command.MQAdminStartup;
import org.apache.rocketmq.tools.command.SubCommand;

/*
 * Compares two recordings, of Mqadmin or of tests/wire, Apache's first: Compare TABLE APACHE BROKERD [OTHERS]. A section
 * begins with "== COMMAND ..."; for each command there is a line of TAP. What may differ stands in TABLE, rule by
 * rule in their order:
 *
 *	// the reason: a rule without one is an error
 *	COMMAND...: REGEX -> REPLACEMENT	in both outputs; COMMAND may be *
 *	COMMAND...: sort			the order of lines is no promise
 *	~ COMMAND...: ...			a difference that is not there in each run
 *
 * Every other rule must have changed something; with OTHERS, a file of commands of another run, every
 * subcommand of mqadmin must be in the recordings or there.
 */
public class Compare {
	private static class Rule {
		List<String> commands;
		Pattern from;
		String to, reason, text;
		boolean used;

		String apply(String command, String s) {
			if (!commands.contains("*") && !commands.contains(command))
				return s;
			String r;
			if (from == null) {
				String[] lines = s.split("\n");
				Arrays.sort(lines);
				r = String.join("\n", lines) + "\n";
			} else {
				r = from.matcher(s).replaceAll(to);
			}
			used |= !r.equals(s);
			return r;
		}
	}

	private static class Names extends MQAdminStartup {
		static List<String> all() {
			List<String> names = new ArrayList<>();
			subCommandList.clear();
			initCommand();
			for (SubCommand c : subCommandList)
				names.add(c.commandName());
			return names;
		}
	}

	private static List<Rule> rules(String file) throws Exception {
		List<Rule> list = new ArrayList<>();
		String reason = "";
		for (String line : Files.readAllLines(Paths.get(file))) {
			if (line.startsWith("//")) {
				reason += line.substring(2);
			} else if (line.isEmpty()) {
				reason = "";
			} else {
				Rule r = new Rule();
				r.used = line.startsWith("~ ");
				line = r.used ? line.substring(2) : line;
				int cut = line.indexOf(": "), arrow = line.lastIndexOf(" -> ");
				r.text = line;
				r.reason = reason.trim();
				r.commands = Arrays.asList(line.substring(0, cut).split(" "));
				if (r.reason.isEmpty())
					throw new IllegalArgumentException("a rule without a reason: " + line);
				if (arrow > 0) {
					r.from = Pattern.compile(line.substring(cut + 2, arrow), Pattern.MULTILINE);
					r.to = line.substring(arrow + 4).replace("\\n", "\n");
				} else if (!line.substring(cut + 2).equals("sort")) {
					throw new IllegalArgumentException("neither '->' nor sort: " + line);
				}
				list.add(r);
			}
		}
		return list;
	}

	/* Command line, with its number, to output. */
	private static Map<String, String> sections(String file) throws Exception {
		Map<String, String> all = new LinkedHashMap<>();
		String name = null;
		for (String line : new String(Files.readAllBytes(Paths.get(file)), StandardCharsets.UTF_8).split("\n")) {
			if (line.startsWith("== "))
				all.put(name = String.format("%03d %s", all.size() + 1, line.substring(3)), "");
			else if (name != null)
				all.put(name, all.get(name) + line + "\n");
		}
		return all;
	}

	private static String command(String section) {
		return section.split(" ")[1];
	}

	private static String difference(String a, String b) {
		String[] x = a.split("\n"), y = b.split("\n");
		StringBuilder out = new StringBuilder();
		for (int i = 0, n = 0; i < Math.max(x.length, y.length) && n < 6; i++) {
			String l = i < x.length ? x[i] : "(nothing)", r = i < y.length ? y[i] : "(nothing)";
			if (l.equals(r))
				continue;
			out.append("#   Apache:  ").append(l).append("\n#   brokerd: ").append(r).append('\n');
			n++;
		}
		return out.toString();
	}

	private static int complete(Set<String> run, String others) throws Exception {
		TreeSet<String> missing = new TreeSet<>(Names.all());
		int all = missing.size();
		missing.removeAll(run);
		for (String line : Files.readAllLines(Paths.get(others)))
			missing.remove(line.split(" ")[0]);
		System.out.printf("%s all %d subcommands were run%n", missing.isEmpty() ? "ok" : "not ok", all);
		if (!missing.isEmpty())
			System.out.println("# missing: " + missing);
		return missing.size();
	}

	public static void main(String[] args) throws Exception {
		List<Rule> rules = rules(args[0]);
		Map<String, String> apache = sections(args[1]), brokerd = sections(args[2]);
		Map<String, String> why = new LinkedHashMap<>();
		for (String section : apache.keySet()) {
			String c = command(section), a = apache.get(section), b = brokerd.getOrDefault(section, "(not run)\n");
			for (Rule r : rules) {
				a = r.apply(c, a);
				b = r.apply(c, b);
			}
			why.merge(c, a.equals(b) ? "" : "# " + section + "\n" + difference(a, b), String::concat);
		}
		int failed = 0;
		for (Map.Entry<String, String> e : why.entrySet()) {
			System.out.printf("%s %s%n%s", e.getValue().isEmpty() ? "ok" : "not ok", e.getKey(), e.getValue());
			failed += e.getValue().isEmpty() ? 0 : 1;
		}
		if (args.length > 3)
			failed += complete(why.keySet(), args[3]);
		List<String> idle = new ArrayList<>();
		for (Rule r : rules)
			if (!r.used)
				idle.add("#   " + r.text + "\n");
		System.out.printf("%s every listed difference is one%n%s", idle.isEmpty() ? "ok" : "not ok", String.join("", idle));
		System.exit(failed == 0 && idle.isEmpty() ? 0 : 1);
	}
}
