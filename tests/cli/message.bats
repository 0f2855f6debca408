#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# message: what is sent is found again by id, key, time, tag, property and body, and consumed once.

# shellcheck disable=SC2154 # run sets stderr
load helper

setup_file() {
	broker_start
	tdmqctl topic create orders --queues 4
	tdmqctl group create billing
}
teardown_file() {
	broker_stop
}

send() { # TOPIC BODY [FLAG...]: prints the id
	local topic=$1 body=$2
	shift 2
	tdmqctl message send "$topic" --body "$body" "$@" -o name
}

@test "message send: a topic that the server makes at first use is made" {
	run -0 --separate-stderr tdmqctl message send -q auto-made --body x
	[ "$(tdmqctl topic describe auto-made -o json | json 'd["spec"]["writeQueues"]')" = 4 ]
	run -0 tdmqctl message tail auto-made --row-format '%v'
	[ "$output" = x ]
	tdmqctl -q broker config set autoCreateTopicEnable=false --yes
	run -4 --separate-stderr tdmqctl message send never-made --body x
	tdmqctl -q broker config set autoCreateTopicEnable=true --yes
}

@test "message send: says where the message went" {
	run -0 --separate-stderr tdmqctl message send orders --body hello --key k1 --queue 2 -o json
	[ "$(json 'd["items"][0]["queue"], d["items"][0]["broker"]' <<<"$output")" = "(2, 'brokerd')" ]
}

@test "message send: reads the body from a pipe or a file, to the byte" {
	head -c 70000 /dev/urandom >"$BATS_TEST_TMPDIR/body"
	id=$(tdmqctl message send orders -f "$BATS_TEST_TMPDIR/body" -o name)
	tdmqctl message get "$id" --topic orders --body-as raw >"$BATS_TEST_TMPDIR/back"
	cmp "$BATS_TEST_TMPDIR/body" "$BATS_TEST_TMPDIR/back"
	id=$(printf 'from a pipe' | tdmqctl message send orders -o name)
	[ "$(tdmqctl message get "$id" --body-as raw)" = 'from a pipe' ]
}

@test "message send: one order key goes to one queue" {
	for _ in 1 2 3; do tdmqctl message send orders --body x --order-key customer-7 -o json; done >"$BATS_TEST_TMPDIR/sent"
	[ "$(grep -o '"queue":[ ]*[0-9]*' "$BATS_TEST_TMPDIR/sent" | sort -u | wc -l)" = 1 ]
}

@test "message send: a body over 4 MiB is refused and nothing is sent" {
	head -c 4194305 /dev/zero >"$BATS_TEST_TMPDIR/body"
	run -1 --separate-stderr tdmqctl message send orders -f "$BATS_TEST_TMPDIR/body"
	[ -z "$output" ]
	[[ $stderr == error:* ]]
}

@test "message send: --delay and --at deliver when it is time, not before" {
	tdmqctl topic create timed --queues 1
	id=$(send timed later --delay 3s)
	[ -n "$id" ]
	send timed soon --at "@$(($(date +%s%3N) + 1500))"
	send timed now --at -1h
	run -0 --separate-stderr tdmqctl message query timed -o name
	[ "${#lines[@]}" = 1 ]
	three() { [ "$(tdmqctl message query timed -o name | wc -l)" = 3 ]; }
	await three
	run -0 --separate-stderr tdmqctl message query timed -o json
	[ "$(json '[i["body"] for i in d["items"]]' <<<"$output")" = "['now', 'soon', 'later']" ]
}

@test "message send: one time of delivery, and not more than 40 days ahead" {
	run -2 --separate-stderr tdmqctl message send orders --body x --delay 1s --delay-level 1
	run -2 --separate-stderr tdmqctl message send orders --body x --delay 41d
	run ! --separate-stderr tdmqctl message send orders --body x --at 2999-01-01
	[[ $stderr == *limit\ is\ 40d* ]]
}

@test "message send: --dry-run sends nothing" {
	before=$(tdmqctl topic stats orders -o json)
	run -0 tdmqctl message send orders --body x --dry-run
	[ "$(tdmqctl topic stats orders -o json)" = "$before" ]
}

@test "message send: --count sends so many" {
	tdmqctl topic create counted --queues 2
	run -0 --separate-stderr tdmqctl message send counted --body x --count 500 -o name
	[ "${#lines[@]}" = 500 ]
	run -0 --separate-stderr tdmqctl message query counted --limit 1000 -o name
	[ "${#lines[@]}" = 500 ]
}

