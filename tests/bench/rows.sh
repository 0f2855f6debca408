# shellcheck shell=bash disable=SC2034,SC2153,SC2154 # kit.sh and run.sh share these variables
# SPDX-License-Identifier: Apache-2.0
#
# The rows of the benchmark, a function each, found by name: bench_B1 prints the row B1, and fails where it
# could not measure. The comment in front is what --list shows. Floors and goals are those of the plan that
# docs/performance.md describes.

# against ID WORKLOAD SHAPE FLOOR GOAL [OPTION...]: the rate of one shape beside Apache's.
against() {
	local id=$1 what=$2 c=${3%x*} d=${3#*x} floor=$4 goal=$5
	shift 5
	pairs bench_load -c "$c" -d "$d" -T "$TIME_EACH" "$@" BROKER || return
	row "$id" "$what, $c × $d" "$(rate_and_times OURS)" "$(rate_and_times THEIRS)" "$(if_any "${RATIO[rate]}" "${RATIO[rate]}×")" "$floor×" "$goal×" \
		"$(met "${RATIO[rate]}" '>=' "$floor")"
}

# send 1 KiB, one in flight
bench_B1() {
	fresh && against B1 'send 1 KiB' 1x1 1.4 1.6 && verified bench 4
}

# send 1 KiB, many connections with one in flight
bench_B2() {
	fresh && against B2 'send 1 KiB' 16x1 4 5 || return
	cpu_16x1=${OURS[cpu]} cpu_16x1_ratio=$(faster cpu)
	against B2 'send 1 KiB' 64x1 3 4 && verified bench 4
}

# send 1 KiB, many in flight
bench_B3() {
	fresh && against B3 'send 1 KiB' 1x64 5 7 || return
	cpu_1x64=${OURS[cpu]} cpu_1x64_ratio=$(faster cpu)
	against B3 'send 1 KiB' 8x32 8 11 && verified bench 4 || return
	anonymous_B3=$(memory_kib "$broker" Anonymous)
	rss_B3=$(memory_kib "$broker" Rss)
	[ -z "$apache_mode" ] || apache_anonymous_B3=$(memory_kib "$apache_pid" Anonymous)
}

# CPU of the broker by message, from B2 and B3, beside the machine's floor
bench_B6() {
	[ -n "${cpu_16x1:-}" ] || bench_B2 >/dev/null || return
	[ -n "${cpu_1x64:-}" ] || bench_B3 >/dev/null || return
	floor_cpu 1 64
	row B6 'CPU a message, 1 × 64' "$cpu_1x64 µs" "answering alone: $FLOOR_CPU µs" "$(if_any "$cpu_1x64_ratio" "$cpu_1x64_ratio×")" '≤ 2.0 µs, 8×' '≤ 1.5 µs' \
		"$(met "$cpu_1x64" '<=' 2.0)"
	floor_cpu 16 1
	row B6 'CPU a message, 16 × 1' "$cpu_16x1 µs" "answering alone: $FLOOR_CPU µs" "$(if_any "$cpu_16x1_ratio" "$cpu_16x1_ratio×")" '≤ 8 µs, 6×' '≤ 7 µs' \
		"$(met "$cpu_16x1" '<=' 8)"
}
# floor_cpu CONNECTIONS DEPTH: what bench-floor needs to answer this load.
floor_cpu() {
	local pid before r port
	port=$(free_port)
	"$B/bench-floor" "127.0.0.1:$port" &
	pid=$!
	peers+=("$pid")
	wait_for 5 floor answers_tcp "$port"
	before=$(cpu_us "$pid")
	r=$(bench_load -c "$1" -d "$2" -T 2s "127.0.0.1:$port")
	FLOOR_CPU=$(awk -v c=$(($(cpu_us "$pid") - before)) -v m="$(field msgs "$r")" 'BEGIN { printf "%.2f", c / m }')
	echo "$row floor $r cpu_us=$FLOOR_CPU" >>"$LOG"
	peers_stop
}

# batches of 16, 32 and 128 messages of 1 KiB
bench_B4() {
	local b
	fresh || return
	for b in 16 32 128; do
		against B4 "send 1 KiB in batches of $b" 1x4 4 5.5 -b "$b" || return
	done
	verified bench 4
}

# one-way sends, counted by what was stored
bench_B5() {
	local r stored before=0 s
	rm -f "$dir/oneway"
	for _ in $(seq "$ROUNDS"); do
		fresh || return
		s=$("$B/bench-load" -t oneway -q 4 -n 4 "$BROKERD") || return
		turn ours "$B/bench-load" -t oneway -q 4 -s 1024 --oneway -d 256 -T "$TIME_EACH" "$BROKERD" || return
		r=$LAST
		stored=$("$B/bench-load" --pull --verify -t oneway -q 4 -c 4 "$BROKERD") || return
		before=$(($(field msgs "$r") + 4 - $(field msgs "$stored")))
		[ "$before" = 0 ] || { note "B5: $before of $r were lost, stored $stored after $s"; return 1; }
		ratio "$(field msgs "$r")" "$(field seconds "$r")" >>"$dir/oneway"
	done
	s=$(median <"$dir/oneway")
	row B5 'one-way 1 KiB, all of it stored' "$(thousands "$s")/s, $LAST_CPU µs CPU" - - '1,000,000/s' '1,400,000/s' "$(met "$s" '>=' 1000000)"
}

# flush sync: acknowledged when it is on disk
bench_B7() {
	local shape f
	f=$("$B/bench-floor" --sync "$dir/sync") || return
	fresh --flush=sync || return
	for shape in '1x1 1.5 2.5' '16x1 2 4' '64x1 2.5 4' '8x32 4 6'; do
		# shellcheck disable=SC2086
		set -- $shape
		MODE=SYNC_FLUSH against B7 "flush sync (fdatasync $(field fdatasync_p50_us "$f") µs), 1 KiB" "$1" "$2" "$3" || return
	done
	verified bench 4
}

# pulls of what was stored: hot and, ours, cold
bench_B8() {
	local c cold
	fresh || return
	TOPIC=pull bench_load -c 4 -d 64 -n "$N" "$BROKERD" >/dev/null || return
	if apache_up ASYNC_FLUSH; then TOPIC=pull bench_load -c 4 -d 64 -n "$N" "$APACHE_BROKER" >/dev/null || return; fi
	for c in 1 4; do
		TOUCH=0 pairs "$B/bench-load" --pull -t pull -q 4 -c "$c" BROKER || return
		row B8 "pull 32 at a time, hot, $c connection(s)" "$(rate_and_times OURS)" "$(rate_and_times THEIRS)" "$(if_any "${RATIO[rate]}" "${RATIO[rate]}×")" \
			"$([ "$c" = 1 ] && echo 5 || echo 3)×" "$([ "$c" = 1 ] && echo 10 || echo 5)×" \
			"$(met "${RATIO[rate]}" '>=' "$([ "$c" = 1 ] && echo 5 || echo 3)")"
	done
	brokerd_stop
	sync
	find "$dir/data/commitlog" -type f -exec dd if={} iflag=nocache count=0 status=none \;
	brokerd_start "$dir/data" --flush=async || return
	cold=$("$B/bench-load" --pull -t pull -q 4 -c 1 "$BROKERD") || return
	row B8 'pull 32 at a time, cold' "$(thousands "$(field rate "$cold")")/s, p99 $(field p99_us "$cold") µs" - - - 'disk speed' -
}

# from the send to a waiting consumer
bench_B9() {
	local rate
	for rate in 1000 5000 10000; do
		fresh && flow_topics "flow-$rate" || return
		TOUCH=0 pairs "$B/bench-flow" -t "flow-$rate" --rate "$rate" -T 3s BROKER || return
		row B9 "end to end, $(thousands $rate)/s" "$(times OURS)" "$(times THEIRS)" "$(if_any "$(faster p50_us)" "p50 $(faster p50_us)×, p99 $(faster p99_us)×")" \
			'p50 150 µs, p99 1 ms, p99.9 5 ms' 'p50 100 µs, p99 400 µs' \
			"$(met "${OURS[p50_us]}" '<=' 150 "${OURS[p99_us]}" '<=' 1000 "${OURS[p999_us]}" '<=' 5000)"
	done
}
# A topic for bench-flow on both sides, unstamped messages in it, read again from its start by each turn.
flow_topics() {
	TOPIC=$1 bench_load -n 4 "$BROKERD" >/dev/null || return
	if apache_up ASYNC_FLUSH; then TOPIC=$1 bench_load -n 4 "$APACHE_BROKER" >/dev/null; fi
}

# how long an acknowledgement takes at a given rate, from when the send was due
bench_B10() {
	local rate
	fresh || return
	for rate in 2000 10000; do
		TOUCH=0 pairs bench_load -c 4 -d 64 --rate "$rate" -T 3s BROKER || return
		row B10 "acknowledged, $(thousands $rate)/s over 4 connections" "$(times OURS)" "$(times THEIRS)" \
			"$(if_any "$(faster p50_us)" "p50 $(faster p50_us)×, p99 $(faster p99_us)×, p99.9 $(faster p999_us)×")" 'p50 1.5×, p99 10×, p99.9 4×' '1.8×, 20×, 6×' \
			"$(met "$(faster p50_us)" '>=' 1.5 "$(faster p99_us)" '>=' 10 "$(faster p999_us)" '>=' 4)"
	done
	verified bench 4
}

# 10,000 topics of 8 queues: made at their first message, then sent to in turn
bench_B11() {
	local one made many before after
	fresh || return
	ALONE=1 pairs bench_load -d 16 -T "$TIME_EACH" BROKER || return
	one=${OURS[rate]}
	before=$(memory_kib "$broker" Anonymous)
	made=$("$B/bench-load" -t many --topics 10000 -q 8 -d 16 -n 10000 "$BROKERD") || return
	after=$(memory_kib "$broker" Anonymous)
	ALONE=1 pairs "$B/bench-load" -t many --topics 10000 -q 8 -s 1024 -d 16 -T "$TIME_EACH" BROKER || return
	many=$(ratio "${OURS[rate]}" "$one")
	row B11 '10,000 topics × 8 queues: made by their first message' "$(field seconds "$made") s, +$(((after - before) / 1024)) MiB" - - \
		'1 s, +20 MiB' '0.5 s' "$(met "$(field seconds "$made")" '<=' 1 $((after - before)) '<=' 20480)"
	row B11 'send to 10,000 topics in turn, of the rate to one' "$(thousands "${OURS[rate]}")/s" - "$many×" '0.9×' - "$(met "$many" '>=' 0.9)"
}

# 5,000 connections: busy, and idle
bench_B12() {
	local before after each
	fresh || return
	against B12 'send 1 KiB' 5000x1 2.2 2.5 || return
	anonymous_B12=$(memory_kib "$broker" Anonymous)
	fresh || return
	before=$(memory_kib "$broker" Anonymous)
	"$B/bench-load" -t bench -q 4 --idle 5000 --rate 1000 -T 3s "$BROKERD" >/dev/null &
	sleep 2
	after=$(memory_kib "$broker" Anonymous)
	wait $!
	each=$(ratio $((after - before)) 5000)
	row B12 'memory of an idle connection' "$each KiB" - - '16 KiB' '8 KiB' "$(met "$each" '<=' 16)"
}

# delayed messages: all due at once, and by level beside Apache
bench_B13() {
	local due r before after
	fresh && TOPIC=due bench_load -n 4 "$BROKERD" >/dev/null || return
	before=$(memory_kib "$broker" Anonymous)
	due=$(($(date +%s%3N) + 15000))
	TOPIC=due bench_load -c 4 -d 64 -n "$N" --due "$due" --stamp "$BROKERD" >/dev/null || return
	after=$(memory_kib "$broker" Anonymous)
	r=$("$B/bench-flow" -t due -q 4 -n "$N" --lateness --due "$due" "$BROKERD") || return
	echo "$row due $r" >>"$LOG"
	row B13 "$(thousands "$N") delayed messages due at once: drained" \
		"$(thousands "$(field rate "$r")")/s, last after $(($(field max_us "$r") / 1000)) ms, $(field early "$r") early, +$(((after - before) / 1024)) MiB" \
		- - '200,000/s, never early, +32 MiB' '400,000/s' \
		"$(met "$(field rate "$r")" '>=' 200000 "$(field early "$r")" '<=' 0 $((after - before)) '<=' 32768)"
	levels ours "$BROKERD" && OURS_LEVEL=$r || return
	THEIRS_LEVEL=
	if apache_up ASYNC_FLUSH; then levels theirs "$APACHE_BROKER" && THEIRS_LEVEL=$r; fi
	row B13 'delayed by level 3 (10 s), as they come due' "$(lateness "$OURS_LEVEL")" "$(lateness "$THEIRS_LEVEL")" - \
		'p99 20 ms late, never early' 'p99 5 ms' "$(met "$(field p99_us "$OURS_LEVEL")" '<=' 20000 "$(field early "$OURS_LEVEL")" '<=' 0)"
}
# levels SIDE ADDRESS: half a second's worth of messages a second, each due 10 s later. Sets r.
levels() {
	local n=50000
	others STOP "$1"
	TOPIC=level bench_load -n 4 "$2" >/dev/null
	TOPIC=level bench_load -c 4 -d 64 --rate 25000 -n $n --level 3 --stamp "$2" >/dev/null
	r=$("$B/bench-flow" -t level -q 4 -n $n --lateness --delay 10s "$2")
	others CONT "$1"
	echo "$row level $1 $r" >>"$LOG"
	[ "$(field errors "$r")" = 0 ]
}
lateness() {
	if_any "$1" "late p50 $(($(field p50_us "$1") / 1000)) p99 $(($(field p99_us "$1") / 1000)) max $(($(field max_us "$1") / 1000)) ms, $(field early "$1") early"
}

# find a message by its key
bench_B14() {
	local r ours theirs=
	fresh || return
	r=$(TOPIC=key bench_load -c 4 -d 64 -n "$N" "$BROKERD") || return
	ours=$(query "$BROKERD" "$r") || return
	if apache_up ASYNC_FLUSH; then
		r=$(TOPIC=key bench_load -c 4 -d 64 -n "$N" "$APACHE_BROKER") && sleep 5 && theirs=$(query "$APACHE_BROKER" "$r")
	fi
	row B14 "query by key, hot, $(thousands "$N") messages" "p50 $(field p50_us "$ours") p99 $(field p99_us "$ours") µs" \
		"$(if_any "$theirs" "p50 $(field p50_us "$theirs") p99 $(field p99_us "$theirs") µs")" \
		"$(if_any "$theirs" "$(ratio "$(field p50_us "$theirs")" "$(field p50_us "$ours")")×")" 'p50 60 µs, exact' '40 µs' \
		"$(met "$(field p50_us "$ours")" '<=' 60)"
}
query() { # ADDRESS WHAT-THE-LOAD-SAID
	timeout 120 "$B/bench-query" -t key --keys "$(field keys "$2")" --first "$(field first_key "$2")" --stored "$N" -n 20000 "$1"
}

# import of topics and groups, each durable
bench_B15() {
	local round t0 t1 ms
	make_export 1000 1000 >"$dir/export.json"
	rm -f "$dir/import-ms"
	for round in $(seq "$ROUNDS"); do
		brokerd_stop
		brokerd_start "$dir/import-$round" || return
		t0=$(date +%s%N)
		"$B/tdmqctl" migrate run "$dir/export.json" --target cluster -o json >/dev/null 2>"$dir/import.err" ||
			{ cat "$dir/import.err" >&2; return 1; }
		t1=$(date +%s%N)
		echo $(((t1 - t0) / 1000000)) >>"$dir/import-ms"
	done
	ms=$(median <"$dir/import-ms")
	row B15 'import of 1,000 topics + 1,000 groups' "$ms ms" - - '1,000 ms' '300 ms' "$(met "$ms" '<=' 1000)"
	make_export 10000 10000 >"$dir/plan.json"
	for round in $(seq "$ROUNDS"); do
		t0=$(date +%s%N)
		"$B/tdmqctl" migrate plan "$dir/plan.json" -o json >/dev/null 2>"$dir/import.err" ||
			{ cat "$dir/import.err" >&2; return 1; }
		t1=$(date +%s%N)
		echo $(((t1 - t0) / 1000000)) >>"$dir/plan-ms"
	done
	ms=$(median <"$dir/plan-ms")
	row B15 'plan of 10,000 topics + 10,000 groups' "$ms ms" - - '500 ms' - "$(met "$ms" '<=' 500)"
}
# The shape of mqadmin exportMetadata.
make_export() { # TOPICS GROUPS
	awk -v t="$1" -v g="$2" 'BEGIN {
		printf "{\"topicConfigTable\":{"
		for (i = 0; i < t; i++)
			printf "%s\"ns%d%%topic-%d\":{\"order\":false,\"perm\":6,\"readQueueNums\":4,\"topicFilterType\":\"SINGLE_TAG\",\"topicName\":\"ns%d%%topic-%d\",\"topicSysFlag\":0,\"writeQueueNums\":4}", i ? "," : "", i % 8, i, i % 8, i
		printf "},\"subscriptionGroupTable\":{"
		for (i = 0; i < g; i++)
			printf "%s\"ns%d%%group-%d\":{\"brokerId\":0,\"consumeBroadcastEnable\":true,\"consumeEnable\":true,\"consumeFromMinEnable\":true,\"groupName\":\"ns%d%%group-%d\",\"notifyConsumerIdsChangedEnable\":true,\"retryMaxTimes\":16,\"retryQueueNums\":1,\"whichBrokerWhenConsumeSlowly\":1}", i ? "," : "", i % 8, i, i % 8, i
		printf "}}\n"
	}'
}

