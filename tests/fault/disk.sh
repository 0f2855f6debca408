#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# disk.sh [PART ...]: a brokerd whose disk is full, fails or is slow, that runs out of descriptors, or that is
# not alone (D1, D3, D6, D8, C10). Prints TAP; what the machine does not allow is skipped, with the reason.
# Parts are called by name.
# shellcheck disable=SC2317
set -u
cd "$(dirname "$0")/../.." || exit
B=${B:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-disk.XXXXXX")
broker='' n=0 bad=0
cleanup() {
	[ -z "$broker" ] || kill -9 "$broker" 2>/dev/null
	mountpoint -q "$dir/small" && umount -l "$dir/small"
	rm -rf "$dir"
}
trap cleanup EXIT

result() { # WHAT OK [SKIP]
	n=$((n + 1))
	[ "$2" = 0 ] || bad=1
	if [ -n "${3:-}" ]; then
		echo "ok $n - $1 # SKIP $3"
	elif [ "$2" = 0 ]; then
		echo "ok $n - $1"
	else
		echo "not ok $n - $1"
		sed 's/^/# /' "$dir/log" | tail -20
	fi
}
field() { # NAME JSON
	sed -n "s/.*\"$1\":\([0-9.-]*\).*/\1/p" <<<"$2"
}
start() { # DATA [PREFIX...] -- [OPTION...]
	local data=$1 prefix=()
	shift
	while [ "$1" != -- ]; do prefix+=("$1"); shift; done
	shift
	: >"$dir/ready"
	"${prefix[@]}" "$B/brokerd" --dev --data "$data" --nameserver-port=0 --broker-port=0 --log-level=warn \
		"$@" >"$dir/ready" 2>"$dir/log" &
	broker=$!
	for _ in $(seq 1000); do
		grep -q '^brokerd ready' "$dir/ready" && break
		kill -0 "$broker" 2>/dev/null || break
		sleep 0.01
	done
	address=$(sed -n 's/.* broker \([^ ]*\).*/\1/p' "$dir/ready")
}
# The process that listens, where it was started by another.
daemon() {
	pgrep -P "$broker" -x brokerd || echo "$broker"
}
stop() { # SIGNAL; its status
	local pid
	pid=$(daemon)
	kill "-$1" "$pid" 2>/dev/null
	wait "$broker" 2>/dev/null
	status=$?
	broker=
}
load() { # OPTION...
	timeout 60 "$B/bench-load" -t disk -q 4 -s 1024 "$@" "$address" 2>/dev/null
}
pulled() {
	field msgs "$(load --pull -c 4 --verify -T 20s)"
}

# --- D1: the disk fills while messages come in, and has room again ---

full_disk() {
	local sent errors all t0 took what='a full disk refuses sends, loses nothing that was acknowledged, and resumes'
	mkdir -p "$dir/small"
	mount -t tmpfs -o size=96m tmpfs "$dir/small" 2>/dev/null ||
		{ result "$what" 0 'no tmpfs can be mounted here'; return; }
	start "$dir/small/data" -- --flush=sync --disk-refuse-below=0
	load -c 4 -d 8 -n 200000 -T 6s >"$dir/sent"
	sent=$(field msgs "$(cat "$dir/sent")") errors=$(field errors "$(cat "$dir/sent")")
	all=$(pulled)
	[ "${sent:-0}" -gt 10000 ] && [ "${errors:-0}" -gt 0 ] && [ "${all:-0}" -ge "$sent" ]
	result "$what" $?
	mount -o remount,size=400m "$dir/small"
	t0=$(date +%s%N)
	until [ "$(field errors "$(load -n 10 -T 1s)")" = 0 ]; do
		[ $(($(date +%s%N) - t0)) -lt 10000000000 ] || break
	done
	took=$((($(date +%s%N) - t0) / 1000000))
	echo "# sends succeed $took ms after there is room"
	[ "$took" -lt 3000 ]
	result 'with room again, sends resume by themselves' $?
	stop KILL
	start "$dir/small/data" -- --flush=sync
	[ "$(pulled)" -ge "$sent" ]
	result 'after kill -9 on a disk that was full everything acknowledged is there' $?
	stop TERM
	umount -l "$dir/small"
}

# --- D3: a sync fails once; later ones would succeed ---

failed_sync() {
	local what='after a failed sync nothing is acknowledged, though later syncs would succeed' before
	command -v strace >/dev/null || { result "$what" 0 'strace is not installed'; return; }
	start "$dir/eio" strace -f -qq -o "$dir/trace" -e trace=fdatasync \
		-e inject=fdatasync:error=EIO:when=40 -- --flush=sync
	[ -n "$address" ] || { result "$what" 0 'strace cannot trace here'; return; }
	load -c 4 -d 2 -n 20000 -T 6s >"$dir/sent"
	before=$(field msgs "$(cat "$dir/sent")")
	[ "$(field errors "$(load -n 20 -T 2s)")" -ge 20 ] && grep -q 'read-only until restart' "$dir/log"
	result "$what" $?
	[ "$(pulled)" -ge "$before" ]
	result 'a store that is read-only is still read' $?
	stop TERM
	[ "$status" != 0 ]
	result 'a broker that could not sync ends with a status of its own' $?
	start "$dir/eio" -- --flush=sync
	[ "$(pulled)" -ge "$before" ] && [ "$(field errors "$(load -n 20 -T 5s)")" = 0 ]
	result 'after a restart what was acknowledged is there, and sends work' $?
	stop TERM
}

# --- D6: a disk that takes 100 ms for each sync ---

# with syncs of $1 ms, in the middle of which the next ones begin to wait
slow_disk_of() {
	local rate anon want=$((32 * 1000 / ($1 + $1 / 2)))
	start "$dir/slow$1" strace -f -qq -o /dev/null -e trace=fdatasync \
		-e inject=fdatasync:delay_enter="$1ms" -- --flush=sync
	[ -n "$address" ] || { result "$what" 0 'strace cannot trace here'; return; }
	rate=$(field rate "$(load -c 32 -d 1 -T "$2")")
	anon=$(awk '/^Anonymous/ { print $2 }' "/proc/$(daemon)/smaps_rollup")
	echo "# syncs of $1 ms, 32 clients in turn: $rate messages a second (formula $want), $anon KiB"
	[ "${rate:-0}" -ge $((want * 611 / 1000)) ] && [ "${anon:-99999}" -lt 65536 ]
	result "$what, $1 ms" $?
	stop KILL
}

slow_disk() {
	local what='a slow disk: answers wait together for one sync, memory stays bounded'
	command -v strace >/dev/null || { result "$what" 0 'strace is not installed'; return; }
	slow_disk_of 100 6s
	[ -z "${TDMQ_LONG:-}" ] || slow_disk_of 2000 30s
}

# --- D8: no descriptors left ---

# with $1 descriptors and $2 connections
few_descriptors_of() {
	local before after pid fds=()
	start "$dir/fds$1" bash -c "ulimit -n $1; exec \"\$@\"" - -- --flush=async
	pid=$broker
	load -n 1000 -T 5s >/dev/null
	for _ in $(seq "$2"); do
		{ exec {fd}<>"/dev/tcp/${address%:*}/${address##*:}"; } 2>/dev/null && fds+=("$fd")
	done
	before=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	sleep 2
	after=$(awk '{ print $14 + $15 }' "/proc/$pid/stat")
	echo "# $((after - before)) ticks of 200 with a limit of $1 descriptors"
	[ $((after - before)) -le 10 ]
	result "without descriptors requests fail one by one, and accepting does not spin, $1" $?
	for fd in "${fds[@]}"; do exec {fd}>&-; done
	[ "$(field errors "$(load -n 1000 -T 10s)")" = 0 ]
	result 'with descriptors again it serves as before' $?
	stop TERM
}

few_descriptors() {
	few_descriptors_of 64 80
	few_descriptors_of 256 300
}

# --- C10: two of them ---

not_alone() {
	local t0 t1 rc
	start "$dir/one" -- --flush=async
	t0=$(date +%s%N)
	"$B/brokerd" --dev --data "$dir/one" --nameserver-port=0 --broker-port=0 >/dev/null 2>"$dir/second"
	rc=$?
	t1=$(date +%s%N)
	echo "# refused after $(((t1 - t0) / 1000000)) ms"
	[ "$rc" = 9 ] || grep -q 'use\|lock' "$dir/second"
	result 'a second broker on the directory is refused' $?
	[ -n "$(field rate "$(load -n 100 -T 5s)")" ]
	result 'the first one does not notice' $?
	stop KILL
	start "$dir/one" -- --flush=async
	[ "$(pulled)" -ge 100 ]
	result 'the lock of a killed broker is no obstacle' $?
	stop TERM
}

for part in "${@:-not_alone few_descriptors full_disk failed_sync slow_disk}"; do
	for p in $part; do "$p"; done
done
echo "1..$n"
exit $bad
