# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# delivery: what the broker does for the Java and Go clients beside handing out messages: request and reply, queue locks
# when an owner is killed, broadcast, resets of running consumers, questions to clients, transactions nobody ends.

part_delivery() {
	local go=
	[ -z "$JAVA_WHY$GO_WHY" ] || {
		skip delivery "${JAVA_WHY:-$GO_WHY}"
		return
	}
	NAMESRV_PORT='' BROKER_PORT=''
	BROKERD_DATA=$WORK/delivery BROKERD_ARGS='--transaction-check-max 2 --queue-lock 25s' brokerd_start || return
	"$INTEROP_BUILD/goflow" reset "$NAMESRV_ADDR" >"$WORK/reset.out" 2>"$WORK/reset.err" &
	go=$!
	wait_for 60 "the Go consumer" grep -sq '^ready' "$WORK/reset.err"
	client_now delivery Delivery "$NAMESRV_ADDR" "$BIN/tdmqctl" go-reset
	wait "$go"
	against delivery <"$WORK/reset.out"
	brokerd_stop
	NAMESRV_PORT='' BROKER_PORT=''
}
