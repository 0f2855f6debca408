#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# namespace, topic, group: made, listed, changed, deleted, on a fresh brokerd.

# run sets output, stderr and lines in the shell of its test; scripts for bash -c are in single quotes
# shellcheck disable=SC2154,SC2030,SC2031,SC2013,SC2016,SC2164,SC2181,SC2094
load helper

setup_file() {
	broker_start
	tdmqctl -q namespace create shop
}
teardown_file() {
	broker_stop
}

# CSV has CRLF line ends: without them here.
csv() {
	set -o pipefail
	tdmqctl "$@" -o csv | tr -d '\r'
}

@test "empty lists: a header, exit 0; [] in JSON; nothing as names" {
	run -0 --separate-stderr tdmqctl topic list -N shop
	[ "$output" = 'NAME  TYPE  QUEUES  PERM  REMARK' ]
	[ -z "$stderr" ]
	run -0 --separate-stderr tdmqctl topic list -N shop -o name
	[ -z "$output" ]
	run -0 --separate-stderr tdmqctl group list -N shop -o json
	[[ $output == *'"items": []'* ]]
	[[ $output == *'"truncated": false'* ]]
}

@test "namespace: create, describe, update, delete" {
	run -0 --separate-stderr tdmqctl namespace create billing --retention 24h --description 'the bills'
	[ -z "$output" ]
	[ "$stderr" = 'namespace/billing created (retention 1d)' ]
	run -0 --separate-stderr tdmqctl ns describe billing
	[[ $output == *'retention:    1d'* ]]
	[[ $output == *'the bills'* ]]
	run -0 --separate-stderr tdmqctl ns update billing --retention 36h
	run -0 --separate-stderr tdmqctl ns list --columns name,retention,description --filter 'name=billing' --no-headers
	[[ $output =~ ^billing\ +1d12h\ +the\ bills$ ]]
	run -5 --separate-stderr tdmqctl ns create billing
	[[ $stderr == *exists* ]]
	run -0 --separate-stderr tdmqctl ns delete billing --yes
	run -4 --separate-stderr tdmqctl ns describe billing
	run -4 --separate-stderr tdmqctl ns delete billing --yes
}

@test "namespace update: with nothing to change is wrong usage" {
	run -2 --separate-stderr tdmqctl ns update shop
	[[ $stderr == *'nothing to change'* ]]
}

@test "namespace delete: refused while topics or groups are in it" {
	tdmqctl -q ns create full
	tdmqctl -q topic create inside -N full
	run -9 --separate-stderr tdmqctl ns delete full --yes
	[[ $stderr == *'1 topics, 0 groups'* ]]
	tdmqctl -q topic delete inside -N full --yes
	tdmqctl -q group create members -N full
	run -9 --separate-stderr tdmqctl ns delete full --yes
	tdmqctl -q group delete members -N full --yes
	run -0 tdmqctl -q ns delete full --yes
}

@test "topic create: what was asked for is what is there" {
	run -0 --separate-stderr tdmqctl topic create orders -N shop --queues 8 --type fifo --perm r --remark 'größer'
	[ -z "$output" ]
	[ "$stderr" = 'topic/orders created (8 queues on brokerd)' ]
	run -0 csv topic list -N shop --columns name,type,queues,perm,remark
	[ "$output" = $'name,type,queues,perm,remark\norders,fifo,8,r,größer' ]
	run -0 tdmqctl topic list -N default -o name
	[ -z "$output" ]
	tdmqctl -q topic delete orders -N shop --yes
}

@test "topic create: one that exists is a conflict, or left alone on demand" {
	tdmqctl -q topic create twice -N shop --queues 2
	run -5 --separate-stderr tdmqctl topic create twice -N shop --queues 5
	[[ $stderr == *'exists already'* ]]
	run -0 --separate-stderr tdmqctl topic create twice -N shop --queues 5 --if-not-exists
	[[ $stderr == *unchanged* ]]
	run -0 tdmqctl topic list -N shop --filter name=twice --columns queues --no-headers
	[ "${output// /}" = 2 ]
	tdmqctl -q topic delete twice -N shop --yes
}

