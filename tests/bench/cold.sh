#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# cold.sh: what a consumer that is far behind, and reads from the disk alone, costs who sends. As root
# the disk is slowed down to 20 MB/s, as disks are that are in use. Prints two lines of bench-load.
set -eu
cd "$(dirname "$0")/../.."
B=${B:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-cold.XXXXXX")
group=/sys/fs/cgroup/blkio/tdmq-cold broker=''
cleanup() {
	[ -z "$broker" ] || kill "$broker" 2>/dev/null || true
	wait
	rmdir "$group" 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT

start() {
	"$B/brokerd" --data "$dir/data" --nameserver-port=0 --broker-port=0 --flush=async \
		--auto-create-topics --unlimited --disk-refuse-above=0 >"$dir/ready" 2>"$dir/log" &
	broker=$!
	for _ in $(seq 1000); do
		grep -q '^brokerd ready' "$dir/ready" && break
		sleep 0.01
	done
	address=$(sed -n 's/.* broker \([^ ]*\).*/\1/p' "$dir/ready")
}
sends() {
	"$B/bench-load" -t new -q 4 -c 4 -d 4 -s 1024 -r 2000 -T 6s "$address"
}

start
"$B/bench-load" -t old -q 4 -c 8 -d 32 -s 1024 -n 1000000 -T 100s "$address" >/dev/null
kill "$broker"
wait "$broker" || true
find "$dir/data" -type f -exec dd of={} oflag=nocache conv=notrunc,fdatasync count=0 status=none \;
start
if mkdir -p "$group" 2>/dev/null; then
	echo "$(stat -c '%Hd:%Ld' "$dir") 20971520" >"$group/blkio.throttle.read_bps_device"
	echo "$broker" >"$group/cgroup.procs"
fi
echo "alone:    $(sends)"
"$B/bench-load" --pull -t old -q 4 -c 4 -T 60s "$address" >/dev/null &
pull=$!
echo "beside:   $(sends)"
kill "$pull"
