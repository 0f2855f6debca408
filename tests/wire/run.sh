#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [FILE...]: play tests/wire/*.txt against a brokerd of its own. Prints TAP.
set -eu
cd "$(dirname "$0")/../.."
b=${B:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-wire.XXXXXX")
trap 'kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null || :; rm -rf "$dir"' EXIT
"$b/brokerd" --dev --data "$dir/data" --nameserver-port=0 --broker-port=0 --vip-port=0 \
	--enforce-topic-types --transaction-timeout=100ms --transaction-check-interval=200ms --transaction-check-max=2 \
	--log-level=warn >"$dir/ready" 2>"$dir/log" 3>&- &
pid=$!
for _ in $(seq 200); do
	grep -q '^brokerd ready' "$dir/ready" && break
	kill -0 "$pid" 2>/dev/null || { cat "$dir/log"; exit 1; }
	sleep 0.02
done
broker=$(sed -n 's/^brokerd ready: .* broker \([^ ]*\) .*/\1/p' "$dir/ready")
rc=0
[ $# -gt 0 ] || set -- tests/wire/*.txt
"$b/wire" "$broker" "$@" || rc=1
grep -h 'error\|assert' "$dir/log" >&2 || :
exit $rc