@test "topic create: several; those that fail are named, exit 3" {
	tdmqctl -q topic create one -N shop
	run -3 --separate-stderr tdmqctl topic create one two -N shop
	[[ $stderr == *'error: topic/one: exists already'* ]]
	[[ $stderr == *'topic/two created'* ]]
	[[ $stderr == *'1 done, 1 failed'* ]]
	tdmqctl -q topic delete one two -N shop --yes
}

@test "topic create -o json, -o name: the object on stdout, the sentence on stderr" {
	run -0 --separate-stderr tdmqctl topic create shown -N shop -o name
	[ "$output" = shown ]
	[[ $stderr == *created* ]]
	run -0 --separate-stderr tdmqctl topic update shown -N shop --queues 5 -o json
	[[ $output == *'"kind": "Topic"'*'"queues": 5'* ]]
	run -0 --separate-stderr tdmqctl -q topic delete shown -N shop --yes
	[ -z "$stderr" ]
}

@test "dry run: says what would be, changes nothing" {
	run -0 --separate-stderr tdmqctl topic create maybe -N shop --dry-run
	[ -z "$output" ]
	[[ $stderr == 'dry run: topic/maybe would be created'* ]]
	run -0 --separate-stderr tdmqctl group create maybe -N shop --dry-run
	run -0 --separate-stderr tdmqctl ns create maybe --dry-run
	[ -z "$(tdmqctl topic list -N shop -o name --filter name=maybe)" ]
	[ -z "$(tdmqctl group list -N shop -o name --filter name=maybe)" ]
	tdmqctl -q topic create kept -N shop --queues 4
	run -0 --separate-stderr tdmqctl topic update kept -N shop --queues 2 --perm w --dry-run
	[ "$stderr" = 'dry run: topic/kept would change: queues 4 -> 2, perm rw -> w' ]
	run -0 --separate-stderr tdmqctl topic delete kept -N shop --dry-run
	[ "$stderr" = 'dry run: topic/kept would be deleted' ]
	run -0 csv topic list -N shop --filter name=kept --columns queues,perm
	[ "${lines[1]}" = 4,rw ]
	tdmqctl -q topic delete kept -N shop --yes
}

@test "delete: asks; without a terminal needs --yes" {
	tdmqctl -q topic create asked -N shop
	run -2 --separate-stderr tdmqctl topic delete asked -N shop </dev/null
	[[ $stderr == *--yes* ]]
	run -2 --separate-stderr tdmqctl topic delete asked -N shop --no-input
	[ "$(tdmqctl topic list -N shop -o name --filter name=asked)" = asked ]
	TDMQCTL_YES=1 run -0 --separate-stderr tdmqctl topic delete asked -N shop
	[[ $stderr == *'topic/asked deleted'* ]]
}

@test "delete: on a terminal it shows the impact and takes no for an answer" {
	command -v script >/dev/null || skip 'no script(1)'
	tdmqctl -q topic create tty-topic -N shop
	run -10 script -qec 'tdmqctl topic delete tty-topic -N shop' /dev/null <<<n
	[[ $output == *'0 messages, 0 groups'* ]]
	[[ $output == *'[y/N]'* ]]
	[[ $output == *declined* ]]
	run -0 script -qec 'tdmqctl topic delete tty-topic -N shop' /dev/null <<<y
	[[ $output == *deleted* ]]
}

@test "protected context: --yes alone is not enough" {
	mkdir -p "$XDG_CONFIG_HOME/tdmqctl"
	cat >"$XDG_CONFIG_HOME/tdmqctl/config.yaml" <<-EOF
		contexts:
		  prod: {nameservers: ["$TDMQCTL_NAMESERVER"], namespace: shop, protected: true}
	EOF
	tdmqctl -q topic create dear -C prod
	run -2 --separate-stderr tdmqctl topic delete dear -C prod --yes
	[[ $stderr == *'--confirm prod'* ]]
	run -2 --separate-stderr tdmqctl topic delete dear -C prod --yes --confirm dev
	run -0 --separate-stderr tdmqctl topic delete dear -C prod --yes --confirm prod
	rm "$XDG_CONFIG_HOME/tdmqctl/config.yaml"
}

