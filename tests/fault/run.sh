#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh KILLS [STOPS [CUTS]]: the ledgers of messages and metadata under kill -9, KILLS times each, under stops with
# reloads, and under power cuts; then disks that fail. Prints TAP.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-fault.XXXXXX")
trap 'rm -rf "$dir"' EXIT
rc=0
for flush in sync async; do
	"${B:-build}/fault-kill" "${B:-build}/brokerd" "$dir/$flush" "${1:-25}" "$flush" || rc=1
	rm -rf "${dir:?}/$flush"
	"${B:-build}/fault-wait" "${B:-build}/brokerd" "$dir/wait" "${1:-25}" "$flush" || rc=1
	rm -rf "${dir:?}/wait"
done
"${B:-build}/fault-kill" "${B:-build}/brokerd" "$dir/stop" "${2:-10}" sync stop || rc=1
tests/fault/power.sh "${3:-10}" || rc=1
"${B:-build}/fault-meta" "${B:-build}/brokerd" "$dir/meta" "${1:-25}" || rc=1
tests/fault/disk.sh || rc=1
"${B:-build}/fault-migrate" "${B:-build}/brokerd" "$dir/migrate" "${1:-25}" || rc=1
exit $rc
