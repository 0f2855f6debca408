# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# limits: what stock clients make of rates, types of topics, a group that is switched off, and long names.

part_limits() {
	local AGAINST=limits rate=100 id
	[ -z "$JAVA_WHY$GO_WHY" ] || {
		skip limits "${JAVA_WHY:-$GO_WHY}"
		return
	}
	NAMESRV_PORT='' BROKER_PORT=''
	rm -rf "$WORK/brokerd"
	BROKERD_ARGS="--enforce-topic-types --no-auto-create-topics --no-auto-create-groups --max-calls $rate" \
		brokerd_start || return
	ctl 'makes what the clients need' '' topic create java-limits java-flood go-limits
	ctl 'a group that is off' '' group create java-limits --consumption off
	ctl 'a namespace' '' namespace create shop
	ctl 'its topic' '' topic create java-alias -N shop --type fifo
	ctl 'its group' '' group create java-alias -N shop
	id=$("$BIN/tdmqctl" -s "$NAMESRV_ADDR" cluster describe -o json | sed -n 's/.*"id": "\(.*\)".*/\1/p')
	timeout 60 "$INTEROP_BUILD/goflow" limits "$NAMESRV_ADDR" "$rate" 2>"$WORK/now.err" | against limits
	client_now limits Limits "$NAMESRV_ADDR" "127.0.0.1:$BROKER_PORT" "$id" "$rate"
	ctl 'sees that sends were slowed' 'putMessageSlowedTimes +[1-9]' broker stats brokerd
	ctl 'and refused' 'putMessageThrottledTimes +[1-9]' broker stats brokerd
	brokerd_stop
	NAMESRV_PORT='' BROKER_PORT=''
}
