# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# acl: a brokerd with authentication. Java, Go and Node clients with a role's token send and consume; a wrong signature,
# another namespace and a role that may only consume are refused; what is revoked and granted hits clients that run;
# mqadmin works with the administrator's secret in its tools.yml, and its accounts work too. tdmqctl manages accounts of
# a real Apache broker.

ACL_PIDS=()

# acl_client OUT LANG KEY SECRET: in the background, until acl_end.
acl_client() {
	local out=$1 lang=$2 key=$3 secret=$4
	case $lang in
	java) java_run Acl "$NAMESRV_ADDR" shop "$key" "$secret" ;;
	go) timeout 120 "$INTEROP_BUILD/goflow" "$NAMESRV_ADDR" shop "$key" "$secret" ;;
	node) NODE_PATH=$INTEROP_BUILD/node/node_modules timeout 120 node "$INTEROP/node/acl.js" "$NAMESRV_ADDR" shop "$key" "$secret" ;;
	esac >"$out" 2>"$out.err" &
	ACL_PIDS+=($!)
}

acl_end() {
	local pid
	for pid in "${ACL_PIDS[@]}"; do
		# shellcheck disable=SC2046 # a function in the background: its programs are its children
		kill $(ps -o pid= --ppid "$pid") "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	ACL_PIDS=()
}

has_more() { # FILE REGEX COUNT
	[ "$(grep -Ec -- "$2" "$1")" -gt "$3" ]
}

# happens NAME FILE REGEX: a line more than there is now.
happens() {
	local before
	before=$(grep -Ec -- "$3" "$2")
	if wait_for 20 "'$3' in $(basename "$2")" has_more "$2" "$3" "$before"; then
		ok "acl: $1"
	else
		not_ok "acl: $1" "no new line '$3'; the last: $(tail -1 "$2" | cut -c1-300)"
	fi
}

# never NAME FILE REGEX
never() {
	if grep -Eq -- "$3" "$2"; then
		not_ok "acl: $1" "$(grep -Em1 -- "$3" "$2")"
	else
		ok "acl: $1"
	fi
}

acl_ctl() {
	"$BIN/tdmqctl" -q -s "$NAMESRV_ADDR" "$@" >/dev/null || not_ok "acl: tdmqctl $*" "exit status $?"
}

# Four clients of a language at once: a role that may all, one that may only consume, one of another namespace, and one
# whose signature is wrong.
acl_language() { # LANG
	local lang=$1 at=$WORK/acl-$1 why="role '%s' may not produce in namespace 'shop'" signature='Check signature failed'
	[ "$lang" != node ] || why='' signature='' # its library says only that it gave up
	acl_client "$at" "$lang" "$(cat "$WORK/all-$lang.tok")" "all-$lang"
	acl_client "$at-reader" "$lang" "$(cat "$WORK/reader.tok")" reader
	acl_client "$at-other" "$lang" "$(cat "$WORK/other.tok")" other
	acl_client "$at-wrong" "$lang" "$(cat "$WORK/all-$lang.tok")" other
	happens "$lang: a role that may sends" "$at" '^sent'
	# Either of the two members of the group has the queue.
	if wait_for 40 "a message" grep -Eqs '^got ' "$at" "$at-reader"; then
		ok "acl: $lang: what is sent is consumed"
	else
		not_ok "acl: $lang: what is sent is consumed" "nothing came"
	fi
	happens "$lang: who may only consume is told so" "$at-reader" \
		"^refused .*${why/\%s/reader}"
	happens "$lang: a role of another namespace is told so" "$at-other" \
		"^refused .*${why/\%s/other}"
	happens "$lang: a wrong signature is refused" "$at-wrong" "^refused .*$signature"
	never "$lang: who may not send sends nothing" "$at-reader" '^sent'
	never "$lang: no role of another namespace sends or receives" "$at-other" '^(sent|got)'
	never "$lang: nobody with a wrong signature sends or receives" "$at-wrong" '^(sent|got)'

	acl_ctl role revoke "all-$lang" -N shop --produce --yes
	happens "$lang: what is revoked hits a client that runs" "$at" \
		"^refused .*${why/\%s/all-$lang}"
	acl_ctl role grant "all-$lang" -N shop --produce
	happens "$lang: what is granted again works again" "$at" '^sent'
}

# Consumption is revoked from all at once; what is sent meanwhile comes when it is granted again.
acl_consumers() { # LANG...
	local lang
	acl_ctl role revoke reader -N shop --consume --yes
	for lang; do acl_ctl role revoke "all-$lang" -N shop --consume --yes; done
	acl_ctl message send acl-work -N shop --body while-revoked
	sleep 2
	for lang; do
		never "$lang: who lost consuming gets nothing more, on open connections too" "$WORK/acl-$lang" '^got while-revoked'
		acl_ctl role grant "all-$lang" -N shop --consume
	done
	for lang; do
		if wait_for 60 "what was sent meanwhile" grep -Eqs '^got while-revoked' "$WORK/acl-$lang"; then
			ok "acl: $lang: what was sent meanwhile comes when consuming is granted again"
		else
			not_ok "acl: $lang: what was sent meanwhile comes when consuming is granted again" "it did not"
		fi
	done
}

# tools.yml is where mqadmin has its keys from.
acl_tools() { # KEY SECRET
	mkdir -p "$INTEROP_HOME/conf"
	printf 'accessKey: %s\nsecretKey: %s\n' "$1" "$2" >"$INTEROP_HOME/conf/tools.yml"
}

