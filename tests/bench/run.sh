#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run.sh [start|commands|import|send ...]: the figures the project promises, as a table in Markdown.
# `send` measures Apache RocketMQ beside brokerd, turn by turn in one run: both flush
# asynchronously, keep their index and statistics, and get the same load from the same program. Who
# is not measured is stopped meanwhile, so that its threads cost the other nothing.
set -eu
cd "$(dirname "$0")/../.."
B=${B:-build}
ROUNDS=${ROUNDS:-5}
TIME_EACH=${TIME_EACH:-4s}
dir=$(mktemp -d "${TMPDIR:-/tmp}/tdmq-bench.XXXXXX")
broker=
cleanup() {
	[ -z "$broker" ] || kill "$broker" 2>/dev/null || true
	if declare -F apache_stop >/dev/null; then
		kill -CONT "${APACHE_PIDS[@]}" 2>/dev/null
		apache_stop
	fi
	rm -rf "$dir"
}
trap cleanup EXIT

field() { # NAME JSON
	sed -n "s/.*\"$1\":\([0-9.-]*\).*/\1/p" <<<"$2"
}
median() {
	sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}
row() { # WHAT MEASURED LIMIT
	printf '| %s | %s | %s |\n' "$1" "$2" "$3"
}

start_brokerd() { # OPTION...
	"$B/brokerd" --nameserver-port=0 --broker-port=0 "$@" >"$dir/ready" 2>"$dir/log" &
	broker=$!
	for _ in $(seq 500); do
		grep -q '^brokerd ready' "$dir/ready" && break
		sleep 0.01
	done
	TDMQCTL_NAMESERVER=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/ready")
	BROKERD=$(sed -n 's/.* broker \([^ ]*\).*/\1/p' "$dir/ready")
	export TDMQCTL_NAMESERVER
}
stop_brokerd() {
	kill "$broker"
	wait "$broker" || true
	broker=
}

bench_start() {
	local r
	r=$("$B/bench-start" 21 "$B/brokerd" "$dir/start")
	row 'brokerd: exec to first accepted send, empty store' "$(field first_send_p50_ms "$r") ms" '20 ms'
	row 'brokerd: anonymous memory, idle' "$(field idle_anonymous_kib "$r") KiB" '4096 KiB'
	row 'brokerd: stop' "$(field stop_p50_ms "$r") ms" '100 ms'
}

bench_commands() {
	local r size
	start_brokerd --dev --data "$dir/commands"
	for i in $(seq 10); do "$B/tdmqctl" topic create "bench-$i" 2>/dev/null; done
	r=$("$B/bench-cmd" 201 "$B/tdmqctl" --help)
	row 'tdmqctl --help: time' "$(field p50_ms "$r") ms" '3 ms'
	row 'tdmqctl --help: memory' "$(field max_rss_kib "$r") KiB" '6144 KiB'
	r=$("$B/bench-cmd" 201 "$B/tdmqctl" topic list)
	row 'tdmqctl topic list: time' "$(field p50_ms "$r") ms" '5 ms'
	row 'tdmqctl topic list: memory' "$(field max_rss_kib "$r") KiB" '6144 KiB'
	stop_brokerd
	for program in tdmqctl brokerd; do
		strip -o "$dir/stripped" "$B/$program"
		size=$(stat -c %s "$dir/stripped")
		row "$program, stripped" "$((size / 1024)) KiB" '1536 KiB'
	done
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

bench_import() {
	local round t0 t1
	make_export 1000 1000 >"$dir/export.json"
	for round in $(seq "$ROUNDS"); do
		start_brokerd --unlimited --data "$dir/import-$round"
		t0=$(date +%s%N)
		"$B/tdmqctl" migrate run "$dir/export.json" --target cluster -o json >/dev/null 2>"$dir/import.err" ||
			{ cat "$dir/import.err" >&2; return 1; }
		t1=$(date +%s%N)
		echo $(((t1 - t0) / 1000000)) >>"$dir/import-ms"
		stop_brokerd
	done
	row 'import of 1,000 topics + 1,000 groups, each durable' "$(median <"$dir/import-ms") ms" '1000 ms'
}

# What the turn before left to be written is written first, and memory for the page cache is touched
# once: on a virtual machine its first use is a fault of the host, which would be measured instead.
load() { # ADDRESS CONNECTIONS IN-FLIGHT
	dd if=/dev/zero of="$dir/touch" bs=1M count=2500 status=none
	rm "$dir/touch"
	sync
	sleep 1
	field rate "$("$B/bench-load" -t bench -q 4 -c "$2" -d "$3" -s 1024 -T "$TIME_EACH" "$1")"
}

bench_send() {
	local shape c d apache=$dir/apache round a b
	set +e # apache.sh looks at what its commands return
	# shellcheck source=tests/interop/apache.sh
	. tests/interop/apache.sh
	apache_fetch || exit
	# A broker as it is run: both compilers, a collector for throughput, files of the usual size.
	JAVA_SMALL=(-XX:+UseG1GC -XX:-UsePerfData)
	APACHE_HEAP=${APACHE_HEAP:-4g} apache_start "$apache" mappedFileSizeCommitLog=1073741824 \
		mappedFileSizeConsumeQueue=6000000 maxIndexNum=20000000 maxHashSlotNum=5000000 || exit
	start_brokerd --unlimited --data "$dir/send" --flush=async --auto-create-topics
	load "$APACHE_BROKER" 8 32 >/dev/null # warm: the compiler has seen the path
	load "$APACHE_BROKER" 8 32 >/dev/null
	load "$BROKERD" 8 32 >/dev/null
	for shape in 1x64 16x1; do
		c=${shape%x*} d=${shape#*x}
		: >"$dir/a" && : >"$dir/b" && : >"$dir/ratio"
		for round in $(seq "$ROUNDS"); do
			kill -STOP "$broker"
			a=$(load "$APACHE_BROKER" "$c" "$d")
			kill -CONT "$broker"
			kill -STOP "${APACHE_PIDS[@]}"
			b=$(load "$BROKERD" "$c" "$d")
			kill -CONT "${APACHE_PIDS[@]}"
			echo "$a" >>"$dir/a"
			echo "$b" >>"$dir/b"
			awk -v a="$a" -v b="$b" 'BEGIN { printf "%.2f\n", b / a }' >>"$dir/ratio"
		done
		row "send 1 KiB, flush async, $c connection(s) × $d in flight: brokerd / Apache" \
			"$(median <"$dir/b") / $(median <"$dir/a") msg/s = $(median <"$dir/ratio")×" '3×'
	done
	stop_brokerd
	apache_stop
}

echo '| figure | measured (median) | promised |'
echo '|---|---|---|'
for part in "${@:-start commands import send}"; do
	for p in $part; do "bench_$p"; done
done