# commands of tdmqctl, and sizes
bench_B16() {
	local r size program i
	brokerd_stop
	brokerd_start "$dir/commands" || return
	for i in $(seq 10); do "$B/tdmqctl" topic create "bench-$i" 2>/dev/null; done
	r=$("$B/bench-cmd" 201 "$B/tdmqctl" --help) || return
	row B16 'tdmqctl --help' "$(field p50_ms "$r") ms, $(field max_rss_kib "$r") KiB" - - '3 ms, 6,144 KiB' - \
		"$(met "$(field p50_ms "$r")" '<=' 3 "$(field max_rss_kib "$r")" '<=' 6144)"
	r=$("$B/bench-cmd" 201 "$B/tdmqctl" topic list) || return
	row B16 'tdmqctl topic list' "$(field p50_ms "$r") ms, $(field max_rss_kib "$r") KiB" - - '5 ms, 6,144 KiB' '3 ms' \
		"$(met "$(field p50_ms "$r")" '<=' 5 "$(field max_rss_kib "$r")" '<=' 6144)"
	for program in tdmqctl brokerd; do
		strip -o "$dir/stripped" "$B/$program"
		size=$(($(stat -c %s "$dir/stripped") / 1024))
		row B16 "$program, stripped" "$size KiB" - - '1,536 KiB' - "$(met "$size" '<=' 1536)"
	done
}

