#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate: tasks that were killed, cancelled or failed go on; what a task made can be taken back.

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

# tables NAMESPACE N: a file of N topics and N groups.
tables() {
	python3 - "$1" "$2" <<-'END'
		import json, sys
		ns, n = sys.argv[1], int(sys.argv[2])
		print(json.dumps({
		    "topicConfigTable": {"%s%%t-%04d" % (ns, i): {} for i in range(n)},
		    "subscriptionGroupTable": {"%s%%g-%04d" % (ns, i): {} for i in range(n)}}))
	END
}

# State of the task with this name.
is() {
	tdmqctl migrate list -o csv --columns name,state | grep -q "^$1.*$2"
}

# caught SIGNAL NAMESPACE: a run of 2,000 items that got SIGNAL on its way; sets pid and id.
caught() {
	tables "$2" 1000 >"$2.json"
	for try in 1 2 3 4 5 6 7 8 9; do
		sed "s/$2%/$2-$try%/g" "$2.json" >"$2-$try.json"
		tdmqctl migrate run "$2-$try.json" >/dev/null 2>&1 3>&- &
		pid=$!
		await is "$2-$try" .
		kill "-$1" "$pid"
		id=$(tdmqctl migrate list -o csv --columns id,name | sed -n "s/,$2-$try.*//p")
		NS=$2-$try
		tdmqctl migrate status "$id" -o json 2>/dev/null | grep -q '"state": *"running"' && return
		kill -9 "$pid" 2>/dev/null || true
	done
	return 1
}

