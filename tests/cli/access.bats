#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Roles from the command line, against a brokerd with authentication; where secrets come from.

# run sets output, stderr and lines in the shell of its test; scripts for bash -c are in single quotes
# shellcheck disable=SC2154,SC2030,SC2031,SC2016
load helper

setup_file() {
	broker_start --authentication
	as_admin
	tdmqctl -q namespace create shop
	tdmqctl -q namespace create bank
	tdmqctl -q topic create -N shop orders --queues 1
	tdmqctl -q group create -N shop pay-svc
}
teardown_file() {
	broker_stop
}

as_admin() {
	export TDMQCTL_ACCESS_KEY=admin TDMQCTL_SECRET_FILE=$BATS_FILE_TMPDIR/data/admin.secret
}

# as ROLE TOKEN-FILE COMMAND...
as() {
	env -u TDMQCTL_ACCESS_KEY -u TDMQCTL_SECRET_FILE TDMQCTL_ROLE="$1" TDMQCTL_TOKEN_FILE="$2" "${@:3}"
}

role() { # NAME: fresh, its token in NAME.tok
	cd "$BATS_TEST_TMPDIR" || return
	tdmqctl -q role delete "$1" --revoke-all --yes 2>/dev/null || :
	tdmqctl -q role create "$1" --token-file "$1.tok"
}

@test "access: who has no credentials is refused, and told what to do" {
	run -6 --separate-stderr env -u TDMQCTL_ACCESS_KEY tdmqctl topic list
	[ -z "$output" ]
	[[ $stderr == *'No accessKey is configured'*TDMQCTL_ACCESS_KEY* ]]
	run -6 --separate-stderr env -u TDMQCTL_SECRET_FILE TDMQCTL_SECRET_KEY=wrong tdmqctl topic list
	[[ $stderr == *'Check signature failed'* ]]
	run -0 tdmqctl topic list
}