@test "message get: finds a message by either id and by position" {
	run -0 --separate-stderr tdmqctl message send orders --body 'three ways' -o json
	unique=$(json 'd["items"][0]["id"]' <<<"$output")
	offset_id=$(json 'd["items"][0]["offsetId"]' <<<"$output")
	queue=$(json 'd["items"][0]["queue"]' <<<"$output")
	offset=$(json 'd["items"][0]["offset"]' <<<"$output")
	[ "$(tdmqctl message get "$unique" --body-as raw)" = 'three ways' ]
	[ "$(tdmqctl message get "$offset_id" --body-as raw)" = 'three ways' ]
	[ "$(tdmqctl message get --topic orders --queue "$queue" --offset "$offset" --body-as raw)" = 'three ways' ]
}

@test "message get: an id nobody has is not found" {
	run -4 --separate-stderr tdmqctl message get 7F0000010016B1A2C3D40000000A0001 --topic orders
	[ -z "$output" ]
	[[ $stderr == *7F0000010016B1A2C3D40000000A0001* ]]
}

@test "message query: by key, tag, property, body and time" {
	id=$(send orders 'needle in the body' --key key-q --tag tag-q -H colour=red)
	for how in '--key key-q' '--tag tag-q' '--prop colour=red' '--grep needle' '--since 1h --tag tag-q'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr tdmqctl message query orders $how -o name
		[ "$output" = "$id" ] || {
			echo "$how found: $output"
			return 1
		}
	done
	run -0 --separate-stderr tdmqctl message query orders --tag tag-q --until 1h -o name
	[ -z "$output" ]
}

@test "message query: shows the newest and says that there is more" {
	run -0 --separate-stderr tdmqctl message query orders --limit 2 --tag tag-q -o json
	[ "$(json 'd["meta"]["truncated"]' <<<"$output")" = False ]
	send orders second --tag tag-n && last=$(send orders third --tag tag-n)
	run -0 --separate-stderr tdmqctl message query orders --limit 1 --tag tag-n -o json
	[ "$(json 'd["meta"]["truncated"], d["items"][0]["id"]' <<<"$output")" = "(True, '$last')" ]
	[[ $stderr == *--limit* ]]
}

@test "message query: a row format prints what it says" {
	send orders 'row body' --key row-key --tag row-tag >/dev/null
	run -0 --separate-stderr tdmqctl message query orders --key row-key --row-format '%g|%k|%v|%l\n'
	[ "$output" = 'row-tag|row-key|row body|8' ]
	run -2 --separate-stderr tdmqctl message query orders --row-format '%y'
	[[ $stderr == *"%y"* ]]
}

@test "message query: a bad expression is a usage error" {
	run -2 --separate-stderr tdmqctl message query orders --grep '('
	[[ $stderr == *--grep* ]]
}

@test "message tail: prints the newest, moves no position" {
	send orders tail-me --tag tail >/dev/null
	run -0 --separate-stderr tdmqctl message tail orders --tag tail --row-format '%v\n'
	[ "$output" = tail-me ]
}

@test "message tail: follows what comes" {
	tdmqctl topic create followed --queues 2
	tdmqctl message tail followed -F --row-format '%v\n' >"$BATS_TEST_TMPDIR/out" 3>&- &
	pid=$!
	# It may begin a little after the first messages: send until one shows.
	for _ in $(seq 100); do
		send followed next >/dev/null
		grep -q next "$BATS_TEST_TMPDIR/out" && break
	done
	kill "$pid"
	grep -q '^next$' "$BATS_TEST_TMPDIR/out"
}

@test "message consume: takes each message once, and remembers" {
	tdmqctl topic create work --queues 3
	tdmqctl group create workers
	for i in 1 2 3 4 5; do send work "job-$i" >/dev/null; done
	run -0 --separate-stderr tdmqctl message consume work --group workers --from earliest --count 5 --row-format '%v\n'
	[ "$(sort <<<"$output" | paste -sd ' ')" = 'job-1 job-2 job-3 job-4 job-5' ]
	run -0 --separate-stderr tdmqctl message consume work --group workers --wait 300ms --row-format '%v\n'
	[ -z "$output" ]
	[ "$(tdmqctl group lag workers -o json | json 'sum(i["lag"] for i in d["items"])')" = 0 ]
}