@test "delete --match: only of the current namespace, never what servers keep" {
	tdmqctl -q topic create tmp-a tmp-b other -N shop
	tdmqctl -q topic create tmp-c
	run -0 --separate-stderr tdmqctl topic delete --match 'tmp-*' -N shop --yes
	[[ $stderr == *'topic/tmp-a deleted'*'topic/tmp-b deleted'* ]]
	[ "$(tdmqctl topic list -A -o name | sort | tr '\n' ' ')" = 'other tmp-c ' ]
	run -0 --separate-stderr tdmqctl topic delete --match 'nothing*' -N shop --yes
	run -9 --separate-stderr tdmqctl topic delete TBW102 --yes
	[[ $stderr == *--system* ]]
	tdmqctl -q topic delete other -N shop --yes
	tdmqctl -q topic delete tmp-c --yes
}

@test "what is not there: exit 4, and what may have been meant" {
	tdmqctl -q topic create orders -N shop
	tdmqctl -q group create pay-svc -N shop
	for verb in describe stats route; do
		run -4 --separate-stderr tdmqctl topic "$verb" ordres -N shop
		[ -z "$output" ]
		[[ $stderr == *"did you mean 'orders'"* ]]
	done
	run -4 --separate-stderr tdmqctl topic update ordres -N shop --queues 2
	run -4 --separate-stderr tdmqctl topic delete ordres -N shop --yes
	for verb in describe lag clients; do
		run -4 --separate-stderr tdmqctl group "$verb" pay-svx -N shop
		[[ $stderr == *"did you mean 'pay-svc'"* ]]
	done
	run -4 --separate-stderr tdmqctl offset get pay-svx -N shop
	run -4 --separate-stderr tdmqctl group delete pay-svx -N shop --yes
	run -4 --separate-stderr tdmqctl group update pay-svx -N shop --retry-max 1
	tdmqctl -q topic delete orders -N shop --yes
	tdmqctl -q group delete pay-svc -N shop --yes
}

@test "names: ns% in a name, -N and the environment mean the same topic" {
	tdmqctl -q topic create same -N shop
	run -0 tdmqctl topic describe 'shop%same'
	run -0 env TDMQCTL_NAMESPACE=shop tdmqctl topic describe same
	run -0 env TDMQCTL_NAMESPACE=other tdmqctl topic describe same -N shop
	run -4 tdmqctl topic describe same
	run -0 csv topic list -A --columns namespace,name
	[ "${lines[1]}" = shop,same ]
	run -0 tdmqctl topic list -N shop --raw-names -o name
	[ "$output" = 'shop%same' ]
	tdmqctl -q topic delete same -N shop --yes
}

@test "group: create, describe, update, delete" {
	run -0 --separate-stderr tdmqctl group create pay-svc -N shop --retry-max 5 --broadcast off --remark pays
	[ "$stderr" = 'group/pay-svc created (5 retries)' ]
	run -0 csv group list -N shop --columns name,consumption,broadcast,retry-max,remark
	[ "${lines[1]}" = pay-svc,true,false,5,pays ]
	run -0 --separate-stderr tdmqctl group update pay-svc -N shop --consumption off --retry-max 7
	[ "$stderr" = 'group/pay-svc updated: consumption on -> off, retries 5 -> 7' ]
	run -0 tdmqctl group describe pay-svc -N shop -o yaml
	[[ $output == *'consumption: false'*'retryMax: 7'* ]]
	run -5 tdmqctl group create pay-svc -N shop
	run -0 --separate-stderr tdmqctl group delete pay-svc -N shop --yes
	[[ $stderr == *'group/pay-svc: 0 members connected'* ]]
	run -4 tdmqctl group describe pay-svc -N shop
}

@test "group lag, clients, offset get: figures of a group that consumed" {
	tdmqctl -q topic create events -N shop --queues 1
	tdmqctl -q group create reader -N shop
	for i in 1 2 3; do tdmqctl -q message send events -N shop --body "n$i"; done
	run -0 tdmqctl message consume events -N shop --group reader --count 2 --from earliest
	run -0 csv group lag reader -N shop --topic events --by queue --columns topic,queue,position,end,lag
	[ "${lines[1]}" = events,0,2,3,1 ]
	run -0 csv offset get reader -N shop --topic events --columns topic,queue,offset
	[ "${lines[1]}" = events,0,2 ]
	run -0 csv topic stats events -N shop --columns queue,min,max,messages
	[ "${lines[1]}" = 0,0,3,3 ]
	run -0 csv group lag -N shop --columns group,lag
	[ "${lines[1]}" = reader,1 ]
	run -0 tdmqctl group clients reader -N shop -o name
	[ -z "$output" ]
	run -0 tdmqctl topic describe events -N shop
	[[ $output == *reader* ]]
}

