#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate: plans as files, other names, lists of names, pages to be mailed.

# shellcheck disable=SC2154 # run sets stderr, lines
load helper

setup_file() {
	broker_start
}
teardown_file() {
	broker_stop
}
setup() {
	DATA=$ROOT/tests/data/apache
	cd "$BATS_TEST_TMPDIR" || exit
}

@test "migrate plan -f: a plan is looked through, and what is left of it is run" {
	echo '{"topicConfigTable": {"file%one": {}, "file%two": {}, "file%../x": {}}}' >m.json
	run -0 --separate-stderr tdmqctl migrate plan m.json -f plan.json
	[[ $stderr == *'migrate run plan.json'* ]]
	rm m.json
	sed -i '/"file%two"/s/"create"/"skipped"/' plan.json
	run -0 --separate-stderr tdmqctl migrate run plan.json --dry-run
	[[ $output == *file%one* ]]
	run -3 --separate-stderr tdmqctl migrate run plan.json -o json
	[ "$(json 'd["source"], d["topics"]["created"], d["topics"]["skipped"], d["failed"]' <<<"$output")" = \
		"('m.json', 1, 1, 1)" ]
	# what was refused is not there, for a task as for a file
	run -20 --separate-stderr tdmqctl migrate verify "$(tdmqctl migrate list -o name | tail -1)"
	[[ $stderr == *'missing: 1'* ]]
	run -0 --separate-stderr tdmqctl topic list --namespace file -o name
	[ "$output" = one ]
}

@test "migrate run PLAN: refused when the target changed so that it matters" {
	echo '{"topicConfigTable": {"late%one": {"writeQueueNums": 4, "readQueueNums": 4}}}' >m.json
	tdmqctl migrate plan m.json -f plan.json
	tdmqctl namespace create late
	tdmqctl topic create one --namespace late --queues 7
	run -5 --separate-stderr tdmqctl migrate run plan.json
	[[ $stderr == *'changed since the plan was made'*one*conflict* ]]
	tdmqctl topic delete one --namespace late --yes
	run -0 --separate-stderr tdmqctl migrate run plan.json
	run -0 --separate-stderr tdmqctl migrate run plan.json # made by now: nothing else would happen
	[[ $stderr == *'there by now'* ]]
}

@test "migrate run PLAN: not one made offline, for another target, or damaged" {
	tdmqctl -q migrate plan "$DATA/shop" --offline -f plan.json >/dev/null
	run -9 --separate-stderr tdmqctl migrate run plan.json
	[[ $stderr == *offline* ]]
	tdmqctl -q migrate plan "$DATA/shop" -f plan.json >/dev/null
	sed -i 's/"id":"[^"]*"/"id":"rocketmq-somewhereels"/' plan.json
	run -9 --separate-stderr tdmqctl migrate run plan.json
	[[ $stderr == *'another target'* ]]
	tdmqctl -q migrate plan "$DATA/shop" -f plan.json >/dev/null
	sed -i 's/"writeQueueNums":16/"writeQueueNums":100000/' plan.json
	run -1 --separate-stderr tdmqctl migrate run plan.json
	[[ $stderr == *"plan 'plan.json': items["* ]]
	run -2 --separate-stderr tdmqctl migrate run plan.json --queues 4
	run -0 --separate-stderr tdmqctl migrate list -o csv --columns name
	[[ $output != *shop* ]]
}

@test "migrate plan --select-file: only the names of a list" {
	printf '# what moves\nshop%%orders\n\nbilling%%*\n' >list
	run -0 --separate-stderr tdmqctl migrate plan "$DATA/shop" --select-file list -o json
	[ "$(json 'sorted(i["source"] for i in d["items"] if i["state"] == "create" and i["kind"] == "topic")' \
		<<<"$output")" = "['billing%dunning', 'billing%invoices', 'billing%ledger-2024', 'shop%orders']" ]
	: >empty
	run -2 --separate-stderr tdmqctl migrate plan "$DATA/shop" --select-file empty
}

