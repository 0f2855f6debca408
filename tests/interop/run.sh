#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Real clients against brokerd, and tdmqctl against real servers and brokerd alike.
#
#	tests/interop/run.sh [PART...]
#
# The parts are the files of parts/, each with a comment that says what it proves; without an argument all run but
# `prove`. Prints TAP without numbers; the last line counts it. Needs, besides the build: openjdk-17-jdk-headless maven,
# golang, nodejs npm; what is absent is skipped with a reason. Jars, modules and packages are fetched through mvn, go and
# npm into build/interop. KEEP=1 keeps what the servers left.

set -u
# shellcheck source-path=SCRIPTDIR source=apache.sh
. "$(dirname "$0")/apache.sh"
# shellcheck source=/dev/null
. "$INTEROP/kit.sh"
# shellcheck source=/dev/null
. "$INTEROP/clients.sh"
for part in "$INTEROP"/parts/*.sh; do
	# shellcheck source=/dev/null
	. "$part"
done
BIN=${B:-$INTEROP/../../build}
BIN=$(cd "$BIN" && pwd)
WORK=$(mktemp -d "$INTEROP_BUILD/run.XXXXXX")
RESULTS=$WORK/results
: >"$RESULTS"
export INTEROP_HOME=$WORK/home EXPORT_DIR=$WORK/export
export XDG_CONFIG_HOME=$WORK/xdg XDG_STATE_HOME=$WORK/xdg

cleanup() {
	brokerd_stop
	apache_stop
	if [ -n "${KEEP:-}" ]; then echo "# kept: $WORK"; else rm -rf "$WORK"; fi
}
trap cleanup EXIT

# Apache's servers listen on every interface; where the kernel lets us, they and their clients run in a network of
# their own, which has the loopback interface alone. Its second address is for clients that want one of a real machine.
alone() {
	local how
	[ -z "${INTEROP_ALONE:-}" ] || {
		hostname localhost
		ip link set lo up && ip address add 192.0.2.1/32 dev lo
		return
	}
	command -v ip >/dev/null || return 0
	for how in -nu -rnu; do
		if unshare $how ip link set lo up 2>/dev/null; then
			rm -rf "$WORK"
			INTEROP_ALONE=1 exec unshare $how "$INTEROP/run.sh" "$@"
		fi
	done
}

[ $# -gt 0 ] || for part in "$INTEROP"/parts/*.sh; do
	part=$(basename "$part" .sh)
	[ "$part" = prove ] || set -- "$@" "$part"
done
fetch
alone "$@"
for part; do
	begun=$SECONDS
	declare -F "part_$part" >/dev/null || die "no part '$part'"
	"part_$part"
	echo "# $part: $((SECONDS - begun)) s"
done

skipped=$(grep -c '^ok .*# skip' "$RESULTS")
passed=$(($(grep -c '^ok ' "$RESULTS") - skipped))
failed=$(grep -c '^not ok ' "$RESULTS")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
