#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate export apache: what a running cluster holds, into files that can be read again.

# shellcheck disable=SC2154 # run sets stderr, lines
load helper

setup_file() {
	broker_start --max-topics=20000
	tdmqctl migrate run "$ROOT/tests/data/apache/shop" -q >/dev/null
}
teardown_file() {
	broker_stop
}
setup() {
	cd "$BATS_TEST_TMPDIR" || exit
}

# names KIND FILE: what a plan without a target would make of it, one line.
names() {
	tdmqctl migrate plan "$2" --offline -o json 2>/dev/null |
		json "sorted((i['source'], i['state'], i.get('queues'), i.get('perm'), i.get('retryMax'))
			for i in d['items'] if i['kind'] == '$1' and i['state'] != 'skipped')"
}

@test "migrate export apache: all of a cluster, mode 0600, nothing left beside" {
	mkdir out && cd out
	run -0 --separate-stderr tdmqctl migrate export apache -f m.json
	[ -z "$output" ]
	[[ $stderr == *"18 topics and 11 groups in 'm.json'"* ]]
	[ "$(stat -c %a m.json)" = 600 ]
	[ "$(ls -A)" = m.json ]
	[ "$(json 'd["format"], d["source"]["kind"], d["source"]["via"], d["counts"]' <m.json)" = \
		"('tdmqctl-export/1', 'apache', 'live', {'topics': 18, 'groups': 11})" ]
	[ "$(json 'len(d["apache"]["masters"]), "incomplete" in d' <m.json)" = '(1, False)' ]
	[ "$(json '"TBW102" in d["apache"]["systemTopics"]' <m.json)" = True ]
	run -0 --separate-stderr tdmqctl migrate inspect m.json -o json
	[ "$(json 'd["topics"], d["groups"], d["odd"]' <<<"$output")" = '(18, 11, 0)' ]
}

@test "migrate export apache: read again it is what is there already" {
	tdmqctl migrate export apache -f m.json
	run -0 --separate-stderr tdmqctl migrate plan m.json --exit-code -o json
	[ "$(json 'd["topics"]["exists"], d["groups"]["exists"], d["topics"]["create"]' <<<"$output")" = \
		'(18, 11, 0)' ]
}

@test "migrate export apache: to a pipe, in the formats of others" {
	tdmqctl migrate export apache -f m.json
	for format in mqadmin combined huawei; do
		tdmqctl migrate export apache --format $format -f - 2>/dev/null >$format.json
		for kind in topic group; do
			[ "$(names $kind $format.json)" = "$(names $kind m.json)" ]
		done
	done
	[ "$(json '"TBW102" in d["topicConfigTable"]' <mqadmin.json)" = False ]
}

@test "migrate export apache: topics or groups alone" {
	run -0 --separate-stderr tdmqctl migrate export apache --topics-only -f t.json
	[[ $stderr == *'18 topics and 0 groups'* ]]
	run -0 --separate-stderr tdmqctl migrate export apache --groups-only -f g.json
	[[ $stderr == *'0 topics and 11 groups'* ]]
	run -0 --separate-stderr tdmqctl migrate inspect t.json g.json -o json
	[ "$(json 'd["topics"], d["groups"]' <<<"$output")" = '(18, 11)' ]
	run -2 tdmqctl migrate export apache --topics-only --groups-only
}

@test "migrate export apache: which cluster, and who is asked" {
	run -4 --separate-stderr tdmqctl migrate export apache --cluster nosuch -f m.json
	[[ $stderr == *"no cluster 'nosuch'; there are "* ]]
	[ ! -e m.json ]
	run -7 --separate-stderr tdmqctl -s 127.0.0.1:1 migrate export apache -f m.json
	[ ! -e m.json ]
	run -11 --separate-stderr tdmqctl -s x.mq-internet-access.mq-internet.aliyuncs.com:80 \
		migrate export apache
	[[ $stderr == *'migrate export ons'* ]]
}

@test "migrate export apache: a folder that is not there" {
	run -1 --separate-stderr tdmqctl migrate export apache -f no/m.json
	[[ $stderr == *no/m.json* ]]
}

@test "migrate export apache: 10,000 topics" {
	python3 - >many.json <<-'END'
		import json
		print(json.dumps({"topicConfigTable": {f"many-{i}": {"topicName": f"many-{i}",
			"readQueueNums": 1, "writeQueueNums": 1, "perm": 6} for i in range(10000)}}))
	END
	for part in 0 1 2 3 4 5 6 7 8 9; do
		python3 -c 'import json, sys; d = json.load(open("many.json"))["topicConfigTable"]
i = int(sys.argv[1]); print(json.dumps({"topicConfigTable": dict(list(d.items())[i*1000:(i+1)*1000])}))' \
			$part >part.json
		tdmqctl migrate run part.json -q >/dev/null
	done
	run -0 --separate-stderr tdmqctl migrate export apache -f m.json
	[[ $stderr == *'10018 topics and 11 groups'* ]]
	run -0 --separate-stderr tdmqctl migrate inspect m.json -o json
	[ "$(json 'd["topics"]' <<<"$output")" = 10018 ]
}
