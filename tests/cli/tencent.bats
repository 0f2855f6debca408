#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate --to tencent: plan, run, retry and rollback against a stand-in of TDMQ's API, which checks every signature.

# shellcheck disable=SC2154,SC2030,SC2031
load helper
load cloud

setup_file() {
	export TDMQCTL_TENCENT_ID=AKSTANDIN0001 TDMQCTL_TENCENT_KEY=canary-of-the-secret-0001
	cloud_quiet
	standin t tencent
}
teardown_file() {
	standin_stop
}
setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	T=$(cat "$BATS_FILE_TMPDIR/t/url")
	: >"$BATS_FILE_TMPDIR/t/log"
}
teardown() {
	rm -f "$BATS_FILE_TMPDIR"/*/faults
}

# to COMMAND ARG...: no server but the stand-in is needed.
to() {
	tdmqctl -s 127.0.0.1:1 migrate "$1" --to tencent --cluster-id rocketmq-exampleid1 --region ap-guangzhou \
		--endpoint "$T" --rate 500 "${@:2}"
}
# What the stand-in holds, as its own list has it.
held() { # KEY
	python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$BATS_FILE_TMPDIR/t/state" "$1"
}

@test "migrate run --to tencent: namespaces, topics and groups are made, and found the next time" {
	run -0 --separate-stderr to plan "$ROOT/tests/data/apache/shop"
	[[ $stderr == *'keys AKST**** from environment TDMQCTL_TENCENT_ID'* ]]
	[[ $stderr == *'4 namespaces, 18 topics, 11 groups to create'* ]]
	run -0 --separate-stderr to run "$ROOT/tests/data/apache/shop" -o json
	[ "$(json 'd["topics"]["created"], d["groups"]["created"], d["target"]' <<<"$output")" = \
		"(18, 11, 'tdmq cluster rocketmq-exampleid1 in ap-guangzhou')" ]
	[ "$(held 'shop%orders')" = "['Normal', 8]" ]
	run -0 --separate-stderr to run "$ROOT/tests/data/apache/shop" -o json
	[ "$(json 'd["topics"]["exists"], d["groups"]["exists"]' <<<"$output")" = '(18, 11)' ]
	run -0 --separate-stderr tdmqctl -s 127.0.0.1:1 migrate list --to tencent -o csv --columns id,state
	[ "${lines[1]%$'\r'}" = '1,succeeded' ]
}

@test "migrate run --to tencent: types, queues and permissions as far as TDMQ has them" {
	cat >m.json <<-'END'
		{"topicConfigTable": {
		 "kinds%fifo": {"writeQueueNums": 4, "readQueueNums": 4, "attributes": {"message.type": "FIFO"}},
		 "kinds%global": {"writeQueueNums": 1, "readQueueNums": 1, "attributes": {"message.type": "FIFO"}},
		 "kinds%few": {"writeQueueNums": 2, "readQueueNums": 2, "perm": 4, "attributes": {"message.type": "DELAY"}},
		 "kinds%many": {"writeQueueNums": 32, "readQueueNums": 32},
		 "kinds%trans": {"writeQueueNums": 4, "readQueueNums": 4, "attributes": {"message.type": "TRANSACTION"}}},
		 "subscriptionGroupTable": {"kinds%g01": {"retryMaxTimes": 5, "consumeEnable": false}}}
	END
	run -3 --separate-stderr to run m.json -o json
	[ "$(json '[(i["source"], i["reason"]) for i in d["items"] if i["state"] == "failed"]' <<<"$output")" = \
		"[('kinds%many', 'INVALID_VALUE'), ('kinds%trans', 'UNSUPPORTED_TYPE')]" ]
	[ "$(json '[i["warnings"] for i in d["items"] if i["source"] in ("kinds%few", "kinds%g01")]' <<<"$output")" = \
		"[['PERM_NOT_CARRIED', 'QUEUES_RAISED'], ['SHORT_GROUP']]" ]
	[ "$(held 'kinds%fifo') $(held 'kinds%global') $(held 'kinds%few')" = \
		"['PartitionedOrder', 4] ['GlobalOrder', 1] ['DelayScheduled', 3]" ]
	run -3 --separate-stderr to run m.json -o json
	[ "$(json 'd["topics"]["exists"], d["groups"]["exists"]' <<<"$output")" = '(3, 1)' ]
	sed -i 's/"writeQueueNums": 4/"writeQueueNums": 6/g; s/"retryMaxTimes": 5/"retryMaxTimes": 7/' m.json
	run -3 --separate-stderr to run m.json -o json
	[ "$(json '[i["source"] for i in d["items"] if i["state"] == "conflict"]' <<<"$output")" = "['kinds%fifo', 'kinds%g01']" ]
	run -3 --separate-stderr to run m.json --on-conflict update -o json
	[ "$(json 'd["topics"]["updated"], d["groups"]["updated"]' <<<"$output")" = '(1, 1)' ]
	[ "$(held 'kinds%fifo')" = "['PartitionedOrder', 6]" ]
}

@test "migrate run --to tencent: what appeared since the plan is looked at; quotas, throttling, clock" {
	echo '{"topicConfigTable": {"late%one": {"writeQueueNums": 4}, "late%two": {"writeQueueNums": 4}}}' >m.json
	faults t '{"blind": true}' # lists that show nothing until something is looked for
	run -0 --separate-stderr to run m.json
	sed -i 's/"late%two": {"writeQueueNums": 4/"late%two": {"writeQueueNums": 8/' m.json
	run -3 --separate-stderr to run m.json -o json
	[ "$(json '[i["state"] for i in d["items"]]' <<<"$output")" = "['exists', 'exists', 'conflict']" ]
	echo '{"topicConfigTable": {"late%three": {"writeQueueNums": 4}}}' >m.json
	faults t '{"throttle": 2}'
	run -0 --separate-stderr to run m.json
	faults t '{"skew": 7200}'
	run -0 --separate-stderr to run m.json -v
	[[ $stderr == *'our clock is'* ]]
	python3 -c 'import json; print(json.dumps({"topicConfigTable": {"late%%t-%03d" % i: {} for i in range(200)}}))' >m.json
	run -0 --separate-stderr to plan m.json -o json
	[ "$(json '{i["reason"] for i in d["items"] if i["state"] == "refused"}' <<<"$output")" = "{'QUOTA_EXCEEDED'}" ]
}

@test "migrate run --to tencent: keys that permit only the first form of requests, or no list of namespaces" {
	echo '{"topicConfigTable": {"form%one": {"writeQueueNums": 4}}, "subscriptionGroupTable": {"form%GID-one": {}}}' >m.json
	faults t '{"refuse": ["CreateRocketMQTopicV2", "CreateRocketMQGroupV2", "DescribeRocketMQNamespaces"]}'
	run -0 --separate-stderr to run m.json -o json
	[ "$(json 'd["topics"]["created"], d["groups"]["created"]' <<<"$output")" = '(1, 1)' ]
	faults t '{"refuse": ["CreateRocketMQTopicV2", "CreateRocketMQTopic"]}'
	sed -i 's/form%one/form%two/' m.json
	run -3 --separate-stderr to run m.json -o json
	[ "$(json '[i["reason"] for i in d["items"] if i["state"] == "failed"]' <<<"$output")" = "['PERMISSION_DENIED']" ]
	id=$(json 'd["id"]' <<<"$output")
	rm "$BATS_FILE_TMPDIR/t/faults"
	run -0 --separate-stderr to retry "$id" --failed
	[[ $stderr == *'1 topic created'* ]]
}

@test "migrate run --to tencent: wrong keys, clusters and arguments are said, and nothing is made" {
	echo '{"topicConfigTable": {"a%b01": {}}}' >m.json
	TDMQCTL_TENCENT_KEY=wrong run -6 --separate-stderr to run m.json
	[[ $stderr == *AuthFailure.SignatureFailure* ]]
	[ "$(wc -l <"$BATS_FILE_TMPDIR/t/log")" = 1 ]
	run -4 --separate-stderr to run m.json --cluster-id rocketmq-none
	[[ $stderr == *"cluster 'rocketmq-none'"* ]]
	run -2 --separate-stderr tdmqctl migrate run m.json --to tencent --region x
	[[ $stderr == *'--cluster-id'* ]]
	run -2 --separate-stderr tdmqctl migrate run m.json --to tencent --cluster-id x
	[[ $stderr == *'--region'* ]]
}

@test "migrate rollback --to tencent: takes back what the task made and nobody has used" {
	id=$(to run "$ROOT/tests/data/apache/shop" --map-namespace shop=back --map-namespace billing=back2 \
		--select 'shop%*' --select 'billing%*' -q -o json 2>/dev/null | json 'd["id"]')
	run -9 --separate-stderr to rollback "$id" --yes --cluster-id rocketmq-other
	[[ $stderr == *'this is'* ]]
	faults t '{"used": ["back", "orders"]}'
	run -3 --separate-stderr to rollback "$id" --yes -o json
	run -0 held 'back%orders'
	run -1 held 'back%trade'
	rm "$BATS_FILE_TMPDIR/t/faults"
	run -0 --separate-stderr to rollback "$id" --yes
	run -1 held 'back%orders'
	run -1 held back
}

@test "migrate --to tencent: no secret in output, trace, errors or the task" {
	to run "$ROOT/tests/data/apache/shop" -vv >all 2>&1
	TDMQCTL_TENCENT_KEY=wrong to plan "$ROOT/tests/data/apache/shop" -v >>all 2>&1 || :
	grep -q '^# CreateRocketMQ\|^# DescribeRocketMQCluster: POST' all
	cat "$XDG_STATE_HOME"/tdmqctl/tasks/* >>all
	run -1 grep -i -e canary -e 'signature=' -e 'TC3-HMAC' all
}