@test "migrate plan --rename: by rule, cleaned, and by file; what changed is written down" {
	python3 - >odd.json <<-'END'
		import json
		print(json.dumps({"topicConfigTable": {n: {} for n in
		    ["odd%orders.new", "odd%a%b%c", "odd%x", "odd%pay{1,3}", "odd%old-42", "odd%" + "y" * 70]}}))
	END
	run -0 --separate-stderr tdmqctl migrate plan odd.json --rename 'old-([0-9]{1,3})=new-\1' \
		--rename auto --save-renames rename.csv -o json
	[ "$(json 'sorted(i["name"] for i in d["items"] if i["kind"] == "topic")' <<<"$output")" = \
		"['a-b-c', 'new-42', 'orders-new', 'pay-1-3-', 't-x', '$(printf 'y%.0s' {1..55})-a76b8d19']" ] || {
		json 'sorted(i["name"] for i in d["items"] if i["kind"] == "topic")' <<<"$output"
		return 1
	}
	grep -qx 'topic,odd%old-42,odd,new-42' rename.csv
	grep -qx 'topic,"odd%pay{1,3}",odd,pay-1-3-' rename.csv
	sed -i 's/new-42/newest/; s/,odd,t-x/,else,t-x/' rename.csv
	run -0 --separate-stderr tdmqctl migrate plan odd.json --rename-file rename.csv -o json
	[ "$(json '[(i["namespace"], i["name"]) for i in d["items"] if i["source"] in ("odd%old-42", "odd%x")]' \
		<<<"$output")" = "[('else', 't-x'), ('odd', 'newest')]" ] ||
		[ "$(json '[(i["namespace"], i["name"]) for i in d["items"] if i["source"] in ("odd%old-42", "odd%x")]' \
			<<<"$output")" = "[('odd', 'newest'), ('else', 't-x')]" ]
	run -2 --separate-stderr tdmqctl migrate plan odd.json --rename '(=x'
	run -2 --separate-stderr tdmqctl migrate plan odd.json --rename plain
	printf 'kind,source,namespace,name\nrole,a,b,c\n' >bad.csv
	run -1 --separate-stderr tdmqctl migrate plan odd.json --rename-file bad.csv
	[[ $stderr == *"'bad.csv', line 2"* ]]
}

@test "migrate plan --rename: two sources with one new name are a collision" {
	echo '{"topicConfigTable": {"coll%a1": {}, "coll%a2b": {}, "coll%a3b": {}}}' >m.json
	run -0 --separate-stderr tdmqctl migrate plan m.json --rename 'a[23]b=same' -o json
	[ "$(json '[i["reason"] for i in d["items"] if i["source"] == "coll%a3b"]' <<<"$output")" = "['NAME_COLLISION']" ]
}

@test "migrate status --report: a page that holds together whatever the names are" {
	python3 - >hostile.json <<-'END'
		import json
		names = ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "a&b'c", "\u202eevil", "new\nline",
		         "\x1b[31mred", "page%fine"]
		print(json.dumps({"topicConfigTable": {n: {} for n in names}}))
	END
	run -3 --separate-stderr tdmqctl migrate run hostile.json --report run.html --name '<b>bold</b>' -o json
	id=$(json 'd["id"]' <<<"$output")
	run -0 --separate-stderr tdmqctl migrate status "$id" --report page.html
	cmp run.html page.html
	[ "$(stat -c %a page.html)" = 600 ]
	python3 - page.html <<-'END'
		import html.parser, sys
		text = open(sys.argv[1], encoding="utf-8").read()
		tags, cells = set(), []
		class P(html.parser.HTMLParser):
		    def handle_starttag(self, tag, attrs):
		        tags.add(tag)
		        assert not any(k.startswith("on") or k in ("src", "href") for k, _ in attrs), attrs
		        cells.append("") if tag == "td" else None
		    def handle_data(self, data):
		        cells[-1:] = [cells[-1] + data] if cells else []
		P().feed(text)
		assert tags <= {"html", "head", "meta", "style", "title", "body", "h1", "h2", "p", "dl", "dt", "dd",
		                "table", "tr", "th", "td", "br"}, tags
		assert "<script>alert(1)</script>" in cells, cells
		assert "\x1b" not in text and "\u202e" not in text
	END
}