@test "cluster, broker: who is there" {
	run -0 csv cluster list --columns name,health,masters
	[ "${lines[1]}" = DefaultCluster,ok,1 ]
	run -0 tdmqctl cluster describe
	[[ $output == *'name:'*DefaultCluster* ]]
	run -4 tdmqctl cluster describe elsewhere
	run -0 csv broker list --columns name,role,state
	[ "${lines[1]}" = brokerd,master,ok ]
	run -0 tdmqctl broker list --role slave -o name
	[ -z "$output" ]
	run -0 tdmqctl broker stats brokerd
	[[ $output == *brokerVersionDesc* ]]
	run -4 --separate-stderr tdmqctl broker stats brokerx
	[[ $stderr == *"did you mean 'brokerd'"* ]]
	run -4 --separate-stderr tdmqctl topic list -b elsewhere
}

@test "output: json, ndjson, yaml, csv and table say the same" {
	tdmqctl -q topic create fmt-a fmt-b -N shop
	run -0 tdmqctl topic list -N shop --filter 'name~^fmt' -o ndjson
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} == '{"metadata":{"name":"fmt-a","namespace":"shop",'* ]]
	run -0 tdmqctl topic list -N shop --filter 'name~^fmt' -o yaml
	[[ $output == *'kind: TopicList'*'name: fmt-a'*'name: fmt-b'* ]]
	run -0 tdmqctl topic list -N shop --filter 'name~^fmt' --sort-by name:desc -o name
	[ "$output" = $'fmt-b\nfmt-a' ]
	run -0 tdmqctl topic list -N shop --filter 'name~^fmt' --columns name --no-headers
	[ "$output" = $'fmt-a\nfmt-b' ]
	run -2 --separate-stderr tdmqctl topic list -N shop --filter 'size>1'
	[[ $stderr == *"no column 'size'"* ]]
	TDMQCTL_OUTPUT=name run -0 tdmqctl topic list -N shop --filter 'name~^fmt'
	[ "$output" = $'fmt-a\nfmt-b' ]
	run -0 --separate-stderr tdmqctl topic list -A -n 1 -o json
	[[ $output == *'"truncated": true'* ]]
	[[ $stderr == *'only the first 1'* ]]
	run -2 --separate-stderr tdmqctl topic list -n 1 --sort-by name
	tdmqctl -q topic delete fmt-a fmt-b -N shop --yes
}

@test "completion: names of topics, groups, namespaces, brokers" {
	tdmqctl -q topic create comp-a comp-b -N shop
	tdmqctl -q group create comp-g -N shop
	run -0 --separate-stderr tdmqctl __complete bash -- -N shop topic describe comp-
	[ "$output" = $'comp-a\ncomp-b' ]
	run -0 tdmqctl __complete bash -- topic describe -N shop comp-
	[ "$output" = $'comp-a\ncomp-b' ]
	run -0 tdmqctl __complete bash -- group lag -N shop --topic=comp-
	[ "$output" = $'--topic=comp-a\n--topic=comp-b' ]
	run -0 tdmqctl __complete bash -- group describe -N shop comp
	[ "$output" = comp-g ]
	run -0 tdmqctl __complete bash -- topic list -N sh
	[ "$output" = shop ]
	run -0 tdmqctl __complete bash -- broker stats br
	[ "$output" = brokerd ]
	TDMQCTL_COMPLETE_ONLINE=0 run -0 tdmqctl __complete bash -- -N shop topic describe comp-
	[ -z "$output" ]
	tdmqctl -q topic delete comp-a comp-b -N shop --yes
	tdmqctl -q group delete comp-g -N shop --yes
}

@test "credentials: requests are signed, and the trace does not show with what" {
	printf '12345678\n' >"$BATS_TEST_TMPDIR/key"
	chmod 600 "$BATS_TEST_TMPDIR/key"
	export TDMQCTL_ACCESS_KEY=rocketmq2 TDMQCTL_SECRET_FILE=$BATS_TEST_TMPDIR/key
	run -0 --separate-stderr tdmqctl topic list -N shop --trace-wire
	[[ $stderr == *'AccessKey=**** Signature=****'* ]]
	[[ $stderr != *rocketmq2* && $stderr != *12345678* ]]
}

