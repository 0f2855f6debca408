# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# mqadmin: all subcommands of mqadmin against Apache and brokerd at the same time, their output compared; then the
# requests of a day, and codes, fields and bodies of the replies. Last, the commands for access control, where there is.

part_mqadmin() {
	local address
	apache_pair mqadmin traceTopicEnable=true || return
	address=$NAMESRV_ADDR
	BROKERD_DATA=$WORK/mqadmin BROKERD_ARGS='--broker broker-a --order-messages' brokerd_start && {
		at_both recorded_commands mqadmin-differs.txt "$INTEROP/mqadmin-acl.txt"
		at_both recorded_session session-differs.txt
	}
	brokerd_stop
	apache_pair_end
	with_access_control
}

# An access key of Apache's has more than six letters, brokerd's administrator is admin. tools.yml is what mqadmin
# signs with.
with_access_control() {
	local secret=interop-secret-1
	mkdir -p "$WORK/apache/conf"
	printf 'globalWhiteRemoteAddresses:\n- 127.0.0.1\naccounts:\n- accessKey: administrator\n  secretKey: %s\n  admin: true\n' \
		$secret >"$WORK/apache/conf/plain_acl.yml"
	printf 'accessKey: administrator\nsecretKey: %s\n' $secret >"$WORK/tools.apache"
	printf 'accessKey: admin\nsecretKey: %s\n' $secret >"$WORK/tools.brokerd"
	printf %s $secret >"$WORK/admin.secret"
	chmod 600 "$WORK/admin.secret"
	apache_pair mqadmin aclEnable=true || return
	address=$NAMESRV_ADDR
	BROKERD_DATA=$WORK/mqadmin-acl BROKERD_ARGS="--broker broker-a --authentication --admin-secret-file $WORK/admin.secret" \
		brokerd_start && at_both recorded_acl mqadmin-acl-differs.txt
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
recorded_mqadmin() { # COMMANDS FILE [TOOLS]
	local dir=$2.dir
	mkdir -p "$dir/conf" && cd "$dir" || return
	[ -z "${3:-}" ] || cp "$3" "$dir/conf/tools.yml"
	NAMESRV_ADDR=$NS EXPORT_DIR=./export INTEROP_HOME=$dir java_run Mqadmin record <"$INTEROP/$1" >"$2" 2>"$2.err"
}

recorded_commands() { recorded_mqadmin mqadmin-all.txt "$1"; }
recorded_acl() { recorded_mqadmin mqadmin-acl.txt "$1" "$WORK/tools.${1##*.}"; }

recorded_session() { # FILE
	"$BIN/wire" -r "$ADDR" "$NS" "$INTEROP/session.txt" >"$1" 2>"$1.err"
}
