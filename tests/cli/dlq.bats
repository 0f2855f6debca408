#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# dlq: a message that fails for good becomes a dead letter, is found there, resent and consumed.

# shellcheck disable=SC2154 # run sets stderr
load helper

setup_file() {
	broker_start
	tdmqctl namespace create shop
	tdmqctl topic create orders -N shop --queues 2
	tdmqctl group create billing -N shop
	for i in 1 2 3; do tdmqctl message send orders -N shop --body "order-$i" --key "key-$i" --tag "tag-$i"; done
	tdmqctl message consume orders -N shop --group billing --from earliest --count 3 --dead
}
teardown_file() {
	broker_stop
}

@test "dlq list: counts the letters of each group" {
	run -0 --separate-stderr tdmqctl dlq list -N shop -o json
	[ "$(json '[(i["group"], i["letters"], i["lastHour"]) for i in d["items"]]' <<<"$output")" = "[('billing', 3, 3)]" ]
	run -0 --separate-stderr tdmqctl dlq list -N shop --min 4 -o name
	[ -z "$output" ]
	run -0 --separate-stderr tdmqctl dlq list -o name
	[ -z "$output" ]
}

@test "dlq query: shows origin, retries and body; filters" {
	run -0 --separate-stderr tdmqctl dlq query billing -N shop -o json
	[ "$(json 'sorted((i["originTopic"], i["body"], i["resent"]) for i in d["items"])[0]' <<<"$output")" = "('orders', 'order-1', False)" ]
	run -0 --separate-stderr tdmqctl dlq query billing -N shop --tag tag-2 -o json
	[ "$(json '[i["body"] for i in d["items"]]' <<<"$output")" = "['order-2']" ]
	id=$(json 'd["items"][0]["id"]' <<<"$output")
	run -0 --separate-stderr tdmqctl dlq query billing -N shop --id "$id" -o name
	[ "$output" = "$id" ]
	run -0 --separate-stderr tdmqctl dlq query billing -N shop --until 1h -o name
	[ -z "$output" ]
}

@test "dlq query: a group that never had a dead letter has none; an unknown one is not found" {
	tdmqctl group create spotless -N shop
	run -0 --separate-stderr tdmqctl dlq query spotless -N shop -o name
	[ -z "$output" ]
	run -4 --separate-stderr tdmqctl dlq query nobody -N shop
	[[ $stderr == *nobody* ]]
}

@test "dlq resend: nothing selected is a usage error, a rehearsal sends nothing" {
	run -2 --separate-stderr tdmqctl dlq resend billing -N shop
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --all --dry-run
	[[ $stderr == *3* ]]
	run -0 --separate-stderr tdmqctl message consume orders -N shop --group billing --wait 300ms
	[ -z "$output" ]
}

@test "dlq resend: the group gets the letter again as a first retry, and the ledger knows" {
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --tag tag-1
	run -0 --separate-stderr tdmqctl message consume orders -N shop --group billing --count 1 --row-format '%r %v %k'
	[ "$output" = '0 order-1 key-1' ]
	run -0 --separate-stderr tdmqctl dlq query billing -N shop -o json
	[ "$(json 'sorted((i["body"], i["resent"]) for i in d["items"])' <<<"$output")" = "[('order-1', True), ('order-2', False), ('order-3', False)]" ]
}

@test "dlq resend: --skip-resent makes it idempotent" {
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --all --skip-resent
	run -0 --separate-stderr tdmqctl message consume orders -N shop --group billing --count 2 --row-format '%v\n'
	[ "$(sort <<<"$output" | paste -sd ' ')" = 'order-2 order-3' ]
	run -0 --separate-stderr tdmqctl dlq resend billing -N shop --all --skip-resent
	[[ $stderr == *' 0 letter'* ]]
	run -0 --separate-stderr tdmqctl message consume orders -N shop --group billing --wait 300ms
	[ -z "$output" ]
}
