#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate: real exports of Apache clusters become namespaces, topics and groups; bad ones nothing.

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

# refused STATUS WORD... FILE-ARGS: plan says no with these words, and nothing was made.
refused() {
	local status=$1 file=$2
	shift 2
	local before after

	before=$(tdmqctl namespace list -o json; tdmqctl topic list -A -o json; tdmqctl migrate list -o json)
	run "-$status" --separate-stderr tdmqctl migrate run "$file"
	[ -z "$output" ]
	for word; do
		[[ $stderr == *"$word"* ]] || {
			echo "no '$word' in: $stderr"
			return 1
		}
	done
	after=$(tdmqctl namespace list -o json; tdmqctl topic list -A -o json; tdmqctl migrate list -o json)
	[ "$before" = "$after" ]
}

@test "migrate inspect: says what a file holds, without any server" {
	run -0 --separate-stderr tdmqctl -s 127.0.0.1:1 migrate inspect "$DATA/shop" -o json
	[ "$(json 'd["topics"], d["groups"], d["masters"], d["odd"]' <<<"$output")" = '(18, 11, 1, 0)' ]
	[ "$(json 'sorted(d["namespaceNames"])' <<<"$output")" = "['billing', 'default', 'logistics', 'shop']" ]
}

@test "migrate plan: changes nothing" {
	run -0 --separate-stderr tdmqctl migrate plan "$DATA/shop"
	[[ $stderr == *'3 namespaces, 18 topics, 11 groups to create'* ]]
	run -0 --separate-stderr tdmqctl topic list -A -o name
	[[ $output != *orders* ]]
}

@test "migrate plan --exit-code: 20 while there is work to do" {
	run -20 --separate-stderr tdmqctl migrate plan "$DATA/shop" --exit-code
}

@test "migrate run --dry-run: shows the plan and makes no task" {
	run -0 --separate-stderr tdmqctl migrate run "$DATA/shop" --dry-run
	[[ $output == *create* ]]
	run -0 --separate-stderr tdmqctl migrate list -o json
	[ "$(json 'd["items"]' <<<"$output")" = '[]' ]
}

@test "migrate run: a real export becomes namespaces, topics and groups" {
	run -0 --separate-stderr tdmqctl migrate run "$DATA/shop/rocketmq-metadata-export.json" \
		--name first -o json
	[ "$(json 'd["kind"], d["name"], d["state"], d["failed"]' <<<"$output")" = \
		"('MigrationTask', 'first', 'succeeded', 0)" ]
	[ "$(json 'd["topics"]["created"], d["groups"]["created"], d["namespaces"]["created"]' \
		<<<"$output")" = '(18, 11, 3)' ]
	run -0 --separate-stderr tdmqctl namespace list -o name
	[[ $output == *billing*logistics*shop* ]]
	run -0 --separate-stderr tdmqctl topic list --namespace shop -o name
	[ "$output" = $'mail\norder-events\norders\npayments\npayments-audit\nstock-in\ntrade' ]
	run -0 --separate-stderr tdmqctl topic list --namespace logistics -o csv --columns name,type,queues
	[[ $output == *'routes,mixed,6'* ]]
	[[ $output == *'parcels,mixed,16'* ]]
	run -0 --separate-stderr tdmqctl group list --namespace billing -o name
	[ "$output" = $'dunning-run\ninvoice-writer' ]
}

@test "migrate run: the same file again finds everything existing" {
	run -0 --separate-stderr tdmqctl migrate run "$DATA/shop" -o json
	[ "$(json 'd["state"], d["topics"]["exists"], d["topics"]["created"], d["groups"]["exists"]' \
		<<<"$output")" = "('succeeded', 18, 0, 11)" ]
	run -0 --separate-stderr tdmqctl migrate plan "$DATA/shop" --exit-code
}

@test "migrate list: tasks with how they ended" {
	run -0 --separate-stderr tdmqctl migrate list -o csv --columns id,name,state,topics,failed
	[ "${lines[1]%$'\r'}" = '1,first,succeeded,18,0' ]
}

@test "migrate run: goes on where single items fail, exit 3, and says which" {
	cat >mixed.json <<-'END'
		{"topicConfigTable": {"mixed%good": {"writeQueueNums": 4, "readQueueNums": 4},
		 "mixed%../bad": {}, "shop%orders": {"writeQueueNums": 5, "readQueueNums": 5}, "TBW102": {}}}
	END
	run -3 --separate-stderr tdmqctl migrate run mixed.json -o json
	[ "$(json 'd["state"], d["failed"], d["skipped"]' <<<"$output")" = "('some failed', 2, 1)" ]
	[[ $stderr == *'2 of 6 items failed'* ]]
	id=$(json 'd["id"]' <<<"$output")
	run -0 --separate-stderr tdmqctl migrate status "$id" --failed -o csv --columns source,state,reason
	[ "$output" = $'source,state,reason\r\nmixed%../bad,failed,INVALID_NAME\r\nshop%orders,conflict,CONFLICT\r' ]
	run -0 --separate-stderr tdmqctl migrate status "$id" --reason SYSTEM_TOPIC -o name
	[[ $output == *topic* ]]
	run -0 --separate-stderr tdmqctl topic describe good --namespace mixed
}

