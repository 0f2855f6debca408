#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# broker and nameserver: figures, lag, settings, texts, draining.

# run sets output, stderr and lines in the shell of its test
# shellcheck disable=SC2154
load helper

setup_file() { broker_start; }
teardown_file() { broker_stop; }

# One value of what -o json prints.
figure() { tdmqctl broker stats brokerd -o json | json "[i['value'] for i in d['items'] if i['name'] == '$1'][0]"; }
setting() { tdmqctl broker config get "$1" -o json | json "d['items'][0]['value']"; }

@test "broker stats: figures by part, with units; --raw as they were sent" {
	run -0 tdmqctl broker stats brokerd
	[[ ${lines[0]} =~ ^PART\ +NAME\ +VALUE ]]
	[[ $output == *"server    brokerVersionDesc"*V4_9_8* ]]
	[[ $output == *"rates "*putTps* ]]
	run -0 tdmqctl broker stats brokerd --raw
	[[ $output =~ bootTimestamp\ +1[0-9]{12} ]]
	run -4 tdmqctl broker stats brokers
	[[ $output == *"did you mean 'brokerd'"* ]]
}

@test "broker stats: what was sent is counted" {
	before=$(figure msgPutTotalTodayNow)
	tdmqctl -q topic create counted --if-not-exists
	tdmqctl -q message send counted --body x >/dev/null
	[ "$(figure msgPutTotalTodayNow)" = $((before + 1)) ]
	[[ $(figure putMessageDistributeTime) == "[<=0ms]:"* ]]
}

@test "broker stats: every figure that rocketmq-exporter parses is there, in its form" {
	tdmqctl -q topic create exported --if-not-exists
	tdmqctl -q message send exported --body later --delay-level 3 >/dev/null
	tdmqctl broker stats brokerd -o json | python3 -c '
import json, re, sys
# BrokerRuntimeStats of the exporter: one that is missing or of another form drops the broker.
got = {i["name"]: i["value"] for i in json.load(sys.stdin)["items"]}
whole = """msgPutTotalTodayNow msgGetTotalTodayNow msgPutTotalTodayMorning msgGetTotalTodayMorning
msgPutTotalYesterdayMorning msgGetTotalYesterdayMorning sendThreadPoolQueueHeadWaitTimeMills
queryThreadPoolQueueHeadWaitTimeMills pullThreadPoolQueueHeadWaitTimeMills queryThreadPoolQueueSize
pullThreadPoolQueueSize sendThreadPoolQueueSize sendThreadPoolQueueCapacity pullThreadPoolQueueCapacity
queryThreadPoolQueueCapacity bootTimestamp commitLogMinOffset commitLogMaxOffset dispatchMaxBuffer brokerVersion
pageCacheLockTimeMills getMessageEntireTimeMax putMessageEntireTimeMax putMessageTimesTotal putMessageSizeTotal
startAcceptSendRequestTimeStamp earliestMessageTimeStamp remainTransientStoreBufferNumbs dispatchBehindBytes"""
number = r"\d+(\.\d+)?"
forms = {k: r"-?\d+" for k in whole.split()}
forms |= {k: number for k in "consumeQueueDiskRatio commitLogDiskRatio putMessageAverageSize putLatency99 putLatency999".split()}
forms |= {k: f"{number} {number} {number}" for k in "putTps getMissTps getTransferedTps getTotalTps getFoundTps".split()}
forms |= {"remainHowManyDataToFlush": r"\d+ B", "runtime": r"\[ .* \]", "brokerVersionDesc": r"V4_9_\d",
          "commitLogDirCapacity": rf"Total : {number} GiB, Free : {number} GiB\.",
          "putMessageDistributeTime": r"(\[[^\] ]+\]:\d+ ){13}", "scheduleMessageOffset_3": r"\d+,\d+"}
wrong = [k for k in forms if not re.fullmatch(forms[k], got.get(k, ""))]
assert not wrong, [(k, got.get(k)) for k in wrong]'
}

@test "broker lag: groups and topics, those that are far enough behind" {
	tdmqctl -q topic create behind --queues 1
	tdmqctl -q group create slow
	tdmqctl -q message send behind --body x --count 3 >/dev/null
	run -0 tdmqctl broker lag brokerd
	[[ $output != *slow* ]]
	tdmqctl -q message consume behind --group slow --count 1 --from earliest --ack >/dev/null
	await bash -c "tdmqctl broker lag brokerd | grep -Eq 'slow +behind +2'"
	run -0 tdmqctl broker lag brokerd --min 3
	[[ $output != *slow* ]]
	run -0 tdmqctl broker lag brokerd -o json
	[ "$(json "[i['lag'] for i in d['items'] if i['group'] == 'slow']" <<<"$output")" = '[2]' ]
}

