#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# power.sh CUTS: acknowledged messages after a power cut (C2, C3), each CUTS times. Prints TAP.
# power.sh copy|swap DIR: for kill.c: what is on the "disk" of DIR now; that, mounted instead.
#
# DIR is an ext4 image in a file, mounted. A copy of the file has what was synced, and of the rest what the kernel
# happened to write, as a disk has when the power goes. Ten cuts on one image, then a new one.
# shellcheck disable=SC2317 # the trap's
set -u
cd "$(dirname "$0")/../.." || exit

case $1 in
copy)
	exec cp --sparse=always "$2.img" "$2.cut"
	;;
swap)
	umount "$2" && mv "$2.cut" "$2.img" && exec mount -o loop,commit=3600 "$2.img" "$2"
	;;
esac

B=${B:-build}
cuts=$1 n=0 bad=0
work=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-power.XXXXXX")
images=$work
[ ! -w /dev/shm ] || images=$(mktemp -d /dev/shm/tdmq-power.XXXXXX)
dir=$images/disk
cleanup() {
	! mountpoint -q "$dir" || umount -l "$dir"
	rm -rf "$work" "$images"
}
trap cleanup EXIT

fresh() {
	! mountpoint -q "$dir" || umount "$dir" || return
	mkdir -p "$dir" && rm -f "$dir.img" "$dir.cut" && truncate -s 1G "$dir.img" &&
		mkfs.ext4 -q -E lazy_itable_init=0 "$dir.img" && mount -o loop,commit=3600 "$dir.img" "$dir"
} 2>"$work/why"

for flush in sync async; do
	for ((done = 0; done < cuts; done += 10)); do
		n=$((n + 1))
		if ! fresh; then
			echo "ok $n - power cuts # SKIP no image can be mounted here: $(tail -1 "$work/why")"
			break
		fi
		some=$((cuts - done > 10 ? 10 : cuts - done))
		"$B/fault-kill" "$B/brokerd" "$dir" $some $flush cut >"$work/out" || bad=1
		grep '^#' "$work/out"
		sed -n "s/^\(not ok\|ok\) 1 /\1 $n /p" "$work/out"
		! grep -q '^not ok 2\|^Bail' "$work/out" || { grep -A3 '^not ok 2\|^Bail' "$work/out"; bad=1; }
	done
done
echo "1..$n"
exit $bad
