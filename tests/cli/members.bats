# SPDX-License-Identifier: Apache-2.0
# A second brokerd that registers with the name server of the first.
# shellcheck disable=SC2030,SC2031 # tests are functions of this shell, and share nothing

load helper

DEAD=127.0.0.1:1

setup_file() { broker_start; }
teardown_file() { broker_stop; }

# member_start NAMESERVERS: sets PID, MEMBER (its own name server) and LOG.
member_start() {
	local dir=$BATS_TEST_TMPDIR

	LOG=$dir/log
	brokerd --dev --data "$dir/data" --broker member --nameserver "$1" --nameserver-port=0 --broker-port=0 \
		--vip-port=0 >"$dir/ready" 2>"$LOG" 3>&- 4>&- &
	PID=$!
	PIDS+=($!)
	await grep -q '^brokerd ready' "$dir/ready"
	MEMBER=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/ready")
}

member_gone() { ! kill -0 "$PID" 2>/dev/null; }
member_stop() { kill "$@" "$PID" && await member_gone; }
setup() { PIDS=(); }
teardown() { [ ${#PIDS[@]} = 0 ] || kill "${PIDS[@]}" 2>/dev/null || :; }

sees_member() { tdmqctl ${1:+-s "$1"} broker list -o name | grep -qx member; }
misses_member() { tdmqctl broker list -o name >"$BATS_TEST_TMPDIR/list" && ! grep -qx member "$BATS_TEST_TMPDIR/list"; }

@test "a member is seen, its topics have routes at once, and it goes when it stops" {
	member_start "$DEAD;$TDMQCTL_NAMESERVER"
	await sees_member
	tdmqctl -s "$MEMBER" topic create of-member --queues 2
	run -0 tdmqctl topic describe of-member
	[[ $output == *member* ]]
	run -0 tdmqctl topic list -o name
	[[ $output == *of-member* ]]
	member_stop -TERM
	misses_member
	grep -q 'info .*registered with name server' "$LOG"
	[ "$(grep -c "warn .*$DEAD" "$LOG")" = 1 ]
}

@test "a member that is killed is gone with its connection" {
	member_start "$TDMQCTL_NAMESERVER"
	await sees_member
	member_stop -KILL
	await misses_member
}

@test "what is sent goes to both" {
	member_start "$TDMQCTL_NAMESERVER"
	await sees_member
	tdmqctl topic create of-both --queues 1
	run -0 tdmqctl topic describe of-both
	[[ $output == *brokerd* && $output == *member* ]]
	tdmqctl message send of-both --body x --count 8
	run -0 tdmqctl -s "$MEMBER" message query of-both --since 1h -o name
	[ "${#lines[@]}" = 4 ]
	run -0 tdmqctl message query of-both --since 1h -o name
	[ "${#lines[@]}" = 8 ]
}

@test "a name server that comes later is registered with then" {
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	member_start "localhost:$port, $TDMQCTL_NAMESERVER"
	await sees_member
	brokerd --dev --data "$BATS_TEST_TMPDIR/late" --nameserver-port="$port" --broker-port=0 --vip-port=0 \
		--broker late >"$BATS_TEST_TMPDIR/late.ready" 2>/dev/null 3>&- 4>&- &
	PIDS+=($!)
	await sees_member "127.0.0.1:$port"
}

@test "a name that cannot be found is no obstacle, nor is stopping while it is looked for" {
	member_start "no-such-host.invalid:9876,$TDMQCTL_NAMESERVER"
	await sees_member
	member_stop -TERM
}

@test "a name server that is no address is refused" {
	run -2 brokerd --data "$BATS_TEST_TMPDIR/x" --nameserver 'no address'
	[[ $output == *"nameserver: 'no address' is not an address"* ]]
}

@test "brokers may have one list with themselves in it" {
	local port
	port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	brokerd --dev --data "$BATS_TEST_TMPDIR/data" --broker member --nameserver-port="$port" --broker-port=0 --vip-port=0 \
		--nameserver "127.0.0.1:$port,$TDMQCTL_NAMESERVER" 2>"$BATS_TEST_TMPDIR/log" >/dev/null 3>&- 4>&- &
	PID=$!
	PIDS+=($!)
	await sees_member
	await grep -q "registered with name server 127.0.0.1:$port" "$BATS_TEST_TMPDIR/log"
	run -0 tdmqctl -s "127.0.0.1:$port" broker list -o name
	[ "$output" = member ]
}

@test "with authentication a member needs the administrator's secret" {
	local dir=$BATS_TEST_TMPDIR port
	for name in one two three; do
		echo "a-secret-of-the-cluster" >"$dir/secret"
		[ $name != three ] || echo "another-secret-altogether" >"$dir/secret"
		cp "$dir/secret" "$dir/$name.secret" && chmod 600 "$dir/$name.secret"
		brokerd --dev --authentication --admin-secret-file "$dir/$name.secret" --data "$dir/$name" --broker "$name" \
			--nameserver-port=0 --broker-port=0 --vip-port=0 ${port:+--nameserver "$port"} >"$dir/$name.ready" \
			2>"$dir/$name.log" 3>&- 4>&- &
		PIDS+=($!)
		await grep -q '^brokerd ready' "$dir/$name.ready"
		: "${port:=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/$name.ready")}"
	done
	export TDMQCTL_ACCESS_KEY=admin TDMQCTL_SECRET_FILE=$dir/one.secret
	await grep -q 'refused with code' "$dir/three.log"
	await grep -q registered "$dir/two.log"
	run -0 tdmqctl -s "$port" broker list -o name
	[ "$output" = $'one\ntwo' ]
}