# start: empty, with a store, with 10,000 topics
bench_B17() {
	local r
	brokerd_stop
	rm -rf "${dir:?}/start"
	r=$("$B/bench-start" 21 "$B/brokerd" "$dir/start" 2>>"$LOG") || return
	row B17 'exec to first accepted send, empty store' "$(field first_send_p50_ms "$r") ms" - - '20 ms' '10 ms' \
		"$(met "$(field first_send_p50_ms "$r")" '<=' 20)"
	row B17 'stop' "$(field stop_p50_ms "$r") ms" - - '100 ms' - "$(met "$(field stop_p50_ms "$r")" '<=' 100)"
	fresh && bench_load -c 4 -d 64 -n "$N" "$BROKERD" >/dev/null || return
	restart TERM || return
	row B17 "exec to first accepted send, $(thousands "$N") messages of 1 KiB, stopped" "$MS ms" - - '100 ms' '50 ms' "$(met "$MS" '<=' 100)"
	"$B/bench-load" -t many --topics 10000 -q 8 -d 16 -n 10000 "$BROKERD" >/dev/null || return
	restart TERM || return
	row B17 'exec to first accepted send, 10,000 topics, stopped' "$MS ms" - - '100 ms' '50 ms' "$(met "$MS" '<=' 100)"
}
# restart SIGNAL: ends brokerd with it, starts it on the same data; MS is from exec to the first accepted send.
restart() {
	local t0
	kill "-$1" "$broker"
	wait "$broker" 2>/dev/null
	: >"$dir/ready"
	t0=$(date +%s%N)
	brokerd_start "$dir/data" --flush=async && bench_load -n 1 "$BROKERD" >/dev/null || return
	MS=$((($(date +%s%N) - t0) / 1000000))
}

