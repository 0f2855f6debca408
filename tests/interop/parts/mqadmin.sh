# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# mqadmin: all subcommands of mqadmin against Apache and brokerd at the same time, their output compared; then the
# requests of a day, and codes, fields and bodies of the replies.

part_mqadmin() {
	local address
	apache_pair mqadmin traceTopicEnable=true || return
	address=$NAMESRV_ADDR
	BROKERD_DATA=$WORK/mqadmin BROKERD_ARGS='--broker broker-a --order-messages' brokerd_start && {
		at_both recorded_commands mqadmin-differs.txt all
		at_both recorded_session session-differs.txt
	}
	brokerd_stop
	apache_pair_end
}

# at_both COMMAND TABLE [ARG]: the command records at both, and the recordings are compared.
at_both() {
	local ours theirs
	ADDR=$APACHE_BROKER NS=$address "$1" "$WORK/$1.apache" &
	theirs=$!
	ADDR=127.0.0.1:$BROKER_PORT NS=$NAMESRV_ADDR "$1" "$WORK/$1.brokerd" &
	ours=$!
	wait "$theirs" || not_ok "mqadmin: $1 at Apache" "$(tail -1 "$WORK/$1.apache.err")"
	wait "$ours" || not_ok "mqadmin: $1 at brokerd" "$(tail -1 "$WORK/$1.brokerd.err")"
	java_run Compare "$INTEROP/$2" "$WORK/$1.apache" "$WORK/$1.brokerd" ${3:+"$3"} | against mqadmin
}

# In a folder of its own, because consumerStatus leaves files where it runs.
recorded_commands() { # FILE
	local dir=$1.dir
	mkdir "$dir" && cd "$dir" || return
	NAMESRV_ADDR=$NS EXPORT_DIR=./export INTEROP_HOME=$dir \
		java_run Mqadmin record <"$INTEROP/mqadmin-all.txt" >"$1" 2>"$1.err"
}

recorded_session() { # FILE
	"$BIN/wire" -r "$ADDR" "$NS" "$INTEROP/session.txt" >"$1" 2>"$1.err"
}
