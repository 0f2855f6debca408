#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a cluster with limits refuses, and how it says so.
# shellcheck disable=SC2154 # run sets stderr

load helper

setup_file() {
	broker_start --enforce-topic-types --no-auto-create-topics --no-auto-create-groups
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

@test "brokerd: a bad value ends with exit 2 wherever it stands" {
	run -2 brokerd --data "$BATS_TEST_TMPDIR" --pull-max-messages=0
	BROKERD_PULL_MAX_MESSAGES=0 run -2 brokerd --data "$BATS_TEST_TMPDIR"
	echo 'pull-max-messages: 0' >"$BATS_TEST_TMPDIR/b.conf"
	run -2 brokerd --config "$BATS_TEST_TMPDIR/b.conf" --data "$BATS_TEST_TMPDIR"
}
