#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two clusters: contexts, positions by time from one to the other. With Apache as the old one:
# tests/interop/parts/cutover.sh.

# shellcheck disable=SC2154 # run sets stderr, lines
load helper

# The new cluster is the one of helper.bash; the old one is its twin.
setup_file() {
	local dir=$BATS_FILE_TMPDIR
	brokerd --dev --data "$dir/old" --broker old-a --nameserver-port=0 --broker-port=0 --vip-port=0 \
		>"$dir/old.ready" 2>"$dir/old.log" 3>&- 4>&- &
	echo $! >"$dir/old.pid"
	broker_start
	await grep -q '^brokerd ready' "$dir/old.ready"
	OLD=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/old.ready")
	export OLD
	tdmqctl -q context create old -s "$OLD"
	tdmqctl -q context create new -s "$TDMQCTL_NAMESERVER" --use
	for c in old new; do
		tdmqctl -q -s "$(at $c)" topic create orders --queues 2
		tdmqctl -q -s "$(at $c)" group create pay-svc
	done
	for i in 1 2 3 4 5 6; do
		tdmqctl -q -s "$OLD" message send orders --body "old $i" >/dev/null
	done
	tdmqctl -q -s "$OLD" message consume orders --group pay-svc --count 2 --wait 5s --from earliest >/dev/null
	for i in 1 2 3 4; do
		tdmqctl -q message send orders --body "new $i" >/dev/null
	done
}
teardown_file() {
	kill "$(cat "$BATS_FILE_TMPDIR/old.pid")"
	broker_stop
}

at() {
	if [ "$1" = old ]; then echo "$OLD"; else echo "$TDMQCTL_NAMESERVER"; fi
}