@test "migrate run: all items failing is exit 1" {
	echo '{"topicConfigTable": {"a b": {}}}' >bad.json
	run -1 --separate-stderr tdmqctl migrate run bad.json -o json
	[ "$(json 'd["state"]' <<<"$output")" = 'all failed' ]
}

@test "migrate run --target namespace: chosen topics go into one namespace" {
	run -0 --separate-stderr tdmqctl migrate run "$DATA/shop" --target namespace \
		--namespace chosen --select 'shop%order*' --select audit-log -o json
	[ "$(json 'd["topics"]["created"], d["groups"]["created"]' <<<"$output")" = '(3, 1)' ]
	run -0 --separate-stderr tdmqctl topic list --namespace chosen -o name
	[ "$output" = $'audit-log\norder-events\norders' ]
}

@test "migrate run --target namespace: needs to know which" {
	run -2 --separate-stderr tdmqctl migrate run "$DATA/shop" --target namespace
	[[ $stderr == *'--namespace'* ]]
}

@test "migrate run --map-namespace: another name for a namespace" {
	run -0 --separate-stderr tdmqctl migrate run "$DATA/shop" --select 'billing%*' \
		--map-namespace billing=invoicing
	run -0 --separate-stderr tdmqctl topic list --namespace invoicing -o name
	[ "$output" = $'dunning\ninvoices\nledger-2024' ]
}

@test "migrate run --on-conflict: skip keeps, update changes" {
	echo '{"topicConfigTable": {"confl%a1b": {"writeQueueNums": 4, "readQueueNums": 4}}}' >a.json
	echo '{"topicConfigTable": {"confl%a1b": {"writeQueueNums": 8, "readQueueNums": 8}}}' >b.json
	run -0 --separate-stderr tdmqctl migrate run a.json
	run -1 --separate-stderr tdmqctl migrate run b.json
	run -0 --separate-stderr tdmqctl migrate run b.json --on-conflict skip
	run -0 --separate-stderr tdmqctl topic list --namespace confl -o csv --columns queues
	[ "${lines[1]%$'\r'}" = 4 ]
	run -0 --separate-stderr tdmqctl migrate run b.json --on-conflict update
	run -0 --separate-stderr tdmqctl topic list --namespace confl -o csv --columns queues
	[ "${lines[1]%$'\r'}" = 8 ]
}

@test "migrate run: reads standard input" {
	run -0 --separate-stderr tdmqctl migrate run - --target namespace --namespace piped \
		<"$DATA/shop/subscriptionGroup.json"
	[[ $stderr == *'11 groups created'* ]]
}

@test "migrate run: takes 1,000 topics and 1,000 groups within a second, refuses the next" {
	python3 - >big.json <<-'END'
		import json
		print(json.dumps({
		    "topicConfigTable": {"big%%t-%04d" % i: {} for i in range(1001)},
		    "subscriptionGroupTable": {"big%%g-%04d" % i: {} for i in range(1002)}}))
	END
	run -3 --separate-stderr tdmqctl migrate run big.json --progress json -o json
	[ "$(json 'd["topics"]["created"], d["groups"]["created"], d["failed"]' <<<"$output")" = \
		'(1000, 1000, 3)' ]
	[ "$(json '[i["reason"] for i in d["items"] if i["state"] == "failed"]' <<<"$output")" = \
		"['TASK_LIMIT', 'TASK_LIMIT', 'TASK_LIMIT']" ]
	summary=$(grep '"summary"' <<<"$stderr")
	[ "$(json 'd["done"], d["total"], d["failed"]' <<<"$summary")" = '(2001, 2001, 0)' ]
}

@test "migrate run: killed at any moment, the next run completes it and nothing is doubled" {
	python3 - >kill.json <<-'END'
		import json
		print(json.dumps({
		    "topicConfigTable": {"kill%%t-%04d" % i: {} for i in range(900)},
		    "subscriptionGroupTable": {"kill%%g-%04d" % i: {} for i in range(900)}}))
	END
	for ms in 010 020 040 060 080; do
		tdmqctl migrate run kill.json >/dev/null 2>&1 3>&- &
		sleep 0.$ms
		kill -9 $! 2>/dev/null || true
		wait $! || true
	done
	run -0 --separate-stderr tdmqctl migrate run kill.json -o json
	[ "$(json 'd["topics"]["done"], d["groups"]["done"], d["failed"]' <<<"$output")" = '(900, 900, 0)' ]
	run -0 --separate-stderr tdmqctl topic list --namespace kill -o name
	[ "${#lines[@]}" -eq 900 ]
}

@test "migrate status: unknown tasks and states are said" {
	run -4 --separate-stderr tdmqctl migrate status 99999
	[[ $stderr == *'no task 99999'* ]]
	run -2 --separate-stderr tdmqctl migrate status seven
	run -2 --separate-stderr tdmqctl migrate status 1 --state dead
}