@test "role create: the token is shown once" {
	cd "$BATS_TEST_TMPDIR"
	run -0 --separate-stderr tdmqctl role create once -o json --description 'a b'
	token=$(json 'd["accessKey"]' <<<"$output")
	[ ${#token} = 43 ]
	[ "$(json 'd["secretKey"]' <<<"$output")" = once ]
	run -0 tdmqctl role describe once -o json
	[[ $output != *"$token"* && $output == *'"a b"'* ]]
	run -0 tdmqctl role list
	[[ $output != *"$token"* && $output == *once* ]]
	run -0 tdmqctl role describe once --show-token
	[[ $output == *"$token"* ]]
	run -5 --separate-stderr tdmqctl role create once
	tdmqctl -q role delete once --yes
	run -4 tdmqctl role describe once
}

@test "role create: the token's file is private, new, and no link" {
	umask 000
	role mine
	[ "$(stat -c %a mine.tok)" = 600 ]
	run -5 --separate-stderr tdmqctl role create other --token-file mine.tok
	run -4 tdmqctl role describe other
	ln -s "$BATS_TEST_TMPDIR/victim" link
	run --separate-stderr tdmqctl role create linked --token-file link
	[ "$status" -ne 0 ]
	[ ! -e victim ]
	[[ $stderr == *'--show-token'* ]]
	tdmqctl -q role delete linked --yes
}

@test "role grant, revoke: what a role may is what it can do" {
	role app
	run -6 --separate-stderr as app app.tok tdmqctl message send orders -N shop --body x
	[[ $stderr == *"role 'app' may not produce in namespace 'shop'"* ]]
	tdmqctl -q role grant app -N shop --produce
	as app app.tok tdmqctl -q message send orders -N shop --body x
	run -6 as app app.tok tdmqctl message consume orders -N shop --group pay-svc --count 1
	tdmqctl -q role grant app -N shop --consume
	run -0 as app app.tok tdmqctl message consume orders -N shop --group pay-svc --from earliest --count 1
	[[ $output == *x* ]]
	run -6 as app app.tok tdmqctl topic create -N shop more
	run -2 --separate-stderr tdmqctl role revoke app -N shop --produce
	[[ $stderr == *'--yes'* ]]
	run -0 --separate-stderr tdmqctl role revoke app -N shop --produce --dry-run
	as app app.tok tdmqctl -q message send orders -N shop --body y
	tdmqctl -q role revoke app -N shop --produce --yes
	run -6 as app app.tok tdmqctl message send orders -N shop --body z
	run -9 --separate-stderr tdmqctl role delete app --yes
	[[ $stderr == *'--revoke-all'* ]]
	run -9 --separate-stderr tdmqctl namespace delete shop --yes
	tdmqctl -q role delete app --revoke-all --yes
	run -6 as app app.tok tdmqctl message send orders -N shop --body z
}

@test "role: sees its own topics and groups, and nobody else's" {
	role looker
	tdmqctl -q role grant looker -N shop --consume
	tdmqctl -q topic create -N bank vault --queues 1
	for what in 'group lag pay-svc' 'group describe pay-svc' 'offset get pay-svc'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr as looker looker.tok tdmqctl $what -N shop
	done
	run -0 --separate-stderr as looker looker.tok tdmqctl group clients pay-svc -N shop
	run -0 --separate-stderr as looker looker.tok tdmqctl topic list -A -o json
	[ "$(json '[i["metadata"]["name"] for i in d["items"]]' <<<"$output")" = "['orders']" ]
	run -4 as looker looker.tok tdmqctl topic describe -N bank vault
	run -6 as looker looker.tok tdmqctl broker config get
	tdmqctl -q role delete looker --revoke-all --yes
}

@test "message send --transaction: a role that produces may" {
	role payer
	tdmqctl -q role grant payer -N shop --produce
	run -0 --separate-stderr as payer payer.tok tdmqctl message send orders -N shop --body tx --transaction commit
	tdmqctl -q role delete payer --revoke-all --yes
}

@test "acl allow-list: an address need not sign to use, but to administrate" {
	tdmqctl -q acl allow-list add 127.0.0.1 --yes
	run -0 env -u TDMQCTL_ACCESS_KEY -u TDMQCTL_SECRET_FILE tdmqctl message send orders -N shop --body x
	run -0 env -u TDMQCTL_ACCESS_KEY -u TDMQCTL_SECRET_FILE tdmqctl group lag pay-svc -N shop
	for what in 'namespace list' 'broker config get' 'delay list' 'transaction list' 'migrate list'; do
		# shellcheck disable=SC2086
		run -6 env -u TDMQCTL_ACCESS_KEY -u TDMQCTL_SECRET_FILE tdmqctl $what
	done
	tdmqctl -q acl allow-list remove 127.0.0.1 --yes
}

@test "broker config get: aclEnable says that authentication is on" {
	run -0 tdmqctl broker config get aclEnable
	[[ $output == *true* ]]
}

@test "role grant: what is wrong is said" {
	role app
	run -2 --separate-stderr tdmqctl role grant app -N shop
	[[ $stderr == *'--produce'* ]]
	run -2 --separate-stderr tdmqctl role grant app --consume --topic a --group b
	run -4 --separate-stderr tdmqctl role grant app -N nowhere --consume
	[[ $stderr == *"no namespace 'nowhere'"* ]]
	run -4 --separate-stderr tdmqctl role grant nobody -N shop --consume
	run -1 --separate-stderr tdmqctl role create 'a b'
	run -1 --separate-stderr tdmqctl role create app2 --allow-from host
	[[ $stderr == *"'host' is no address"* ]]
}

@test "role rotate: the old token works for its grace, or not at all" {
	role app
	tdmqctl -q role grant app -N shop --produce
	tdmqctl -q role rotate app --grace 1h --token-file new.tok
	as app app.tok tdmqctl -q message send orders -N shop --body x
	as app new.tok tdmqctl -q message send orders -N shop --body x
	tdmqctl -q role rotate app --yes --token-file newest.tok
	run -6 as app app.tok tdmqctl message send orders -N shop --body x
	run -6 as app new.tok tdmqctl message send orders -N shop --body x
	as app newest.tok tdmqctl -q message send orders -N shop --body x
}

@test "role create --allow-from: the token works from there only" {
	cd "$BATS_TEST_TMPDIR"
	tdmqctl -q role create far --allow-from 10.0.0.0/8 --token-file far.tok
	tdmqctl -q role create near --allow-from 127.0.0.0/8,::1 --token-file near.tok
	tdmqctl -q role grant far -N shop --produce
	tdmqctl -q role grant near -N shop --produce
	run -6 --separate-stderr as far far.tok tdmqctl message send orders -N shop --body x
	[[ $stderr == *'not allowed from this address'* ]]
	as near near.tok tdmqctl -q message send orders -N shop --body x
	tdmqctl -q role delete far --revoke-all --yes
	tdmqctl -q role delete near --revoke-all --yes
}

@test "acl can: yes or no, and what decided" {
	role app
	tdmqctl -q role grant app -N shop --consume
	tdmqctl -q role grant app -N shop --topic orders --produce
	run -0 tdmqctl acl can app produce --topic orders -N shop
	[[ $output == *yes*'topic shop%orders: produce'* ]]
	run -6 --separate-stderr tdmqctl acl can app consume --topic orders -N shop -o json
	[ "$(json 'd["allowed"]' <<<"$output")" = False ]
	[[ $stderr == *"role 'app' may not consume"* ]]
	run -0 tdmqctl acl can app consume --group pay-svc -N shop
	[[ $output == *yes*'namespace shop: consume'* ]]
	run -6 tdmqctl acl can app consume --topic t -N bank
	[[ $output == *no*'no grant for namespace bank'* ]]
	run -6 tdmqctl acl can app consume --topic RMQ_SYS_TRACE_TOPIC
	[[ $output == *no*system* ]]
	run -2 tdmqctl acl can app fly --topic t
}

@test "acl allow-list: addresses that need not sign may do all but administrate" {
	run -0 tdmqctl acl allow-list add 10.9.0.0/16 127.0.0.1 --yes
	run -0 tdmqctl acl allow-list get -o name
	[ "${lines[1]}" = 127.0.0.1 ]
	env -u TDMQCTL_ACCESS_KEY tdmqctl -q message send orders -N shop --body x
	run -6 env -u TDMQCTL_ACCESS_KEY tdmqctl topic create t-1
	tdmqctl -q acl allow-list remove 127.0.0.1 --yes
	run -6 env -u TDMQCTL_ACCESS_KEY tdmqctl message send orders -N shop --body x
	run -0 tdmqctl acl allow-list get
	[[ $output == *10.9.0.0/16* ]]
	run -6 --separate-stderr tdmqctl acl allow-list set 10.0.0 --yes
	tdmqctl -q acl allow-list set --yes
	run -0 tdmqctl acl versions
	[[ $output == *brokerd*ok* ]]
}

@test "credentials: from a context, in all their forms" {
	role app
	tdmqctl -q role grant app -N shop --produce
	tok=$(cat app.tok) secret=$(cat "$TDMQCTL_SECRET_FILE")
	unset TDMQCTL_ACCESS_KEY TDMQCTL_SECRET_FILE
	export ADMIN_SECRET=$secret TDMQCTL_CONFIG=c.yaml
	cat >c.yaml <<-EOF
		contexts:
		  file: {credentials: {accessKey: admin, secretFrom: "file:secret"}}
		  env: {credentials: {accessKey: admin, secretFrom: "env:ADMIN_SECRET"}}
		  exec: {credentials: {accessKey: admin, secretFrom: "exec:cat secret"}}
		  sh: {credentials: {accessKey: admin, secretFrom: "sh:cat secret | head -1"}}
		  role: {namespace: shop, credentials: {role: app, tokenFrom: "file:app.tok"}}
		  plain: {credentials: {accessKey: admin, secretFrom: "$secret"}}
		  prompt: {credentials: {accessKey: admin, secretFrom: prompt}}
		  none: {credentials: {role: app}}
	EOF
	(umask 077 && printf '%s\n' "$secret" >secret)
	for c in file env exec sh; do
		run -0 --separate-stderr tdmqctl -C $c namespace list
	done
	tdmqctl -q -C role message send orders --body x
	run -2 --separate-stderr tdmqctl -C none namespace list
	[[ $stderr == *TDMQCTL_TOKEN_FILE* ]]
	run -2 --separate-stderr setsid tdmqctl -C prompt namespace list
	run -2 --separate-stderr tdmqctl -C plain namespace list
	chmod 644 secret
	run -9 --separate-stderr tdmqctl -C file namespace list
	[[ $stderr == *'mode 644'*'chmod 600'* ]]
	run -0 --separate-stderr tdmqctl -C role --trace-wire message send orders --body x
	[[ $stderr == *'AccessKey=****'* && $stderr != *"$tok"* && $stderr != *"$secret"* ]]
}

@test "access: no secret in the log, the settings or the command line" {
	role app
	secret=$(cat "$TDMQCTL_SECRET_FILE") tok=$(cat app.tok) pid=$(cat "$BATS_FILE_TMPDIR/pid")
	run -6 as app "$TDMQCTL_SECRET_FILE" tdmqctl message send orders -N shop --body x
	for s in "$secret" "$tok"; do
		run ! grep -F "$s" "$BATS_FILE_TMPDIR/log"
		run ! grep -aF "$s" "/proc/$pid/cmdline"
	done
	BROKERD_ADMIN_SECRET=$secret run -0 brokerd --data x --dump-config
	[[ $output != *"$secret"* ]]
	run -2 --separate-stderr brokerd --data x --admin-secret "$secret"
	run -2 --separate-stderr brokerd --data x --admin-secret="$secret"
	[[ $stderr == *"unknown flag '--admin-secret'"* && $stderr != *"$secret"* ]]
	echo "admin-secret: $secret" >conf
	chmod 644 conf
	run ! --separate-stderr brokerd --data x --config conf --dump-config
	[[ $stderr == *'chmod 600 conf'* && $stderr != *"$secret"* ]]
	chmod 600 conf
	run -0 brokerd --data x --config conf --dump-config
}

@test "brokerd: starts only with a secret that is one" {
	cd "$BATS_TEST_TMPDIR"
	ports='--nameserver-port=0 --broker-port=0 --vip-port=0'
	# shellcheck disable=SC2086
	run -9 --separate-stderr env BROKERD_ADMIN_SECRET=short brokerd --data d --authentication $ports
	[[ $stderr == *'less than 16 bytes'* ]]
	echo 0123456789abcdef >s
	chmod 644 s
	# shellcheck disable=SC2086
	run -9 --separate-stderr brokerd --data d --authentication --admin-secret-file s $ports
	[[ $stderr == *'chmod 600'* ]]
	# shellcheck disable=SC2086
	run -4 --separate-stderr brokerd --data d --authentication --admin-secret-file none $ports
	[ ! -e d/admin.secret ]
	# shellcheck disable=SC2086
	run -9 --separate-stderr brokerd --data d --listen-address 0.0.0.0 --advertised-address 10.0.0.1 $ports
	[[ $stderr == *--authentication* ]]
	ln -s "$BATS_TEST_TMPDIR/elsewhere" d/admin.secret
	# shellcheck disable=SC2086
	run --separate-stderr brokerd --data d --authentication $ports
	[ "$status" -ne 0 ]
	[ ! -e elsewhere ]
}

@test "what senders and servers say does not steer the terminal" {
	odd=$'a\e[31mb\a\u202ec\rd'
	tdmqctl -q topic create -N shop odd --queues 1
	tdmqctl -q message send odd -N shop --key "$odd" --tag "$odd" --body "$odd"$'\n'"$odd" >/dev/null
	for args in 'query odd --since 1h' 'query odd --since 1h -o wide' 'consume odd --group pay-svc --from earliest --count 1'; do
		# shellcheck disable=SC2086
		run -0 --separate-stderr tdmqctl message $args -N shop
		[[ $output != *[$'\e\a\r']* && $output != *$'\u202e'* && $output == *'a\x1b[31mb\x07\u202ec\rd'* ]]
	done
	run -2 --separate-stderr tdmqctl topic describe "$odd"
	[[ $stderr != *[$'\e\a\r']* && $stderr != *$'\u202e'* ]]
	run -0 --separate-stderr tdmqctl role create odd --description "$odd"
	[[ $output != *[$'\e\a\r']* && $output == *'\u202e'* ]]
	# Bytes are bytes where a program asked for them.
	run -0 --separate-stderr tdmqctl message query odd -N shop --since 1h --row-format '%k'
	[ "$output" = "$odd" ]
	run ! grep -P '[\x00-\x09\x0b-\x1f\x7f]' "$BATS_FILE_TMPDIR/log"
}