@test "context create: keeps what stands in the file, and refuses what would not read back" {
	file=$BATS_TEST_TMPDIR/config.yaml
	printf '# mine\ncontexts:\n    dev: # by hand\n        nameservers: [a:1]\n' >"$file"
	run -0 --separate-stderr tdmqctl --config "$file" context create prod -s 'b:2;c:3' -N shop --protected \
		--access-key ops --secret-from file:/etc/key --use
	[ "$(cat "$file")" = "currentContext: prod
# mine
contexts:
    prod: {nameservers: [\"b:2\", \"c:3\"], namespace: \"shop\", credentials: {accessKey: \"ops\", secretFrom: \"file:/etc/key\"}, protected: true}
    dev: # by hand
        nameservers: [a:1]" ]
	run -0 --separate-stderr tdmqctl --config "$file" context list -o json
	[ "$(json '[(i["name"], i["current"]) for i in d["items"]]' <<<"$output")" = "[('prod', True), ('dev', False)]" ]
	run -5 --separate-stderr tdmqctl --config "$file" context create dev -s a:1
	run -0 --separate-stderr tdmqctl --config "$file" context use dev
	run -0 --separate-stderr tdmqctl --config "$file" context show
	[[ $output == *a:1* ]]
	run -4 --separate-stderr tdmqctl --config "$file" context use dav
	[[ $stderr == *"did you mean 'dev'"* ]]
	printf 'contexts: {dev: {nameservers: [a:1]}}\n' >"$file"
	run -9 --separate-stderr tdmqctl --config "$file" context create prod -s b:2
	[ "$(cat "$file")" = 'contexts: {dev: {nameservers: [a:1]}}' ]
}

@test "migrate offsets: wants two clusters, and two different ones" {
	run -2 --separate-stderr tdmqctl migrate offsets --group pay-svc
	[[ $stderr == *--from-context* ]]
	run -2 --separate-stderr tdmqctl migrate offsets --from-context new --group pay-svc
	run -2 --separate-stderr tdmqctl migrate offsets --from-context old
	run -4 --separate-stderr tdmqctl migrate offsets --from-context old --group nobody-here
}

@test "migrate offsets: previews, sets, and is undone" {
	run -0 --separate-stderr tdmqctl migrate offsets --from-context old --group pay-svc -o json
	[[ $stderr == *--execute* ]]
	# what the old cluster has left is older than all of the new one
	[ "$(json '[(i["now"], i["target"], i["replayed"], i["sinceMs"] > 0) for i in d["items"]]' <<<"$output")" = \
		'[(None, 0, 0, True), (None, 0, 0, True)]' ]
	run -0 --separate-stderr tdmqctl offset get pay-svc -o json
	[ "$(json 'd["items"]' <<<"$output")" = '[]' ]

	# all is consumed there: behind its last message, so before the first one here
	tdmqctl -q -s "$OLD" message consume orders --group pay-svc --count 4 --wait 5s >/dev/null
	run -0 --separate-stderr tdmqctl migrate offsets --from-context old --all --execute
	run -0 --separate-stderr tdmqctl offset get pay-svc -o json
	[ "$(json '[i["offset"] for i in d["items"]]' <<<"$output")" = '[0, 0]' ]

	# what is stored later there moves the place here
	tdmqctl -q -s "$OLD" message send orders --body late >/dev/null
	run -0 --separate-stderr tdmqctl -s "$OLD" migrate offsets --from-context new --group pay-svc -o json
	run -0 --separate-stderr tdmqctl migrate offsets --from-nameserver "$OLD" --group pay-svc --execute -o json
	[ "$(json 'sum(i["skipped"] for i in d["items"])' <<<"$output")" = 4 ]
	[[ $stderr == *'offset undo'* ]]
	run -0 --separate-stderr tdmqctl offset undo
	run -0 --separate-stderr tdmqctl offset get pay-svc -o json
	[ "$(json '[i["offset"] for i in d["items"]]' <<<"$output")" = '[0, 0]' ]
	run -0 --separate-stderr tdmqctl offset undo --dry-run
	run -9 --separate-stderr tdmqctl -s "$OLD" offset undo
	[[ $stderr == *"$TDMQCTL_NAMESERVER"* ]]
}

@test "migrate offsets: nothing is set in a read-only context" {
	TDMQCTL_READ_ONLY=1 run -9 --separate-stderr tdmqctl migrate offsets --from-context old --all --execute
}

@test "migrate switch: says what is next, what is not safe and why" {
	run -9 --separate-stderr tdmqctl migrate switch status all-producers --from-context old
	[[ $output == *metadata*done*'topics there: 1 of 1'* ]]
	[[ $stderr == *'all-producers'*'not safe'* ]]
	[[ $stderr == *"first 'some-consumers'"* ]]
	run -0 --separate-stderr tdmqctl migrate switch status --from-context old
	[[ $stderr == *'next: connect a consumer'* ]]
	run -9 --separate-stderr tdmqctl migrate switch status all-consumers --from-context old -o json
	[ "$(json 'd["kind"], d["from"], d["to"], d["next"], d["safe"], d["done"], len(d["steps"])' <<<"$output")" = \
		"('Switch', 'old', 'new', 'some-consumers', True, False, 6)" ]
	[ "$(json '[(s["step"], s["done"], s["safe"]) for s in d["steps"]][:2]' <<<"$output")" = \
		"[('metadata', True, True), ('some-consumers', False, True)]" ]
	run -0 --separate-stderr tdmqctl migrate switch status --from-context old --show groups -o json
	[ "$(json '[(g["group"], g["old"], g["new"]) for g in d["items"]]' <<<"$output")" = "[('pay-svc', 0, 0)]" ]
	# a group nobody knows would be done with at once
	run -4 --separate-stderr tdmqctl migrate switch status metadata --from-context old --group pay-svcx
	[[ $stderr == *"no group 'pay-svcx'"* ]]
}

@test "migrate switch: a topic that is missing comes first" {
	tdmqctl -q -s "$OLD" topic create late-one
	run -0 --separate-stderr tdmqctl migrate switch status --from-context old -o json
	[ "$(json 'd["next"], d["missingTopics"]' <<<"$output")" = "('metadata', ['late-one'])" ]
	run -9 --separate-stderr tdmqctl migrate switch status some-consumers --from-context old
	[[ $stderr == *late-one* ]]
	tdmqctl -q -s "$OLD" topic delete late-one --yes
}

# member SIDE: a consumer of pay-svc that stays; its number goes to $MEMBER.
member() {
	tdmqctl -q -s "$(at "$1")" message consume orders --group pay-svc --follow >"$BATS_TEST_TMPDIR/$1.out" 2>&1 3>&- &
	MEMBER=$!
}

@test "migrate switch: warns when consumers left with messages unread" {
	member old
	old=$MEMBER
	member new
	new=$MEMBER
	run -0 --separate-stderr tdmqctl migrate switch status some-consumers --from-context old --wait 10s --interval 100ms
	run -0 --separate-stderr tdmqctl migrate switch status --from-context old --show clients -o json
	[ "$(json 'sorted((i["side"], i["kind"], i["group"], ":" in i["address"]) for i in d["items"])' <<<"$output")" = \
		"[('new', 'consumer', 'pay-svc', True), ('old', 'consumer', 'pay-svc', True)]" ]
	run -8 --separate-stderr tdmqctl migrate switch status some-producers --from-context old --wait 300ms --interval 100ms
	[[ $stderr == *'producers in the new cluster: 0'* ]]
	kill "$old"
	wait "$old" || :
	tdmqctl -q -s "$OLD" message send orders --body unread >/dev/null
	run -9 --separate-stderr tdmqctl migrate switch status --from-context old
	[[ $stderr == *"'pay-svc' has left the old cluster"*unread* ]]
	kill "$new"
	wait "$new" || :
}

@test "migrate switch: a cluster that does not answer is no answer" {
	run -7 --separate-stderr tdmqctl migrate switch status --from-nameserver 127.0.0.1:1
	[ -z "$output" ]
	run -2 --separate-stderr tdmqctl migrate switch status nonsense --from-context old
	run -2 --separate-stderr tdmqctl migrate switch
}

@test "migrate verify: tells what is missing or different days later" {
	DATA=$ROOT/tests/data/apache
	tdmqctl -q migrate run "$DATA/shop" >/dev/null
	id=$(tdmqctl migrate list -o json | json 'd["items"][-1]["id"]')
	run -0 --separate-stderr tdmqctl migrate verify "$id"
	[[ $output == *same* ]]
	run -0 --separate-stderr tdmqctl migrate verify "$DATA/shop" --failed -o json
	[ "$(json 'd["items"]' <<<"$output")" = '[]' ]
	name=$(tdmqctl topic list -A -o json | json '[i["metadata"]["namespace"] + "%" + i["metadata"]["name"] for i in d["items"] if i["metadata"]["namespace"] == "shop"][0]')
	tdmqctl -q topic delete "$name" --yes
	group=$(tdmqctl group list -A -o json | json '[i["metadata"]["namespace"] + "%" + i["metadata"]["name"] for i in d["items"] if i["metadata"]["namespace"] == "shop"][0]')
	tdmqctl -q group update "$group" --retry-max 3
	for what in "$id" "$DATA/shop"; do
		run -20 --separate-stderr tdmqctl migrate verify "$what" --failed -o json
		[ "$(json 'sorted((i["kind"], i["state"]) for i in d["items"])' <<<"$output")" = \
			"[('group', 'differs'), ('topic', 'missing')]" ]
		[[ $stderr == *'other settings: 1, missing: 1'* ]]
	done
	run -4 --separate-stderr tdmqctl migrate verify 999
	tdmqctl -q migrate run "$DATA/shop" --on-conflict update >/dev/null
	run -0 --separate-stderr tdmqctl migrate verify "$DATA/shop"
}

@test "migrate verify --source-context: the old cluster says what there should be" {
	tdmqctl -q migrate export apache -s "$OLD" -f "$BATS_TEST_TMPDIR/old.json" 2>/dev/null
	tdmqctl -q migrate run "$BATS_TEST_TMPDIR/old.json" >/dev/null
	id=$(tdmqctl migrate list -o json | json 'd["items"][-1]["id"]')
	run -0 --separate-stderr tdmqctl migrate verify --source-context old
	[[ $output == *orders*same* ]]
	tdmqctl -q -s "$OLD" topic create since-then
	run -20 --separate-stderr tdmqctl migrate verify --source-context old --failed -o json
	[ "$(json '[(i["name"], i["state"]) for i in d["items"]]' <<<"$output")" = "[('since-then', 'missing')]" ]
	run -0 --separate-stderr tdmqctl migrate verify "$id" --source-context old
	run -7 --separate-stderr tdmqctl -s 127.0.0.1:1 migrate verify --source-context old
	run -2 --separate-stderr tdmqctl migrate verify
	tdmqctl -q -s "$OLD" topic delete since-then --yes
}
