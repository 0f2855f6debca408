#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a cluster with limits refuses, and how it says so.
# shellcheck disable=SC2154 # run sets stderr

load helper

setup_file() {
	broker_start --enforce-topic-types --no-auto-create-topics --no-auto-create-groups \
		--max-namespaces=2 --max-topics=6 --max-groups=2 --max-topic-queues=8 --max-calls=20
}

teardown_file() {
	broker_stop
}

@test "topic create --type: a message of another type is refused, and the words say why" {
	run -0 --separate-stderr tdmqctl topic create plain
	run -0 --separate-stderr tdmqctl topic create later --type delay
	run -0 --separate-stderr tdmqctl topic create any --type mixed
	run -0 --separate-stderr tdmqctl message send later --body x --delay 1s
	run -0 --separate-stderr tdmqctl message send any --body x --delay 1s
	run -0 --separate-stderr tdmqctl message send any --body x
	run -0 --separate-stderr tdmqctl message send plain --body x
	run -1 --separate-stderr tdmqctl message send plain --body x --delay 1s
	[[ $stderr == *"topic 'plain' takes messages of type normal, this one is of type delay"* ]]
	run -1 --separate-stderr tdmqctl message send later --body x
	[[ $stderr == *"topic 'later' takes messages of type delay, this one is of type normal"* ]]
}

@test "namespace create --max-topics, --max-groups: a share of what the cluster may have" {
	run -0 --separate-stderr tdmqctl namespace create shop --max-topics 1 --max-groups 1
	run -0 --separate-stderr tdmqctl topic create one -N shop --type global-fifo
	run -9 --separate-stderr tdmqctl topic create two -N shop
	[[ $stderr == *"limit of 1 topics of namespace 'shop' reached"* ]]
	run -0 --separate-stderr tdmqctl group create one -N shop
	run -9 --separate-stderr tdmqctl group create two -N shop
	run -0 --separate-stderr tdmqctl namespace update shop --description x
	run -0 tdmqctl namespace describe shop -o json
	[ "$(json 'd["spec"]["maxTopics"], d["spec"]["maxGroups"]' <<<"$output")" = '(1, 1)' ]
	run -0 --separate-stderr tdmqctl namespace update shop --max-topics 0
	run -0 tdmqctl topic describe one -N shop -o json
	[ "$(json 'd["spec"]["type"], d["spec"]["queues"]' <<<"$output")" = "('fifo', 1)" ]
	run -2 tdmqctl topic create two -N shop --type global-fifo --queues 2
	run -0 --separate-stderr tdmqctl topic delete one -N shop --yes
	run -0 --separate-stderr tdmqctl group delete one -N shop --yes
	run -0 --separate-stderr tdmqctl namespace delete shop --yes
}

@test "brokerd: a bad value ends with exit 2 wherever it stands" {
	run -2 brokerd --data "$BATS_TEST_TMPDIR" --pull-max-messages=0
	BROKERD_PULL_MAX_MESSAGES=0 run -2 brokerd --data "$BATS_TEST_TMPDIR"
	echo 'pull-max-messages: 0' >"$BATS_TEST_TMPDIR/b.conf"
	run -2 brokerd --config "$BATS_TEST_TMPDIR/b.conf" --data "$BATS_TEST_TMPDIR"
}

@test "limits: what is one too many is refused with the limit and the setting" {
	run -0 --separate-stderr tdmqctl namespace create shop
	run -9 --separate-stderr tdmqctl namespace create more
	[[ $stderr == *"limit of 2 namespaces reached, see max-namespaces"* ]]
	for i in 1 2 3; do
		run -0 --separate-stderr tdmqctl topic create "more-$i"
	done
	run -9 --separate-stderr tdmqctl topic create more-4
	[[ $stderr == *"limit of 6 topics reached, see max-topics"* ]]
	run -0 --separate-stderr tdmqctl group create one two
	run -9 --separate-stderr tdmqctl group create three
	[[ $stderr == *"limit of 2 groups reached, see max-groups"* ]]
	run -1 --separate-stderr tdmqctl topic update more-1 --queues 9
	[[ $stderr == *"between 0 and 8"* ]]
}

@test "limits: sends above the rate take their time, and all arrive" {
	SECONDS=0
	run -0 --separate-stderr tdmqctl message send plain --body x --count 40
	[ "$SECONDS" -ge 1 ]
	run -0 tdmqctl topic stats plain -o csv --columns messages
	[ "$(awk '{n += $1} END {print n}' <<<"$output")" = 41 ]
	run -0 tdmqctl broker stats brokerd -o csv --columns name,value
	[[ $output =~ putMessageSlowedTimes,[1-9] ]]
	[[ $output == *putMessageThrottledTimes,0* ]]
}
