#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# tdmqctl store: directories without a server; the real Apache broker is in tests/interop/parts/handover.sh.

# shellcheck disable=SC2154,SC2030,SC2031
load helper

setup_file() {
	broker_start
	tdmqctl -q topic create orders --queues 1
	tdmqctl -q group create svc
	for n in 1 2 3 4 5 6; do tdmqctl message send orders --body "message $n" --key "k$n" --tag paid >/dev/null; done
	tdmqctl message consume orders --group svc --from earliest --count 3 >/dev/null 2>&1
	cp -r "$BATS_FILE_TMPDIR/data" "$BATS_FILE_TMPDIR/live" # as a kill would leave it
	broker_stop
}

# A copy of the store for one test.
copy() {
	cp -r "$BATS_FILE_TMPDIR/${1:-data}" "$BATS_TEST_TMPDIR/s"
	cd "$BATS_TEST_TMPDIR" || return
}

log=s/commitlog/00000000000000000000

@test "store inspect: says what is there, and writes nothing" {
	copy
	chmod -R a-w s
	find s -printf '%p %s %T@\n' | sort >before
	run -0 --separate-stderr tdmqctl store inspect s -o json
	[ "$(json '[i["count"] for i in d["items"] if i["part"] == "queue"] == [6]' <<<"$output")" = True ]
	[ "$(json '[i["count"] for i in d["items"] if i["part"] == "index"]' <<<"$output")" = '[12]' ]
	find s -printf '%p %s %T@\n' | sort | diff - before
	chmod -R u+w s
}

@test "store verify: a clean store is sound" {
	copy
	find s -printf '%p %s %T@\n' | sort >before
	run -0 --separate-stderr tdmqctl store verify s -o json
	[ "$(json '[i["count"] for i in d["items"]]' <<<"$output")" = '[6, 6, 12]' ]
	[[ $stderr == *'is sound: 6 records'* ]]
	find s -printf '%p %s %T@\n' | sort | diff - before
}

@test "store verify: what a kill leaves is mended, not damaged" {
	copy live
	run -0 --separate-stderr tdmqctl store verify s
	[[ $output != *damaged* ]]
}

@test "store verify: a flipped byte is rot, with a plan" {
	copy
	at=$(grep -abo 'message 3' "$log" | cut -d: -f1)
	printf X | dd of="$log" bs=1 seek="$at" conv=notrunc status=none
	run -20 --separate-stderr tdmqctl store verify s -o json
	[ "$(json '[(i["what"], i["count"] or i["bytes"] > 0) for i in d["items"] if i["state"] == "damaged"]' <<<"$output")" = "[('rot', True)]" ]
	[[ $stderr == *repair-plan* ]]
	run -20 --separate-stderr tdmqctl store verify s --repair-plan -o json
	[[ $(json 'd["items"][0]["plan"]' <<<"$output") == *quarantine* ]]
}

@test "store verify: rot behind a clean end, a torn tail behind a kill" {
	copy
	end=$(tdmqctl store verify s -o json 2>/dev/null | json 'd["items"][0]["offset"]')
	printf garbage | dd of="$log" bs=1 seek="$end" conv=notrunc status=none
	run -20 --separate-stderr tdmqctl store verify s
	[[ $output == *rot* ]]
	: >s/abort
	run -0 --separate-stderr tdmqctl store verify s
	[[ $output == *mended*torn-tail* ]]
}

@test "store verify: a queue that lacks its end or lies" {
	copy
	queue=s/consumequeue/orders/0/00000000000000000000
	printf '\0\0\0\0\0\0\0\1' | dd of="$queue" bs=1 seek=20 conv=notrunc status=none
	run -20 --separate-stderr tdmqctl store verify s
	[[ $output == *'point elsewhere'* ]]
	head -c 80 /dev/zero | dd of="$queue" bs=1 seek=40 conv=notrunc status=none
	run -20 --separate-stderr tdmqctl store verify s
	[[ $output == *'behind the end of their queue'* ]]
}

