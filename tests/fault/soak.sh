#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# soak.sh MINUTES: rounds of sends and pulls with retention at work; memory and sockets afterwards
# are what they were. Prints TAP.
set -u
cd "$(dirname "$0")/../.." || exit
B=${B:-build}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-soak.XXXXXX")
broker='' bad=0 rounds=0 lost=0
# shellcheck disable=SC2317 # the trap's
cleanup() {
	[ -z "$broker" ] || kill -9 "$broker" 2>/dev/null
	rm -rf "$dir"
}
trap cleanup EXIT

field() { # NAME JSON
	sed -n "s/.*\"$1\":\([0-9.-]*\).*/\1/p" <<<"$2"
}
start() {
	"$B/brokerd" --dev --data "$dir/data" --nameserver-port=0 --broker-port=0 --retention=1m --log-level=warn \
		>"$dir/ready" 2>>"$dir/log" &
	broker=$!
	until grep -q '^brokerd ready' "$dir/ready"; do
		kill -0 "$broker" 2>/dev/null || { echo "Bail out! $(tail -1 "$dir/log")"; exit 1; }
		sleep 0.02
	done
	address=$(sed -n 's/.* broker \([^ ]*\).*/\1/p' "$dir/ready")
}
sockets() {
	find "/proc/$broker/fd" -lname 'socket:*' 2>/dev/null | wc -l
}
anon() {
	awk '/^RssAnon/ { print $2 }' "/proc/$broker/status"
}
round() { # one topic each, so that what was sent can be pulled whole
	local sent all
	rounds=$((rounds + 1))
	sent=$(field msgs "$("$B/bench-load" -t "soak-$((rounds % 50))-$broker" -q 4 -s 1024 -c 4 -d 8 -n 5000 -T 20s "$address")")
	all=$(field msgs "$("$B/bench-load" -t "soak-$((rounds % 50))-$broker" -q 4 -s 1024 -c 4 --pull --verify -T 20s "$address")")
	[ "${all:-0}" -ge "${sent:-1}" ] || lost=$((lost + 1))
}

end=$((SECONDS + $1 * 60))
start
while [ $SECONDS -lt $((end - $1 * 40)) ]; do round; done # a third of the time
anon_before=$(anon) sockets_before=$(sockets)
while [ $SECONDS -lt $end ]; do round; done
grown=$(($(anon) - anon_before)) more=$(($(sockets) - sockets_before))
echo "# $rounds rounds, $grown KiB and $more sockets more than after a third of the time"
[ "$lost" = 0 ] || bad=1
echo "$([ "$lost" = 0 ] || echo 'not ')ok 1 - every round reads what it sent"
[ "$grown" -lt 2048 ] && [ "$more" -le 0 ] || bad=1
echo "$([ "$bad" = 0 ] || echo 'not ')ok 2 - memory and sockets are what they were"
kill -TERM "$broker" && wait "$broker" || bad=1
broker=
echo 1..2
exit $bad