# recovery after kill -9 under load
bench_B18() {
	local gib per load
	fresh || return
	bench_load -c 8 -d 32 -T 8s "$BROKERD" >/dev/null 2>&1 &
	load=$!
	sleep 5
	restart KILL || return
	wait "$load" 2>/dev/null
	gib=$(find "$dir/data/commitlog" -type f -printf '%b\n' | awk '{ s += $1 } END { printf "%.2f", s * 512 / 2^30 }')
	per=$(ratio "$MS" "$(awk -v g="$gib" 'BEGIN { print g * 1000 }')")
	row B18 "recovery after kill -9 under load, warm, $gib GiB in the log" "$MS ms = $per s/GiB" - - '0.25 s/GiB' '0.1 s/GiB' "$(met "$per" '<=' 0.25)"
}

# memory: idle, after B3, after 5,000 connections
bench_B19() {
	local anonymous rss
	[ -n "${anonymous_B3:-}" ] || bench_B3 >/dev/null || return
	[ -n "${anonymous_B12:-}" ] || bench_B12 >/dev/null || return
	brokerd_stop
	brokerd_start "$dir/idle" || return
	sleep 1
	anonymous=$(memory_kib "$broker" Anonymous) rss=$(memory_kib "$broker" Rss)
	row B19 'memory, idle' "$anonymous KiB anonymous, $rss KiB resident" - - '4,096 KiB' '2,048 KiB' "$(met "$anonymous" '<=' 4096)"
	row B19 'memory after B3' "$((anonymous_B3 / 1024)) MiB anonymous, $((rss_B3 / 1024)) MiB resident with the mapped log" \
		"$(if_any "${apache_anonymous_B3:-}" "$((${apache_anonymous_B3:-0} / 1024)) MiB anonymous")" - '64 MiB' '32 MiB' \
		"$(met "$anonymous_B3" '<=' 65536)"
	row B19 'memory after 5,000 busy connections' "$((anonymous_B12 / 1024)) MiB anonymous" - - '100 MiB' '60 MiB' "$(met "$anonymous_B12" '<=' 102400)"
}