@test "message consume: --from latest begins behind what is there, and stays where it began" {
	tdmqctl topic create fresh --queues 2
	tdmqctl group create latecomers
	for i in 1 2 3; do send fresh "old-$i" >/dev/null; done
	run -0 --separate-stderr tdmqctl message consume fresh --group latecomers --from latest --wait 300ms --row-format '%v\n'
	[ -z "$output" ]
	send fresh new >/dev/null
	run -0 --separate-stderr tdmqctl message consume fresh --group latecomers --from latest --count 1 --row-format '%v\n'
	[ "$output" = new ]
}

@test "message consume: a filter passes its tags only" {
	tdmqctl topic create tagged --queues 1
	tdmqctl group create taggers
	send tagged one --tag a >/dev/null
	send tagged two --tag b >/dev/null
	send tagged three --tag c >/dev/null
	run -0 --separate-stderr tdmqctl message consume tagged --group taggers --tag 'a || c' --from earliest --count 2 --row-format '%v '
	[ "$output" = 'one three ' ]
}

@test "message consume: what is sent back comes again" {
	tdmqctl topic create again --queues 1
	tdmqctl group create againers
	send again once-more >/dev/null
	run -0 --separate-stderr tdmqctl message consume again --group againers --from earliest --count 1 --retry --row-format '%r %v\n'
	[ "$output" = '0 once-more' ]
	run -0 --separate-stderr tdmqctl message consume again --group againers --count 1 --row-format '%r %v\n'
	[ "$output" = '1 once-more' ]
}

@test "message consume: without a group, or with two verdicts, is a usage error" {
	run -2 --separate-stderr tdmqctl message consume orders
	[[ $stderr == *--group* ]]
	run -2 --separate-stderr tdmqctl message consume orders --group billing --ack --dead
}

@test "message: namespaces do not see each other" {
	tdmqctl namespace create one
	tdmqctl namespace create two
	tdmqctl topic create same -N one
	tdmqctl topic create same -N two
	tdmqctl message send same -N one --body 'of one' >/dev/null 2>&1
	run -0 --separate-stderr tdmqctl message query same -N two -o name
	[ -z "$output" ]
	run -0 --separate-stderr tdmqctl message query same -N one --row-format '%t %v'
	[ "$output" = 'same of one' ]
}

@test "message: an unknown topic is not found" {
	run -4 --separate-stderr tdmqctl message query no-such-topic
	[ -z "$output" ]
	[[ $stderr == *no-such-topic* ]]
}

@test "message decode-id: reads both kinds without a server" {
	run -0 --separate-stderr tdmqctl -s 127.0.0.1:1 message decode-id 0A00000900002A9F00000000000003E8 -o json
	[ "$(json 'd["offsetId"]["address"], d["offsetId"]["physicalOffset"]' <<<"$output")" = "('10.0.0.9:10911', 1000)" ]
	run -2 --separate-stderr tdmqctl message decode-id nonsense
	[ -z "$output" ]
}

@test "message send: --oneway waits for nothing" {
	start=$(date +%s%N)
	run -0 --separate-stderr tdmqctl message send orders --body x --count 20 --oneway -o name
	[ "${#lines[@]}" = 20 ]
	[ $((($(date +%s%N) - start) / 1000000)) -lt 3000 ]
}

@test "message consume: a group whose consumption is off and a topic nobody may read say so" {
	tdmqctl topic create honest --queues 1
	tdmqctl group create switched-off
	tdmqctl message send honest --body x
	tdmqctl group update switched-off --consumption off
	run -6 --separate-stderr tdmqctl message consume honest --group switched-off --from earliest --count 1 --wait 5s
	[ -z "$output" ]
	[[ $stderr == *permission* && $stderr == *'group describe switched-off'* ]]
	tdmqctl group update switched-off --consumption on
	tdmqctl topic update honest --perm w
	run -6 --separate-stderr tdmqctl message consume honest --group switched-off --from earliest --count 1 --wait 5s
	[[ $stderr == *'may not be read'* && $stderr == *'--perm rw'* ]]
	tdmqctl topic update honest --perm rw
	run -0 --separate-stderr tdmqctl message consume honest --group switched-off --from earliest --count 1 --row-format '%v'
	[ "$output" = x ]
}
