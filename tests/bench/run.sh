#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh [--list] [ROW...]: what brokerd promises about speed and size, measured beside Apache's broker and,
# in B23, beside NATS, mosquitto and redis. Without rows all run, about a quarter of an hour.
#
#	make bench			the standard run
#	make bench BENCH="B2 B3"	only these
#	make bench ROUNDS=5 TIME_EACH=10s WARM=60 N=10000000 B22_TIME=5m	for publication: some hours
#
# Prints a table in Markdown, also to build/bench/results.md; every single turn is a line of build/bench/log.
# A row that fails says so in the table and the others go on. What is not installed is left out with a
# reason: java and mvn for Apache's broker, and `make deps DEPS=bench` for the others.
# kit.sh has the method, rows.sh the rows.
set -u
cd "$(dirname "$0")/../.." || exit
B=${B:-build}
export B
# shellcheck source=tests/interop/apache.sh
. tests/interop/apache.sh
# shellcheck source=tests/bench/kit.sh
. tests/bench/kit.sh
# shellcheck source=tests/bench/rows.sh
. tests/bench/rows.sh
ROWS=$(declare -F | sed -n 's/^declare -f bench_\(B[0-9]*\)$/\1/p' | sort -V)

if [ "${1:-}" = --list ]; then
	for row in $ROWS; do
		printf '%-4s %s\n' "$row" "$(grep -B1 "^bench_$row()" tests/bench/rows.sh | sed -n 's/^# //p')"
	done
	exit
fi

# Apache's servers listen on every interface: where the kernel lets us, all run in a network of their own.
if [ -z "${BENCH_ALONE:-}" ] && command -v ip >/dev/null; then
	for how in -n -rn; do
		if unshare $how ip link set lo up 2>/dev/null; then
			BENCH_ALONE=1 exec unshare $how "$0" "$@"
		fi
	done
fi
[ -z "${BENCH_ALONE:-}" ] || ip link set lo up
ulimit -n "$(ulimit -Hn)"

dir=$(mktemp -d "${BENCH_DIR:-${TMPDIR:-/var/tmp}}/tdmq-bench.XXXXXX")
mkdir -p "$B/bench"
RESULTS=$B/bench/results.md
LOG=$B/bench/log
: >"$RESULTS"
: >"$LOG"
# shellcheck disable=SC2317 # the trap calls it
cleanup() {
	local pid
	for pid in "${peers[@]}"; do kill "$pid" 2>/dev/null; done
	brokerd_stop
	kill -CONT "${APACHE_PIDS[@]}" 2>/dev/null
	apache_stop
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 1' INT TERM

apache_prepare || note "without Apache's broker: $apache_why"
{
	echo "Commit $(git describe --always --dirty 2>/dev/null), $(date -u +%F); $(nproc) × $(sed -n 's/^model name.*: //p' /proc/cpuinfo | sort -u | head -1)," \
		"$(awk '/^MemTotal/ { printf "%d GiB", $2 / 1048576 }' /proc/meminfo), Linux $(uname -r); idle $(idle_now) % before the start;" \
		"$ROUNDS turns of $TIME_EACH a side.${apache_why:+ Without Apache\'s broker: $apache_why.}"
	echo
	echo '| # | workload | brokerd | Apache, or peer | ratio | floor | goal | met |'
	echo '|---|---|---|---|---|---|---|---|'
} | tee -a "$RESULTS"
failed=0
# B7 is last: it needs an Apache broker of its own.
# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(grep -vx B7 <<<"$ROWS") B7
for row in "$@"; do
	sent=0
	declare -F "bench_$row" >/dev/null || { note "no row $row: see --list"; failed=1; continue; }
	"bench_$row" || {
		row "$row" "$(grep -B1 "^bench_$row()" tests/bench/rows.sh | sed -n 's/^# //p')" 'FAILED: see the log' - - - - NO
		failed=1
	}
	peers_stop
done
{ grep -v '^| B' "$RESULTS"; grep '^| B' "$RESULTS" | sort -s -V -k2,2; } >"$dir/sorted" && cp "$dir/sorted" "$RESULTS"
exit $failed