@test "migrate run: bad input gets one error with file and place, and changes nothing" {
	printf 'topics: orders\n' >text.json
	refused 1 text.json text.json 'line 1'
	printf '{"topicConfigTable":{"a1b":{"perm":6},' >cut.json
	refused 1 cut.json cut.json 'line 1, column'
	: >empty.json
	refused 1 empty.json empty.json empty
	printf '{"topicConfigTable":[1]}' >shape.json
	refused 1 shape.json shape.json topicConfigTable 'expected an object'
	printf '{"offsetTable":{"a@b":{0:1}}}' >offsets.json
	refused 1 offsets.json offsets.json 'export.sh'
	python3 -c 'print("{\"topicConfigTable\":" * 500)' >deep.json
	refused 1 deep.json deep.json line
	truncate -s 200M huge.json
	refused 1 huge.json huge.json '200 MiB'
	mkdir none
	refused 4 none none 'no metadata file'
	refused 4 missing.json missing.json
}

@test "migrate plan: hostile names stay inert" {
	python3 - >hostile.json <<-'END'
		import json
		names = ["\x1b[31mred", "../../etc/passwd", "a\"b'c;d", "x" * 10240, "\u202eevil", "new\nline"]
		print(json.dumps({"topicConfigTable": {n: {} for n in names}}))
	END
	run -0 --separate-stderr tdmqctl migrate plan hostile.json
	[[ $output != *$'\033'* ]]
	[ "${#lines[@]}" -eq 7 ]
	run -0 --separate-stderr tdmqctl migrate plan hostile.json -o json
	[ "$(json 'set(i["state"] for i in d["items"])' <<<"$output")" = "{'refused'}" ]
}

@test "migrate run: an unreachable target is exit 7 and makes no task" {
	run -7 --separate-stderr tdmqctl -s 127.0.0.1:1 migrate run "$DATA/shop"
	[ -z "$output" ]
}

@test "migrate: the task survives a restart of brokerd" {
	before=$(tdmqctl migrate list -o json)
	broker_stop
	broker_start
	run -0 --separate-stderr tdmqctl migrate list -o json
	[ "$output" = "$before" ]
	run -0 --separate-stderr tdmqctl topic list --namespace shop -o name
	[[ $output == *orders* ]]
}

@test "migrate inspect: does not count what a broker made for itself" {
	run -0 --separate-stderr tdmqctl migrate inspect "$DATA/shop/store/broker-a" -o json
	[ "$(json 'd["topics"], d["groups"]' <<<"$output")" = '(18, 11)' ]
	[ "$(json 'd["skipped"] > 10' <<<"$output")" = True ]
}

@test "migrate inspect: the folders of two brokers are one cluster" {
	run -0 --separate-stderr tdmqctl migrate inspect "$DATA/two-masters/store/broker-a" \
		"$DATA/two-masters/store/broker-b" -o json
	[ "$(json 'd["topics"], d["groups"], d["masters"]' <<<"$output")" = '(4, 2, 2)' ]
}

@test "migrate plan: pages from a pipe, and a sheet with its columns" {
	printf '%s\n' '{"topics":[{"name":"pages-1","total_write_queue_num":3}]}' \
		'{"topics":[{"name":"pages-2","total_write_queue_num":3}]}' >pages
	run -0 --separate-stderr tdmqctl migrate plan - --offline -o json <pages
	[ "$(json '[i["name"] for i in d["items"] if i["kind"] == "topic"]' <<<"$output")" = \
		"['pages-1', 'pages-2']" ]
	printf 'Name,Number\r\nsheet-1,4\r\n' >sheet.csv
	run -0 --separate-stderr tdmqctl migrate plan sheet.csv --offline -o json \
		--csv-columns topic=Name,queues=Number
	[ "$(json '[(i["name"], i["queues"]) for i in d["items"] if i["kind"] == "topic"]' \
		<<<"$output")" = "[('sheet-1', 4)]" ]
	run -1 --separate-stderr tdmqctl migrate plan sheet.csv --offline
	[[ $stderr == *"sheet.csv"* ]]
}

@test "migrate plan: a spreadsheet is told how to become CSV, a huge file is not read" {
	printf 'PK\003\004xyz' >sheet.xlsx
	run -1 --separate-stderr tdmqctl migrate plan sheet.xlsx --offline
	[[ $stderr == *--csv-columns* ]]
	truncate -s 200M huge.json
	run -1 --separate-stderr tdmqctl migrate plan huge.json --offline
	[[ $stderr == *'200 MiB'* ]]
	# From a pipe nobody knows its size: no more than the limit is kept. (Sanitizers want terabytes of addresses.)
	grep -q __asan_init "$(command -v tdmqctl)" || bound='ulimit -v 700000'
	run -1 --separate-stderr bash -c "${bound:-:}; head -c 200M /dev/zero | tdmqctl migrate plan - --offline"
	[[ $stderr == *64* ]]
}