@test "broker config: what must not be set from afar is refused, and all with it" {
	run -6 --separate-stderr tdmqctl broker config set fileReservedTime=1 rocketmqHome=/tmp/x --yes
	[[ $stderr == *rocketmqHome* ]]
	[ "$(setting fileReservedTime)" = 72 ]
	run -2 tdmqctl broker config set fileReservedTime --yes
	run -2 tdmqctl broker config set --yes
	TDMQCTL_READ_ONLY=1 run -9 tdmqctl broker config set fileReservedTime=1 --yes
	run -0 tdmqctl broker config set fileReservedTime=1 --dry-run
	[ "$(setting fileReservedTime)" = 72 ]
	run -0 tdmqctl broker config get --diff -o name
	[ -z "$output" ]
}

@test "broker drain: routes lose the permission to write, and get it back" {
	tdmqctl -q topic create drained --queues 1
	run -2 tdmqctl broker drain brokerd
	run -0 tdmqctl broker drain brokerd --yes
	[ "$(tdmqctl topic route drained -o json | json "d['items'][0]['perm']")" = r ]
	run -0 tdmqctl broker undrain brokerd
	[ "$(tdmqctl topic route drained -o json | json "d['items'][0]['perm']")" = rw ]
	run -8 --separate-stderr tdmqctl broker drain brokerd --wait 1s --yes
	tdmqctl -q broker undrain brokerd
	run -4 tdmqctl broker drain none --yes
}

@test "broker cleanup: asks, and needs to be told what" {
	run -2 tdmqctl broker cleanup brokerd --yes
	run -2 tdmqctl broker cleanup brokerd --commit-log
	run -0 tdmqctl broker cleanup brokerd --commit-log --consume-queues --unused-topics --yes
}

@test "nameserver list: who answers" {
	run -0 tdmqctl nameserver list
	[[ ${lines[1]} =~ ^$TDMQCTL_NAMESERVER\ +ok\ .*\ 1$ ]]
	run -3 --separate-stderr tdmqctl nameserver list -s "$TDMQCTL_NAMESERVER,127.0.0.1:1" -o json
	[ "$(json "[i['state'] for i in d['items']]" <<<"$output")" = "['ok', 'failed']" ]
	[[ $stderr == *127.0.0.1:1* ]]
}

@test "nameserver config: get, and set what may be" {
	run -0 tdmqctl nameserver config get orderMessageEnable
	[[ $output == *false* ]]
	run -2 tdmqctl nameserver config set orderMessageEnable=true
	tdmqctl -q nameserver config set orderMessageEnable=true --yes
	run -0 tdmqctl nameserver config get orderMessageEnable
	[[ $output == *true* ]]
	tdmqctl -q nameserver config set orderMessageEnable= --yes
	run -6 tdmqctl nameserver config set kvConfigPath=/tmp/x --yes
}

@test "nameserver kv: list, get, set, delete" {
	run -0 tdmqctl nameserver kv list --kv-namespace N -o name
	[ -z "$output" ]
	run -4 tdmqctl nameserver kv get k --kv-namespace N
	run -0 tdmqctl nameserver kv set k=v=w --kv-namespace N
	run -0 tdmqctl nameserver kv get k --kv-namespace N --no-headers
	[[ $output =~ ^k\ +v=w ]]
	run -2 tdmqctl nameserver kv delete k --kv-namespace N
	run -0 tdmqctl nameserver kv delete k --kv-namespace N --yes
	run -4 tdmqctl nameserver kv get k --kv-namespace N
	run -2 tdmqctl nameserver kv set k --kv-namespace N
	run -6 tdmqctl nameserver kv set k=v --kv-namespace brokerd/settings
}

# The last: the next brokerd has another port.
@test "broker config: a change is shown first, kept over a restart, and taken back" {
	[ "$(setting fileReservedTime)" = 72 ]
	run -2 --separate-stderr tdmqctl broker config set fileReservedTime=48
	[[ $stderr == *"brokerd: fileReservedTime: 72 -> 48"* ]]
	[ "$(setting fileReservedTime)" = 72 ]
	tdmqctl -q broker config set fileReservedTime=48 max-delay=2d --yes
	[ "$(setting fileReservedTime)" = 48 ]
	broker_stop
	broker_start
	[ "$(setting fileReservedTime)" = 48 ]
	[ "$(setting max-delay)" = 2d ]
	kill -HUP "$(cat "$BATS_FILE_TMPDIR/pid")"
	await grep -q 'settings read' "$BATS_FILE_TMPDIR/log"
	[ "$(setting max-delay)" = 2d ]
	tdmqctl -q broker config set fileReservedTime= max-delay= --yes
	[ "$(setting fileReservedTime)" = 72 ]
	broker_stop
	broker_start
	[ "$(setting fileReservedTime)" = 72 ]
}