# bytes on disk by message
bench_B20() {
	local ours theirs=- begin
	brokerd_stop
	rm -rf "${dir:?}/data"
	brokerd_start "$dir/data" --flush=async || return
	begin=$(log_end "$BROKERD")
	bench_load -c 4 -d 64 -n "$N" "$BROKERD" >/dev/null || return
	ours=$(ratio $(($(log_end "$BROKERD") - begin)) "$N")
	if apache_up ASYNC_FLUSH; then
		begin=$(log_end "$APACHE_BROKER")
		bench_load -c 4 -d 64 -n "$N" "$APACHE_BROKER" >/dev/null && sleep 2
		theirs=$(ratio $(($(log_end "$APACHE_BROKER") - begin)) "$N")
	fi
	row B20 'bytes in the log for a message of 1 KiB, fillers of files included' "$ours" "$theirs" - "Apache's" - \
		"$(met "$(ratio "$ours" "$theirs")" '<=' 1.001)"
}
# What a broker tells of itself (28).
log_end() {
	local header='{"code":28,"language":"OTHER","version":409,"opaque":1,"flag":0}' size
	size=$(printf '\\0\\0\\0\\x%02x' $((${#header} + 4)) ${#header})
	exec 3<>"/dev/tcp/${1%:*}/${1#*:}" || return 1
	printf "$size%s" "$header" >&3
	timeout 2 dd bs=64k count=1 <&3 2>/dev/null | LC_ALL=C grep -ao '"commitLogMaxOffset":"[0-9]*"' | LC_ALL=C tr -cd 0-9
	exec 3>&-
}

# 4 KiB, 100,000 messages in and out each second
bench_B22() {
	fresh && TOPIC=big bench_load -n 4 "$BROKERD" >/dev/null || return
	ALONE=1 COUNT=1 pairs "$B/bench-flow" -t big -s 4096 --rate 100000 -T "${B22_TIME:-10s}" BROKER || return
	row B22 "4 KiB, 100,000/s in and out for ${B22_TIME:-10s}" "$(thousands "${OURS[rate]}")/s, $(times OURS)" - - '100,000/s' - \
		"$(met "${OURS[rate]}" '>=' 99000)"
}

# beside NATS, mosquitto and redis, each with guarantees of its own
bench_B23() {
	local shape
	fresh || return
	for shape in '1 64' '16 1'; do
		# shellcheck disable=SC2086
		set -- $shape
		ALONE=1 pairs bench_load -c "$1" -d "$2" -T "$TIME_EACH" BROKER || return
		brokerd_rate=${OURS[rate]}
		peer nats "$@" 'NATS JetStream, in files, synced every 2 min' "$([ "$1" = 1 ] && echo '1.5 2' || echo '- -')"
		peer mqtt "$@" 'mosquitto, QoS 1, no persistence' "$([ "$1" = 16 ] && echo '1.1 1.2' || echo '- -')"
		peer redis "$@" 'redis XADD, append-only file synced each second' '- -'
	done
}
# peer NAME CONNECTIONS DEPTH WHAT "FLOOR GOAL": its rate beside the one just measured.
peer() {
	local name=$1 port rate why ours=$brokerd_rate
	port=$(free_port)
	why=$(peer_start "$name" "$port") || {
		row B23 "$4, $2 × $3" - "$why" - - - -
		return
	}
	peers+=("$(cat "$dir/peer.pid")")
	kill -STOP "$broker"
	for _ in $(seq "$ROUNDS"); do
		settle
		field rate "$("$B/bench-peer" "$name" -c "$2" -d "$3" -T "$TIME_EACH" "127.0.0.1:$port" | tee -a "$LOG")"
	done >"$dir/peer.rates"
	kill -CONT "$broker"
	peers_stop
	rate=$(median <"$dir/peer.rates")
	# shellcheck disable=SC2086
	set -- "$@" $5
	row B23 "$4, $2 × $3" "$(thousands "$ours")/s" "$(thousands "$rate")/s" "$(ratio "$ours" "$rate")×" "$(if_any "$6" "$6×")" \
		"$(if_any "$7" "$7×")" "$(if_any "$6" "$(met "$(ratio "$ours" "$rate")" '>=' "$6")")"
}
# Starts it, its process in $dir/peer.pid; prints why not.
peer_start() {
	local program=$1
	case $1 in
	nats) program=nats-server ;;
	mqtt) program=mosquitto ;;
	redis) program=redis-server ;;
	esac
	PATH=$PATH:/usr/sbin command -v "$program" >/dev/null || { echo "no $program (make deps DEPS=bench)"; return 1; }
	rm -rf "${dir:?}/peer"
	mkdir "$dir/peer"
	case $1 in
	nats) PATH=$PATH:/usr/sbin nats-server -js -sd "$dir/peer" -a 127.0.0.1 -p "$2" >"$dir/peer.log" 2>&1 & ;;
	redis) redis-server --port "$2" --bind 127.0.0.1 --dir "$dir/peer" --appendonly yes --save '' >"$dir/peer.log" 2>&1 & ;;
	mqtt)
		printf 'listener %s 127.0.0.1\nallow_anonymous true\npersistence false\nmax_inflight_messages 0\n' "$2" >"$dir/peer/conf"
		PATH=$PATH:/usr/sbin mosquitto -c "$dir/peer/conf" >"$dir/peer.log" 2>&1 &
		;;
	esac
	echo $! >"$dir/peer.pid"
	wait_for 10 "$1" answers_tcp "$2" >&2 || { echo "$program does not start"; return 1; }
}
answers_tcp() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
peers_stop() {
	local pid
	for pid in "${peers[@]}"; do
		kill "$pid" 2>/dev/null
		wait_for 10 "end of $pid" pid_gone "$pid" || kill -9 "$pid" 2>/dev/null
	done
	peers=()
	rm -rf "${dir:?}/peer"
}
