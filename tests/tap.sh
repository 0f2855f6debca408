#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# tap.sh NAME COMMAND...: run a suite that prints TAP, show what failed, add its counts to
# $TAP_TOTALS. Fails when a test failed, the suite crashed, or it ran nothing.
# tap.sh --summary: the totals of all suites, as the last line of a run.
set -u
totals=${TAP_TOTALS:?the file the counts go to}

if [ "$1" = --summary ]; then
	awk '{ p += $2; f += $3; s += $4 } END {
		printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 || p == 0 }' "$totals"
	exit
fi

name=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
start=$(date +%s)
"$@" >"$log" 2>&1
rc=$?
skip=$(grep -cE '^ok .*# (skip|SKIP)' "$log")
pass=$(($(grep -cE '^ok ' "$log") - skip))
fail=$(grep -cE '^not ok ' "$log")
if [ "$fail" = 0 ] && { [ "$rc" != 0 ] || [ "$pass" = 0 ]; }; then
	fail=1
	echo "$name: exit status $rc after $pass tests; its last lines:"
	tail -40 "$log"
elif [ "$fail" != 0 ]; then
	grep -E -A25 '^not ok ' "$log" | head -300
fi
echo "$name $pass $fail $skip" >>"$totals"
printf '%-10s %4d passed, %d failed, %d skipped (%d s)\n' "$name" "$pass" "$fail" "$skip" \
	$(($(date +%s) - start))
[ "$fail" = 0 ]
