# SPDX-License-Identifier: Apache-2.0
# helper.bash: a brokerd for the tests of one file, and the programs that were built. Load it first:
#
#	load helper
#	setup_file() { broker_start; }
#	teardown_file() { broker_stop; }
#
# Each file has its own folder, ports and settings; nothing of the user's is read or written.

bats_require_minimum_version 1.5.0

ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
export ROOT
export PATH="$ROOT/${B:-build}:$PATH"
export LC_ALL=C.UTF-8 TZ=UTC NO_COLOR=1
export HOME="$BATS_FILE_TMPDIR" XDG_CONFIG_HOME="$BATS_FILE_TMPDIR/config" \
	XDG_STATE_HOME="$BATS_FILE_TMPDIR/state" XDG_CACHE_HOME="$BATS_FILE_TMPDIR/cache"
unset TDMQCTL_NAMESPACE TDMQCTL_CONTEXT TDMQCTL_OUTPUT NAMESRV_ADDR

# Waits until a command succeeds, at most 10 seconds.
await() {
	local end=$((SECONDS + 10))

	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# broker_start [ARG...]: on the store of this file and any free ports; sets TDMQCTL_NAMESERVER.
broker_start() {
	local dir=$BATS_FILE_TMPDIR

	: >"$dir/ready"
	brokerd --dev --data "$dir/data" --nameserver-port=0 --broker-port=0 --vip-port=0 "$@" \
		>"$dir/ready" 2>>"$dir/log" 3>&- 4>&- &
	echo $! >"$dir/pid"
	await grep -q '^brokerd ready' "$dir/ready" || {
		cat "$dir/log" >&2
		return 1
	}
	TDMQCTL_NAMESERVER=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/ready")
	export TDMQCTL_NAMESERVER
}

broker_gone() {
	! kill -0 "$(cat "$BATS_FILE_TMPDIR/pid")"
}

# Also after another test of the file has started a new one.
broker_stop() {
	kill "$(cat "$BATS_FILE_TMPDIR/pid")"
	await broker_gone
}

# json EXPRESSION <DOCUMENT: what a Python expression over `d` gives, one line.
json() {
	python3 -c 'import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}
