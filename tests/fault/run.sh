#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh KILLS: the ledger under kill -9, KILLS times with each flush mode. Prints TAP.
set -eu
cd "$(dirname "$0")/../.."
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-fault.XXXXXX")
trap 'rm -rf "$dir"' EXIT
rc=0
for flush in sync async; do
	"${B:-build}/fault-kill" "${B:-build}/brokerd" "$dir/$flush" "${1:-25}" "$flush" || rc=1
	rm -rf "${dir:?}/$flush"
done
exit $rc