@test "migrate resume: goes on after kill -9 without the source file, and all is created" {
	caught KILL killed
	wait "$pid" || true
	rm -f ./*.json
	run -0 --separate-stderr tdmqctl migrate status "$id" -o json
	[[ $stderr == *"migrate resume $id"* ]]
	run -0 --separate-stderr tdmqctl migrate resume "$id" -o json
	[ "$(json 'd["state"], d["topics"]["created"], d["groups"]["created"], d["namespaces"]["created"]' \
		<<<"$output")" = "('succeeded', 1000, 1000, 1)" ]
	run -0 --separate-stderr tdmqctl topic list --namespace "$NS" -o name
	[ "${#lines[@]}" -eq 1000 ]
	run -0 --separate-stderr tdmqctl migrate resume "$id" -o json
	[ "$(json 'd["state"], d["topics"]["created"]' <<<"$output")" = "('succeeded', 1000)" ]
}

@test "migrate cancel: stops a running task after what is on its way; resume goes on" {
	caught STOP halted
	run -9 --separate-stderr tdmqctl migrate resume "$id"
	[[ $stderr == *'is being run by process'* ]]
	tdmqctl migrate cancel "$id" >/dev/null 2>cancel.err 3>&- &
	cancel=$!
	await is "$NS" cancelled # asked; its process is still stopped
	kill -CONT "$pid"
	wait "$cancel"
	grep -q 'cancelled' cancel.err
	wait "$pid" && return 1
	run -0 --separate-stderr tdmqctl migrate resume "$id" -o json
	[ "$(json 'd["state"], d["topics"]["created"], d["groups"]["created"]' <<<"$output")" = \
		"('succeeded', 1000, 1000)" ]
	run -9 --separate-stderr tdmqctl migrate cancel "$id"
	[[ $stderr == *'does not run'* ]]
}

@test "migrate cancel: a task whose process died is marked" {
	caught KILL dead
	wait "$pid" || true
	run -0 --separate-stderr tdmqctl migrate cancel "$id"
	run -0 --separate-stderr tdmqctl migrate status "$id" -o json
	[ "$(json 'd["state"]' <<<"$output")" = cancelled ]
}

@test "migrate retry --failed: only what failed, as the target is now" {
	echo '{"topicConfigTable": {"again%a1b": {"writeQueueNums": 4, "readQueueNums": 4}}}' >a.json
	echo '{"topicConfigTable": {"again%a1b": {"writeQueueNums": 8, "readQueueNums": 8},
		"again%../bad": {}, "again%fine": {}}}' >b.json
	tdmqctl migrate run a.json
	run -3 --separate-stderr tdmqctl migrate run b.json -o json
	id=$(json 'd["id"]' <<<"$output")
	run -3 --separate-stderr tdmqctl migrate retry "$id" --failed -o json
	[ "$(json 'd["failed"]' <<<"$output")" = 2 ]
	tdmqctl topic delete a1b --namespace again --yes
	run -0 --separate-stderr tdmqctl migrate retry "$id" --failed --dry-run
	[[ $stderr$output == *'1 items would be made'* ]]
	run -3 --separate-stderr tdmqctl migrate retry "$id" --failed -o json
	[ "$(json 'd["id"], d["topics"]["created"], d["failed"]' <<<"$output")" = "($id, 2, 1)" ]
	[ "$(json '[i["reason"] for i in d["items"] if i["state"] == "failed"]' <<<"$output")" = "['INVALID_NAME']" ]
}

@test "migrate rollback: removes what the task created and nothing else" {
	tdmqctl namespace create billing
	tdmqctl topic create invoices --namespace billing --type mixed
	run -0 --separate-stderr tdmqctl migrate run "$DATA/shop" --on-conflict skip -o json
	id=$(json 'd["id"]' <<<"$output")
	before=$(tdmqctl topic list -A -o json)
	run -0 --separate-stderr tdmqctl migrate rollback "$id" --dry-run
	[ "$before" = "$(tdmqctl topic list -A -o json)" ]
	run -2 --separate-stderr tdmqctl migrate rollback "$id" </dev/null
	[[ $stderr == *--yes* ]]
	run -0 --separate-stderr tdmqctl migrate rollback "$id" --yes
	run -0 --separate-stderr tdmqctl namespace list -o name
	[[ $output == *billing* && $output != *logistics* ]]
	run -0 --separate-stderr tdmqctl topic list --namespace billing -o name
	[ "$output" = invoices ]
	run -0 --separate-stderr tdmqctl migrate status "$id" -o json
	[ "$(json 'd["state"], d["topics"]["removed"], d["topics"]["exists"]' <<<"$output")" = \
		"('rolled back', 17, 1)" ]
	run -9 --separate-stderr tdmqctl migrate resume "$id"
	[[ $stderr == *'was rolled back'* ]]
}

@test "migrate rollback: keeps what has messages, or was changed, unless --force" {
	tables used 3 >used.json
	run -0 --separate-stderr tdmqctl migrate run used.json -o json
	id=$(json 'd["id"]' <<<"$output")
	tdmqctl message send t-0000 --body one --namespace used
	tdmqctl group update g-0001 --retry-max 3 --namespace used
	run -3 --separate-stderr tdmqctl migrate rollback "$id" --yes -o json
	[ "$(json 'sorted((i["name"], i["state"]) for i in d["items"])' <<<"$output")" = \
		"[('g-0000', 'remove'), ('g-0001', 'keep'), ('g-0002', 'remove'), ('t-0000', 'keep'), ('t-0001', 'remove'), ('t-0002', 'remove'), ('used', 'keep')]" ]
	[ "$(json '[i["detail"] for i in d["items"] if i["name"] == "t-0000"]' <<<"$output")" = \
		"['1 messages have arrived']" ]
	run -0 --separate-stderr tdmqctl topic list --namespace used -o name
	[ "$output" = t-0000 ]
	run -0 --separate-stderr tdmqctl migrate rollback "$id" --yes --force
	run -0 --separate-stderr tdmqctl namespace list -o name
	[[ $output != *used* ]]
}

@test "migrate: a quota of the target is known before anything is made" {
	tdmqctl namespace create tight --max-topics 2
	tables tight 3 >tight.json
	run -0 --separate-stderr tdmqctl migrate plan tight.json -o json
	[ "$(json 'd["topics"]["create"], d["topics"]["refused"]' <<<"$output")" = '(2, 1)' ]
	[ "$(json '[i["reason"] for i in d["items"] if i["state"] == "refused"]' <<<"$output")" = "['QUOTA_EXCEEDED']" ]
}

@test "migrate status: says which columns a narrow terminal has no room for" {
	tables "$(printf 'n%.0s' {1..30})" 1 >wide.json
	run -0 --separate-stderr tdmqctl migrate run wide.json --width 50
	[[ $stderr == *'too narrow for'* ]]
}

@test "migrate plan --offline: says nothing about what the target has" {
	echo '{"topicConfigTable": {"plain": {}}}' >plain.json
	run -0 --separate-stderr tdmqctl -s 127.0.0.1:1 migrate plan plain.json --offline -o json
	[ "$(json '[i["kind"] for i in d["items"]]' <<<"$output")" = "['topic']" ]
}