acl_mqadmin() {
	export ACL_ADDR=127.0.0.1:$BROKER_PORT
	export INTEROP_HOME=$WORK/home-acl
	acl_tools admin "$(cat "$WORK/brokerd/admin.secret")"
	mqadmin <<-'EOF' | against acl
		# topicList with the administrator's secret
		topicList
		+ acl-work
		# updateTopic with the administrator's secret
		updateTopic -b @ACL_ADDR@ -t acl-mq -r 1 -w 1
		+ create topic to .* success
		# updateAclConfig makes an account
		updateAclConfig -b @ACL_ADDR@ -a rocketmq2 -s 12345678 -i PUB -u SUB -t acl-mq=PUB|SUB,acl-no=DENY -g acl-mq=SUB
		+ create or update plain access config to .* success
		# clusterAclConfigVersion
		clusterAclConfigVersion -b @ACL_ADDR@
		+ brokerd .*meta.db
		# updateGlobalWhiteAddr
		updateGlobalWhiteAddr -b @ACL_ADDR@ -g 10.9.0.*
		+ update global white remote addresses to .* success
	EOF
	acl_tools rocketmq2 12345678
	mqadmin <<-'EOF' | against acl
		# sendMessage with an account
		sendMessage -t acl-mq -p hello
		+ SEND_OK
	EOF
	TDMQCTL_ACCESS_KEY=rocketmq2 TDMQCTL_SECRET_FILE='' TDMQCTL_SECRET_KEY=12345678 AGAINST=acl ctl_exit 6 \
		'topic create: an account that is no administrator is told so' 'Need admin permission' topic create acl-mq2
	acl_tools admin "$(cat "$WORK/brokerd/admin.secret")"
	mqadmin <<-'EOF' | against acl
		# deleteAclConfig
		deleteAccessConfig -b @ACL_ADDR@ -a rocketmq2
		+ delete plain access config account from .* success
	EOF
	rm "$INTEROP_HOME/conf/tools.yml"
	export INTEROP_HOME=$WORK/home
}

# What the protocol of a real Apache broker allows with its accounts.
acl_apache() {
	local AGAINST="acl, Apache's broker"
	mkdir -p "$WORK/apache/conf/acl"
	printf '%s\n' 'globalWhiteRemoteAddresses: []' 'accounts:' '- accessKey: rocketmq1' '  secretKey: 12345678' \
		'  admin: true' >"$WORK/apache/conf/plain_acl.yml"
	[ -z "$JAVA_WHY" ] || {
		skip "acl, Apache's broker" "$JAVA_WHY"
		return
	}
	APACHE_FIGURES=accessKey apache_start "$WORK/apache" aclEnable=true || {
		not_ok "acl, Apache's broker: the servers start" "see $WORK/apache"
		return
	}
	export TDMQCTL_ACCESS_KEY=rocketmq1 TDMQCTL_SECRET_KEY=12345678
	ctl 'role create makes an account' 'billing1' role create billing1 --token-file "$WORK/apache.tok"
	ctl 'role rotate gives it another secret' 'billing1' role rotate billing1 --yes \
		--token-file "$WORK/apache2.tok"
	ctl_exit 11 'role list: the protocol has none' 'no request that tells accounts' role list
	ctl_exit 11 'role grant: the protocol has none' 'as a whole' role grant billing1 --consume
	TDMQCTL_ACCESS_KEY=billing1 TDMQCTL_SECRET_KEY='' TDMQCTL_SECRET_FILE=$WORK/apache2.tok \
		ctl_exit 6 'an account without permissions is refused' 'No default permission' message send TBW102 --body x
	ctl 'acl allow-list set' '10.9.0.1' acl allow-list set 10.9.0.1 --yes
	ctl 'acl versions' 'broker-a' acl versions
	ctl 'role delete' 'deleted' role delete billing1 --revoke-all --yes
	unset TDMQCTL_ACCESS_KEY TDMQCTL_SECRET_KEY
	apache_stop
}

part_acl() {
	local lang langs=()
	BROKERD_ARGS=--authentication brokerd_start || return
	export TDMQCTL_ACCESS_KEY=admin TDMQCTL_SECRET_FILE=$WORK/brokerd/admin.secret
	[ -n "$JAVA_WHY" ] && skip "acl: java" "$JAVA_WHY" || langs+=(java)
	[ -n "$GO_WHY" ] && skip "acl: go" "$GO_WHY" || langs+=(go)
	[ -n "$NODE_WHY" ] && skip "acl: node" "$NODE_WHY" || langs+=(node)
	[ -z "${ACL_LANGS:-}" ] || read -ra langs <<<"$ACL_LANGS"
	acl_ctl namespace create shop
	acl_ctl namespace create bank
	acl_ctl topic create acl-work -N shop --queues 1
	acl_ctl role create reader --token-file "$WORK/reader.tok"
	acl_ctl role grant reader -N shop --consume
	acl_ctl role create other --token-file "$WORK/other.tok"
	acl_ctl role grant other -N bank --produce --consume
	for lang in "${langs[@]}"; do
		acl_ctl role create "all-$lang" --token-file "$WORK/all-$lang.tok"
		acl_ctl role grant "all-$lang" -N shop --produce --consume
	done
	for lang in "${langs[@]}"; do acl_language "$lang"; done
	acl_consumers "${langs[@]}"
	acl_end
	[ -n "$JAVA_WHY" ] || acl_mqadmin
	unset TDMQCTL_ACCESS_KEY TDMQCTL_SECRET_FILE
	brokerd_stop
	rm -rf "$WORK/brokerd"
	acl_apache
}
