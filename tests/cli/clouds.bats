#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate export huawei, ons: against stand-ins of the clouds' APIs, which check every signature and fail as told.

# shellcheck disable=SC2154,SC2030,SC2031
load helper
load cloud

CANARY=canary-of-the-secret-0001
HUAWEI_ID=11111111-2222-3333-4444-555555555555
ONS_ID=MQ_INST_1234567890123456_BAexamp1

setup_file() {
	export TDMQCTL_HUAWEI_AK=AKSTANDIN0001 TDMQCTL_HUAWEI_SK=$CANARY
	export TDMQCTL_ALI_ID=AKSTANDIN0001 TDMQCTL_ALI_SECRET=$CANARY
	cloud_quiet
	broker_start
	standin h huawei
	standin o ons
}
teardown_file() {
	broker_stop
	standin_stop
}
setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	H=$(cat "$BATS_FILE_TMPDIR/h/url")
	O=$(cat "$BATS_FILE_TMPDIR/o/url")
	: >"$BATS_FILE_TMPDIR/h/log"
	: >"$BATS_FILE_TMPDIR/o/log"
}
teardown() {
	rm -f "$BATS_FILE_TMPDIR"/*/faults
}

huawei() {
	tdmqctl migrate export huawei --region cn-east-3 --endpoint "$H" --iam-endpoint "$H" --rate 200 \
		--instance-id "$HUAWEI_ID" "$@"
}
ons() {
	tdmqctl migrate export ons --region cn-hangzhou --endpoint "$O" --rate 200 --instance-id "$ONS_ID" "$@"
}
asked() { # NAME: how many requests
	wc -l <"$BATS_FILE_TMPDIR/$1/log"
}

@test "migrate export huawei: all pages, as the service gave them, in a file of mode 0600 without secrets" {
	run -0 --separate-stderr huawei -f h.json
	[[ $stderr == *'keys AKST**** from environment TDMQCTL_HUAWEI_AK'* ]]
	[[ $stderr == *unencrypted* ]]
	[[ $stderr == *"120 topics and 60 groups in 'h.json'"* ]]
	[ "$(stat -c %a h.json)" = 600 ]
	[ "$(json 'd["format"], d["source"]["kind"], d["source"]["projectId"][:4], d["counts"]' <h.json)" = \
		"('tdmqctl-export/1', 'huawei', '0123', {'topics': 120, 'groups': 60})" ]
	[ "$(json 'len(d["huawei"]["topics"]), len(set(t["name"] for t in d["huawei"]["topics"])), len(d["huawei"]["groups"])' \
		<h.json)" = '(120, 120, 60)' ]
	[ "$(json 'd["huawei"]["users"][0]' <h.json)" = "{'access_key': 'billing', 'white_remote_address': '', 'admin': False, 'default_topic_perm': 'PUB|SUB', 'default_group_perm': 'SUB'}" ]
	[ "$(grep -c '^topics 200' "$BATS_FILE_TMPDIR/h/log")" = 3 ]
	run -1 grep canary h.json
}

@test "migrate export ons: both kinds of groups, with either signature" {
	run -0 --separate-stderr ons -f o.json
	[[ $stderr == *"120 topics and 50 groups in 'o.json'"* ]]
	[ "$(json 'sorted(set(g["GroupType"] for g in d["ons"]["instances"][0]["groups"])), d["ons"]["instances"][0]["instance"]["InstanceName"]' \
		<o.json)" = "(['http', 'tcp'], 'shop')" ]
	run -0 --separate-stderr ons --ali-signature=1 -f o1.json
	[ "$(json 'd["ons"]' <o.json)" = "$(json 'd["ons"]' <o1.json)" ]
}

@test "migrate export: subscriptions and policies when they are asked for" {
	run -0 --separate-stderr huawei --with-subscriptions --with-policies -f h.json
	[ "$(json 'len(d["huawei"]["groupTopics"]), d["huawei"]["topicPolicies"]["shop%orders-000"][0]["perm"]' <h.json)" = \
		"(60, 'PUB|SUB')" ]
	run -0 --separate-stderr ons --with-subscriptions -f o.json
	[ "$(json 'len(d["ons"]["instances"][0]["groupSubs"]), d["ons"]["instances"][0]["groupSubs"]["GID-pay-00"]["Online"]' \
		<o.json)" = '(25, True)' ]
}

@test "migrate export: without region or instance, those there are are named" {
	run -2 --separate-stderr tdmqctl migrate export huawei --region cn-east-3 --endpoint "$H" --iam-endpoint "$H"
	[[ $stderr == *"instance $HUAWEI_ID 'pay-mq'"*'--instance-id'* ]]
	run -2 --separate-stderr tdmqctl migrate export huawei
	[[ $stderr == *'--region'*cn-east-3* ]]
	run -2 --separate-stderr tdmqctl migrate export ons --endpoint "$O"
	[[ $stderr == *"region cn-hangzhou 'China (Hangzhou)'"*'--region'* ]]
	run -2 --separate-stderr tdmqctl migrate export ons --endpoint "$O" --region cn-hangzhou
	[[ $stderr == *"instance $ONS_ID 'shop': 120 topics, 50 groups"* ]]
	run -4 --separate-stderr ons --instance-id MQ_INST_none
	[[ $stderr == *"no instance 'MQ_INST_none'"* ]]
	run -4 --separate-stderr tdmqctl migrate export huawei --region cn-north-9 --endpoint "$H" --iam-endpoint "$H"
	[[ $stderr == *"no project in region 'cn-north-9'"* ]]
}

@test "migrate export: throttled and failing services are asked again" {
	faults h '{"throttle": 2}'
	run -0 --separate-stderr huawei -f h.json
	[ "$(grep -c 'APIGW.0308' "$BATS_FILE_TMPDIR/h/log")" = 2 ]
	faults o '{"throttle": 1}'
	run -0 --separate-stderr ons -f o.json
	[ "$(grep -c 'Throttling.User' "$BATS_FILE_TMPDIR/o/log")" = 1 ]
	faults o '{"fail": 1}'
	run -0 --separate-stderr ons -f o.json
}

@test "migrate export: a clock that is wrong is corrected by the service's" {
	faults h '{"skew": 7200}'
	run -0 --separate-stderr huawei -f h.json -v
	[[ $stderr == *'our clock is 7'*'s off'* ]]
	[ "$(grep -c 'APIGW.0301' "$BATS_FILE_TMPDIR/h/log")" -le 2 ]
	faults o '{"skew": -7200}'
	run -0 --separate-stderr ons -f o.json
	[ "$(grep -c 'InvalidTimeStamp' "$BATS_FILE_TMPDIR/o/log")" = 1 ]
}

@test "migrate export: a part that is not permitted is missing, exit 3, and the file says so" {
	faults h '{"refuse": ["users", "groups"]}'
	run -3 --separate-stderr huawei -f h.json
	[[ $stderr == *'groups: PERMISSION_DENIED'* ]]
	[ "$(json '[(i["what"], i["reason"]) for i in d["incomplete"]]' <h.json)" = \
		"[('groups', 'PERMISSION_DENIED'), ('users', 'PERMISSION_DENIED')]" ]
	[ "$(json 'len(d["huawei"]["topics"]), "groups" in d["huawei"]' <h.json)" = '(120, False)' ]
	run -0 --separate-stderr tdmqctl migrate plan h.json --offline
	[[ $stderr == *'the export lacks groups'* ]]
	faults o '{"refuse": ["OnsTopicList"]}'
	run -3 --separate-stderr ons -f o.json
	[ "$(json 'd["counts"]' <o.json)" = "{'topics': 0, 'groups': 50}" ]
	rm o.json
	faults o '{"refuse": ["OnsTopicList", "OnsGroupList"]}'
	run -6 --separate-stderr ons -f o.json
	[ ! -e o.json ]
}

@test "migrate export: a list that is shorter than what the service counts is LIST_SHORT, exit 3" {
	faults o '{"short": true}'
	run -3 --separate-stderr ons -f o.json
	[[ $stderr == *'topics: LIST_SHORT: 119 of 120'* ]]
	[ "$(json '[(i["what"], i["reason"]) for i in d["incomplete"]]' <o.json)" = "[('topics', 'LIST_SHORT')]" ]
	faults h '{"short": true}'
	run -3 --separate-stderr huawei -f h.json
	[[ $stderr == *'topics: LIST_SHORT: 117 of 120'* ]]
}

@test "migrate export: wrong keys are exit 6 after one request, and write nothing" {
	TDMQCTL_HUAWEI_SK=wrong run -6 --separate-stderr huawei -f h.json
	[[ $stderr == *APIGW.0301*'check the keys'* ]]
	[ "$(asked h)" = 1 ]
	TDMQCTL_ALI_SECRET=wrong run -6 --separate-stderr ons -f o.json
	[[ $stderr == *SignatureDoesNotMatch* ]]
	[ "$(asked o)" = 1 ]
	TDMQCTL_ALI_ID=LTAInobody run -6 --separate-stderr ons -f o.json
	[[ $stderr == *InvalidAccessKeyId* ]]
	unset TDMQCTL_ALI_ID TDMQCTL_ALI_SECRET
	run -6 --separate-stderr ons -f o.json
	[[ $stderr == *'no keys for Alibaba Cloud'* ]]
	[ ! -e h.json ] && [ ! -e o.json ]
}

@test "migrate export: keys from a file of the vendor's, with a warning when others may read it" {
	unset TDMQCTL_ALI_ID TDMQCTL_ALI_SECRET
	mkdir -p .aliyun
	printf '{"current":"dev","profiles":[{"name":"dev","mode":"AK","access_key_id":"AKSTANDIN0001","access_key_secret":"%s","region_id":"cn-hangzhou"}]}' \
		$CANARY >.aliyun/config.json
	chmod 644 .aliyun/config.json
	HOME=$PWD run -0 --separate-stderr tdmqctl migrate export ons --endpoint "$O" --instance-id "$ONS_ID" -f o.json
	[[ $stderr == *'from '*.aliyun/config.json* ]]
	[[ $stderr == *'can be read by others'* ]]
	printf '%s\n' $CANARY >sk
	chmod 600 sk
	run -0 --separate-stderr ons --access-key AKSTANDIN0001 --secret-from file:sk -f o.json
}

@test "migrate export: a redirect is not followed, a page of a proxy is not taken for an answer" {
	faults h "{\"redirect\": \"$O/steal\"}"
	run -7 --separate-stderr huawei -f h.json
	[[ $stderr == *'sends us elsewhere (HTTP 302)'* ]]
	[ "$(asked o)" = 0 ]
	faults h '{"html": true}'
	run -1 --separate-stderr huawei -f h.json
	[[ $stderr == *'not with JSON'* ]]
	[ ! -e h.json ]
}

@test "migrate export: an answer that breaks off, and an interruption, leave no file" {
	faults h "{\"break\": 4}"
	echo old >h.json
	run -7 --separate-stderr huawei --tries 2 -f h.json
	[[ $stderr == *'after 2 tries'* ]]
	[ "$(cat h.json)" = old ]
	faults h '{"hang": 30}'
	: >"$BATS_FILE_TMPDIR/h/log"
	tdmqctl migrate export huawei --region cn-east-3 --endpoint "$H" --iam-endpoint "$H" --instance-id "$HUAWEI_ID" \
		-f new.json >out 2>err 3>&- &
	pid=$!
	await grep -q . "$BATS_FILE_TMPDIR/h/log"
	kill -TERM $pid
	status=0
	wait $pid || status=$?
	[ "$status" = 130 ]
	[ "$(echo *.json*)" = h.json ]
}

@test "migrate export: goes through the proxy of the environment, and past it where no_proxy says so" {
	http_proxy=$H run -0 --separate-stderr tdmqctl migrate export huawei --region cn-east-3 \
		--endpoint http://dms.example.invalid --iam-endpoint http://iam.example.invalid --instance-id "$HUAWEI_ID" \
		--rate 200 -f h.json
	[ "$(json 'd["counts"]["topics"]' <h.json)" = 120 ]
	http_proxy=http://127.0.0.1:1 no_proxy=127.0.0.1 run -0 --separate-stderr ons -f o.json
}

@test "migrate export: https, trusted through --ca-file alone" {
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem -days 2 \
		-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 2>/dev/null
	standin tls ons --cert "$PWD/cert.pem" --key "$PWD/key.pem"
	O=$(cat "$BATS_FILE_TMPDIR/tls/url")
	[[ $O == https:* ]]
	run -7 --separate-stderr ons -f o.json
	[[ $stderr == *'no trusted connection'*'--ca-file'* ]]
	[ ! -e o.json ]
	run -0 --separate-stderr ons --ca-file cert.pem -f o.json
	[[ $stderr != *unencrypted* ]]
	run -7 --separate-stderr ons --endpoint "${O/https/http}" --tries 1 -f o2.json
}

@test "migrate export: no secret in output, trace, errors or files" {
	for fault in '{}' '{"throttle": 1}' '{"refuse": ["users"]}' '{"skew": 4000}'; do
		faults h "$fault"
		CONF_LOG_LEVEL=debug huawei -v --with-policies -f "h.json" >>all 2>&1 || :
		cat h.json >>all
		faults o "${fault/users/OnsGroupList}"
		CONF_LOG_LEVEL=debug ons --ali-signature=1 >>all 2>&1 || :
		ons -vv >>all 2>&1 || :
	done
	grep -q '^# GET ' all
	grep -q '^# OnsTopicList: POST' all
	run -1 grep -i -e canary -e signature= -e 'Authorization' all
}

@test "migrate export --format: the forms other tools take, read back with the same items" {
	for format in mqadmin combined huawei; do
		run -0 --separate-stderr huawei --format $format -f "$format.json"
		run -0 --separate-stderr tdmqctl migrate inspect "$format.json" -o json
		[ "$(json 'd["topics"], d["groups"]' <<<"$output")" = '(120, 60)' ]
	done
	[ "$(json 'sorted(d), d["topicConfigTable"]["pay-events"]["writeQueueNums"]' <mqadmin.json)" = \
		"(['exportTime', 'subscriptionGroupTable', 'topicConfigTable'], 6)" ]
	[ "$(json 'd["topic_config_table"]["pay-events"]["write_queue_nums"]' <huawei.json)" = 3 ]
	[ "$(json 'd["configs"]["clusterScale"]["masterBrokerSize"]' <combined.json)" = 2 ]
	run -0 --separate-stderr ons --format mqadmin
	[ "$(json "d['topicConfigTable']['$ONS_ID%orders-001']['attributes']['message.type']" <<<"$output")" = FIFO ]
}

@test "migrate export, plan, run: what the clouds hold arrives in brokerd" {
	huawei -q -f h.json 2>/dev/null
	run -0 --separate-stderr tdmqctl migrate run h.json -o json
	[ "$(json 'd["topics"]["created"], d["groups"]["created"], d["failed"]' <<<"$output")" = '(120, 60, 0)' ]
	run -0 --separate-stderr tdmqctl topic list --namespace shop -o csv --columns name,type
	[[ $output == *$'orders-001,fifo'* ]]
	run -0 --separate-stderr tdmqctl migrate run h.json -o json
	[ "$(json 'd["topics"]["exists"], d["failed"]' <<<"$output")" = '(120, 0)' ]
	ons -q -f o.json 2>/dev/null
	run -0 --separate-stderr tdmqctl migrate run o.json --map-namespace $ONS_ID=alishop --select 'orders-00*' -o json
	[ "$(json 'd["topics"]["created"], d["failed"]' <<<"$output")" = '(10, 0)' ]
}
