#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# delay, transaction: what waits is seen, called off, begun anew; across a restart too.

# run sets stderr; scripts for bash -c are in single quotes; words of $how are several
# shellcheck disable=SC2154,SC2016,SC2086
load helper

TX=(--transaction-timeout=100ms --transaction-check-interval=100ms --transaction-check-max=2)

setup_file() {
	broker_start "${TX[@]}"
	tdmqctl namespace create shop
	tdmqctl topic create orders -N shop --queues 1
	tdmqctl topic create pay -N shop --queues 1
}
teardown_file() {
	broker_stop
}

lines() { # N COMMAND...
	[ "$("${@:2}" | wc -l)" = "$1" ]
}

bodies() { # of a topic
	tdmqctl message query "$1" -N shop -o json | json 'sorted(i["body"] for i in d["items"])'
}

@test "delay list: by time, whichever way they wait; of a topic, a namespace, until a time" {
	tdmqctl message send orders -N shop --body hour --delay 1h --key k-1 --tag red
	tdmqctl message send orders -N shop --body level --delay-level 16
	tdmqctl message send pay -N shop --body far --delay 20d
	await lines 3 tdmqctl delay list -N shop -o name
	run -0 --separate-stderr tdmqctl delay list -N shop -o json
	[ "$(json '[(i["topic"], i["level"], i["keys"], i["tag"]) for i in d["items"]]' <<<"$output")" = \
		"[('orders', 16, None, None), ('orders', None, 'k-1', 'red'), ('pay', None, None, None)]" ]
	run -0 --separate-stderr tdmqctl delay list -N shop --topic pay -o json
	[ "$(json 'len(d["items"])' <<<"$output")" = 1 ]
	run -0 --separate-stderr tdmqctl delay list -N shop --until +2h -o json
	[ "$(json 'len(d["items"])' <<<"$output")" = 2 ]
	run -0 --separate-stderr tdmqctl delay list -o name
	[ -z "$output" ]
	run -0 --separate-stderr tdmqctl delay list -N shop --limit 1 -o name
	[[ $stderr == *more* ]]
}

@test "delay cancel: asks, then it is gone for good" {
	id=$(tdmqctl delay list -N shop --topic pay -o name)
	run -2 --separate-stderr tdmqctl delay cancel "$id" -N shop
	run -0 --separate-stderr tdmqctl delay cancel "$id" -N shop --dry-run
	run -0 --separate-stderr tdmqctl delay cancel "$id" -N shop --yes
	[[ $stderr == *cancelled* ]]
	run -0 --separate-stderr tdmqctl delay list -N shop --topic pay -o name
	[ -z "$output" ]
	run -4 --separate-stderr tdmqctl delay cancel 7F00000100002A9F00000000000F4240 --yes
}

@test "message send --transaction: commit delivers, rollback does not" {
	tdmqctl topic create txs -N shop --queues 1
	run -0 tdmqctl message send txs -N shop --body yes --transaction commit --count 2
	run -0 tdmqctl message send txs -N shop --body no --transaction rollback
	run -2 tdmqctl message send txs -N shop --body no --transaction commit --oneway
	[ "$(bodies txs)" = "['yes', 'yes']" ]
}

@test "transaction list and resume: open, then set aside, then begun anew; once" {
	tdmqctl topic create stuck -N shop --queues 1
	id=$(tdmqctl message send stuck -N shop --body half --key t-1 --transaction unknown -o name)
	await bash -c 'tdmqctl transaction list -N shop --topic stuck -o json | grep -q "\"aside\""'
	run -0 --separate-stderr tdmqctl transaction list -N shop -o json
	[ "$(json '[(i["id"], i["topic"], i["state"], i["group"], i["keys"], i["checks"]) for i in d["items"]]' <<<"$output")" = \
		"[('$id', 'stuck', 'aside', 'tdmqctl', 't-1', 2)]" ]
	run -0 --separate-stderr tdmqctl transaction list -N shop --older 1h -o name
	[ -z "$output" ]
	old=$(json 'd["items"][0]["offsetId"]' < <(tdmqctl transaction list -N shop -o json))
	run -0 --separate-stderr tdmqctl transaction resume "$id"
	[[ $stderr == *anew* ]]
	run -4 --separate-stderr tdmqctl transaction resume 7F00000100002A9F00000000000F4240
	# Nobody answers, so it is set aside once more: another record of it.
	await bash -c "tdmqctl transaction list -N shop -o json | grep -q '\"aside\"'"
	[ "$(json 'd["items"][0]["offsetId"]' < <(tdmqctl transaction list -N shop -o json))" != "$old" ]
	[ "$(bodies stuck)" = "[]" ]
}

@test "dlq resend: the same command again sends only what is new, and says so" {
	tdmqctl group create billing -N shop
	tdmqctl topic create bills -N shop --queues 1
	tdmqctl message send bills -N shop --body one
	tdmqctl message consume bills -N shop --group billing --from earliest --count 1 --dead
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --all
	[[ $stderr == *' 1 letter'* ]]
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --all
	[[ $stderr == *' 0 letter'* && $stderr == *--again* ]]
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --all --again
	[[ $stderr == *' 1 letter'* ]]
	run -2 --separate-stderr tdmqctl dlq resend billing -N shop --all --again --skip-resent
}

@test "delay cancel: neither way of waiting delivers it, a restart between; others come" {
	ids=()
	for how in "--delay-level 2" "--delay 2500ms"; do
		read -ra options <<<"$how"
		ids+=("$(tdmqctl message send pay -N shop --body "not $how" "${options[@]}" -o name)")
		tdmqctl message send pay -N shop --body "but $how" "${options[@]}"
	done
	for id in "${ids[@]}"; do
		tdmqctl delay cancel "$id" -N shop --yes
	done
	broker_stop
	broker_start "${TX[@]}"
	await lines 2 tdmqctl message query pay -N shop -o name
	[ "$(bodies pay)" = "['but --delay 2500ms', 'but --delay-level 2']" ]
	run -4 --separate-stderr tdmqctl delay cancel "${ids[0]}" -N shop --yes
}