@test "store verify: what a deleted topic and group left is not damage" {
	broker_start
	tdmqctl -q topic create gone --queues 2
	tdmqctl -q group create gonesvc
	tdmqctl -q message send gone --body 1 --key one --count 4
	tdmqctl -q message consume gone --group gonesvc --from earliest --count 2 --retry
	tdmqctl -q group delete gonesvc --yes
	tdmqctl -q topic delete gone --yes
	tdmqctl -q topic create gone --queues 1
	tdmqctl -q message send gone --body again
	cp -r "$BATS_FILE_TMPDIR/data" "$BATS_TEST_TMPDIR/killed"
	tdmqctl -q topic delete gone --yes
	broker_stop
	copy
	for store in s "$BATS_TEST_TMPDIR/killed"; do
		run -0 --separate-stderr tdmqctl store verify "$store"
		[[ $output == *note*deleted* && $output != *damaged* ]]
		[[ $stderr == *'is sound'* ]]
	done
}

@test "store: what is no store is refused" {
	mkdir "$BATS_TEST_TMPDIR/empty"
	for verb in inspect verify handover; do
		run -4 --separate-stderr tdmqctl store $verb "$BATS_TEST_TMPDIR/empty"
		run -4 --separate-stderr tdmqctl store $verb "$BATS_TEST_TMPDIR/none"
	done
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/empty")" ]
}

@test "store handover: writes Apache's tables, its sizes and a broker.conf" {
	copy
	run -0 --separate-stderr tdmqctl store handover s --dry-run -o json
	[ ! -e s/config ]
	[ "$(json '[i["taken"] > 2 and i["left"] == 0 for i in d["items"] if i["object"] == "offsets"]' <<<"$output")" = '[True]' ]
	run -0 --separate-stderr tdmqctl store handover s
	[[ $stderr == *'mqbroker -c s/broker.conf'* ]]
	grep -q '"orders@svc":{0:' s/config/consumerOffset.json
	grep -q '^mappedFileSizeCommitLog=67108864$' s/broker.conf
	grep -q '^maxIndexNum=400000$' s/broker.conf
}

@test "store handover: takes along what requests changed" {
	broker_start
	tdmqctl -q broker config set transactionCheckMax=3 fileReservedTime=5 --yes
	broker_stop
	copy
	run -0 --separate-stderr tdmqctl store handover s -o json
	[ "$(json '[i["left"] for i in d["items"] if i["object"] == "name-server-values"]' <<<"$output")" = '[0]' ]
	grep -q '^transactionCheckMax=3$' s/broker.conf
	grep -q '^fileReservedTime=5$' s/broker.conf
}

@test "store handover: refused while a broker runs" {
	broker_start
	run -9 --separate-stderr tdmqctl store handover "$BATS_FILE_TMPDIR/data"
	[[ $stderr == *'locked by another process'* ]]
	run -0 --separate-stderr tdmqctl store inspect "$BATS_FILE_TMPDIR/data"
	[[ $output == *'a broker runs on it'* ]]
	broker_stop
}

@test "brokerd: a store that Apache served after the handover needs --adopt, which is idempotent" {
	copy
	tdmqctl -q store handover s >/dev/null
	sed -i 's/"orders@svc":{0:[0-9]*/"orders@svc":{0:9/' s/config/consumerOffset.json
	cp -r s/config config
	run -9 timeout 10 brokerd --dev --data s --nameserver-port=0 --broker-port=0 --vip-port=0
	[[ $output == *--adopt* ]]
	for round in 1 2; do
		: >ready
		brokerd --dev --adopt s --nameserver-port=0 --broker-port=0 --vip-port=0 >ready 2>log 3>&- 4>&- &
		pid=$!
		await grep -q '^brokerd ready' ready
		export TDMQCTL_NAMESERVER
		TDMQCTL_NAMESERVER=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' ready)
		run -0 --separate-stderr tdmqctl offset get svc --topic orders -o json
		[ "$(json 'd["items"][0]["offset"]' <<<"$output")" = 9 ]
		kill $pid
		wait $pid || :
		if [ $round = 1 ]; then
			grep -q 'offsets.* taken' log
		else
			grep -q 'nothing to take' log
		fi
	done
	diff -r s/config config
}

@test "cluster list: a full disk is no good health" {
	broker_start --disk-refuse-below 1048576GiB
	run -0 --separate-stderr tdmqctl cluster list -o json
	[ "$(json 'd["items"][0]["health"]' <<<"$output")" = warning ]
	[[ $stderr == *'disk is full'* ]]
	broker_stop
}