@test "verbose: requests by name, their fields when asked twice" {
	run -0 --separate-stderr tdmqctl topic list -N shop -v
	[[ $stderr == *' GET_ALL_TOPIC_CONFIG'* && $stderr != *body=* ]]
	run -0 --separate-stderr tdmqctl topic list -N shop -vv
	[[ $stderr == *' GET_ALL_TOPIC_CONFIG'*body=* ]]
}

@test "a server that does not answer: exit 8 in time, and a warning about changes" {
	kill -STOP "$(cat "$BATS_FILE_TMPDIR/pid")"
	start=$SECONDS
	run --separate-stderr tdmqctl topic list --timeout 300ms
	kill -CONT "$(cat "$BATS_FILE_TMPDIR/pid")"
	[ "$status" = 8 ]
	[ $((SECONDS - start)) -le 3 ]
	[[ $stderr == *'within 300 ms'* ]]
	[[ $stderr == *'may have happened'* ]]
	run -0 tdmqctl topic list
}

@test "list: figures are asked for where a column, an order or a filter wants them" {
	run -0 --separate-stderr tdmqctl namespace create figures
	run -0 --separate-stderr tdmqctl topic create full empty -N figures --queues 1
	run -0 --separate-stderr tdmqctl group create reader -N figures
	run -0 --separate-stderr tdmqctl message send full -N figures --body x --count 2
	run -0 --separate-stderr tdmqctl message consume full -N figures --group reader --from earliest --count 1
	run -0 csv topic list -N figures --filter 'messages>0' --columns name,messages
	[ "$output" = $'name,messages\nfull,2' ]
	run -0 --separate-stderr tdmqctl topic list -N figures --sort-by messages:desc -o name
	[ "$output" = $'full\nempty' ]
	run -0 csv group list -N figures --filter 'lag>0' --columns name,lag,members
	[ "$output" = $'name,lag,members\nreader,1,0' ]
	run -0 --separate-stderr tdmqctl group list -N figures --filter 'lag>1' -o name
	[ -z "$output" ]
}

@test "a namespace that is not there is said to be, and made by nobody else" {
	run -4 --separate-stderr tdmqctl topic list -N figurse
	[[ $stderr == *"no namespace 'figurse'"*"did you mean 'figures'?"* ]]
	run -4 --separate-stderr tdmqctl group list -N nope
	[[ $stderr == *"no namespace 'nope'"*"tdmqctl namespace create nope"* ]]
	run -4 --separate-stderr tdmqctl topic create one -N nope
	run -4 --separate-stderr tdmqctl group create one -N nope
	run -0 --separate-stderr tdmqctl namespace list -o name
	[[ $output != *nope* ]]
}

@test "cluster describe: counts what listings show, limits, and what people say about it" {
	run -0 --separate-stderr tdmqctl topic list -A -o name
	topics=${#lines[@]}
	run -0 --separate-stderr tdmqctl cluster describe -o json
	[ "$(json 'd["topics"]' <<<"$output")" = "$topics" ]
	run -0 --separate-stderr tdmqctl cluster update --description 'orders & stock' --label team=shop --label empty=
	run -0 --separate-stderr tdmqctl cluster update --kind exclusive --retention 36h
	run -0 --separate-stderr tdmqctl cluster describe -o json
	[ "$(json 'd["description"], sorted(d["labels"]), d["kind"], d["retentionMs"]' <<<"$output")" = \
		"('orders & stock', ['empty=', 'team=shop'], 'exclusive', 129600000)" ]
	run -0 --separate-stderr tdmqctl cluster describe --quota -o csv
	[[ $output == *"topics,$topics,200"* ]]
	run -0 --separate-stderr tdmqctl cluster update --remove-label empty --description '' --kind unlimited
	run -0 --separate-stderr tdmqctl cluster describe -o json
	[ "$(json 'd["description"], d["labels"], d["kind"]' <<<"$output")" = "(None, ['team=shop'], 'unlimited')" ]
	run -2 --separate-stderr tdmqctl cluster update --label qcloud.x=1
	run -2 --separate-stderr tdmqctl cluster update
}
