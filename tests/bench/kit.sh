# shellcheck shell=bash disable=SC2034,SC2154 # rows.sh, run.sh and apache.sh share these variables
# SPDX-License-Identifier: Apache-2.0
#
# What the rows of the benchmark share: servers, turns, medians, the table. Sourced by run.sh.
#
# A figure is the median of ROUNDS turns of TIME_EACH. Two sides take turns, A B A B; the ratio is the
# median of the turns' ratios. Who is not measured is stopped (SIGSTOP) meanwhile. CPU is utime + stime of
# the broker's process over the turn, by message. A turn with an error counts for nothing and voids its row.

ROUNDS=${ROUNDS:-3}
TIME_EACH=${TIME_EACH:-2s}
WARM=${WARM:-16} # seconds of load before Apache counts: its compiler
N=${N:-1000000} # messages of the rows that store a given number
TOUCH=${TOUCH:-1500} # MiB of page cache touched before a turn

broker=
peers=()

note() { echo "bench: $*" >&2; }

# field NAME JSON
field() {
	sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" <<<"$2"
}
median() {
	sort -g | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)]; else print "-" }'
}
ratio() { # A B: A / B
	awk -v a="$1" -v b="$2" 'BEGIN { if (b > 0) printf (a < b ? "%.4f\n" : "%.2f\n"), a / b; else print "-" }'
}
thousands() {
	sed -E ':a; s/^([0-9]+)([0-9]{3})/\1,\2/; ta' <<<"${1%.*}"
}

# if_any VALUE TEXT: the text, or - where there is no value.
if_any() {
	if [ -z "$1" ] || [ "$1" = - ]; then echo -; else echo "$2"; fi
}

# row ID WORKLOAD OURS THEIRS RATIO FLOOR GOAL MET
row() {
	printf '| %s | %s | %s | %s | %s | %s | %s | %s |\n' "$@" | tee -a "$RESULTS"
}
# met VALUE OPERATOR FLOOR: yes or NO, or - without a value; a second triple has to hold as well.
met() {
	local out=yes
	while [ $# -ge 3 ]; do
		[ "$1" != - ] || { echo -; return; }
		awk -v a="$1" -v o="$2" -v b="$3" 'BEGIN { exit !(o == ">=" ? a >= b : a <= b) }' || out=NO
		shift 3
	done
	echo "$out"
}

# Percent of the processors that nobody uses, over a second.
idle_now() {
	local a b
	a=$(sed -n 's/^cpu  //p' /proc/stat)
	sleep 1
	b=$(sed -n 's/^cpu  //p' /proc/stat)
	awk -v a="$a" -v b="$b" 'BEGIN {
		split(a, x); split(b, y)
		for (i = 1; i <= 8; i++) all += y[i] - x[i]
		printf "%d", (y[4] + y[5] - x[4] - x[5]) * 100 / all
	}'
}

# --- brokerd ---

# brokerd_start DIR OPTION...: sets BROKERD, its address, and broker, its process.
brokerd_start() {
	local data=$1
	shift
	"$B/brokerd" --nameserver-port=0 --broker-port=0 --data "$data" --auto-create-topics --topic-queues=8 \
		--unlimited --max-connections=20000 "$@" >"$dir/ready" 2>>"$dir/log" &
	broker=$!
	brokerd_ready
}
brokerd_ready() {
	for _ in $(seq 3000); do
		grep -q '^brokerd ready' "$dir/ready" && break
		kill -0 "$broker" 2>/dev/null || { note "brokerd ended: $(tail -1 "$dir/log")"; broker=; return 1; }
		sleep 0.01
	done
	TDMQCTL_NAMESERVER=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/ready")
	BROKERD=$(sed -n 's/.* broker \([^ ]*\).*/\1/p' "$dir/ready")
	export TDMQCTL_NAMESERVER
	[ -n "$BROKERD" ]
}
brokerd_stop() {
	[ -n "$broker" ] || return 0
	kill -CONT "$broker" 2>/dev/null
	kill "$broker" 2>/dev/null
	wait "$broker" 2>/dev/null
	broker=
}
# fresh OPTION...: an empty brokerd, flush async unless said otherwise.
fresh() {
	brokerd_stop
	rm -rf "${dir:?}/data"
	brokerd_start "$dir/data" --flush=async "$@" && bench_load -c 8 -d 32 -T 500ms "$BROKERD" >/dev/null
}

# --- Apache ---

apache_mode= # ASYNC_FLUSH or SYNC_FLUSH: what runs now
apache_why=

# Once: is it there?
apache_prepare() {
	apache_why=$(java_missing) && return 1
	apache_fetch >&2 || { apache_why="its jars cannot be fetched"; return 1; }
	# A broker as it is run: both compilers, a collector for throughput, files of the usual size.
	JAVA_SMALL=(-XX:+UseG1GC -XX:-UsePerfData)
}
# apache_up MODE: the broker, warmed. Fails where there is none.
apache_up() {
	[ -z "$apache_why" ] || return 1
	[ "$apache_mode" != "$1" ] || return 0
	apache_down
	note "starting Apache's broker, $1, and warming it for $WARM s"
	APACHE_HEAP=${APACHE_HEAP:-4g} apache_start "$dir/apache" "flushDiskType=$1" \
		mappedFileSizeCommitLog=1073741824 mappedFileSizeConsumeQueue=6000000 maxIndexNum=20000000 \
		maxHashSlotNum=5000000 diskMaxUsedSpaceRatio=95 >&2 || { apache_why="it does not start"; return 1; }
	apache_mode=$1
	apache_pid=${APACHE_PIDS[-1]}
	bench_load -c 8 -d 32 -T "$((WARM / 2))s" "$APACHE_BROKER" >/dev/null
	bench_load -c 16 -d 1 -T "$((WARM / 2))s" "$APACHE_BROKER" >/dev/null
}
apache_down() {
	[ -n "$apache_mode" ] || return 0
	kill -CONT "${APACHE_PIDS[@]}" 2>/dev/null
	apache_stop
	rm -rf "${dir:?}/apache"
	apache_mode=
}

# --- turns ---

bench_load() { "$B/bench-load" -t "${TOPIC:-bench}" -q 4 -s 1024 "$@"; }

cpu_us() { # PID
	awk -v hz="$(getconf CLK_TCK)" '{ printf "%d\n", ($14 + $15) * 1000000 / hz }' "/proc/$1/stat"
}
memory_kib() { # PID FIELD
	sed -n "s/^$2: *\([0-9]*\).*/\1/p" "/proc/$1/smaps_rollup"
}
# What the turn before left to be written is written first, and memory for the page cache is touched
# once: on a virtual machine its first use is a fault of the host, which would be measured instead.
settle() {
	[ "$TOUCH" = 0 ] || dd if=/dev/zero of="$dir/touch" bs=1M count="$TOUCH" status=none
	rm -f "$dir/touch"
	sync
	sleep 0.3
}
others() { # SIGNAL SIDE: to the other side
	if [ "$2" = ours ]; then
		[ -z "$apache_mode" ] || kill "-$1" "${APACHE_PIDS[@]}"
	else
		[ -z "$broker" ] || kill "-$1" "$broker"
	fi
}
# turn SIDE COMMAND...: one turn; what it printed goes to LAST, CPU a message to LAST_CPU.
turn() {
	local side=$1 pid before after rc
	shift
	pid=$broker
	[ "$side" = ours ] || pid=$apache_pid
	others STOP "$side"
	settle
	before=$(cpu_us "$pid")
	LAST=$("$@")
	rc=$?
	after=$(cpu_us "$pid")
	others CONT "$side"
	LAST_CPU=$(awk -v c=$((after - before)) -v m="$(field msgs "$LAST")" 'BEGIN { printf "%.2f\n", (m > 0 ? c / m : 0) }')
	echo "$row $side $* $LAST cpu_us=$LAST_CPU rc=$rc" >>"$LOG"
	[ "$rc" = 0 ]
}
# pairs COMMAND...: ROUNDS turns of each side; BROKER in the command stands for the address. Sets the medians
# OURS and THEIRS (arrays by figure) and RATIO (ours over theirs, by figure). Without Apache theirs are -.
declare -A OURS THEIRS RATIO
FIGURES="rate p50_us p99_us p999_us cpu"
pairs() {
	local f round side mode=${MODE:-ASYNC_FLUSH} address n=${COUNT:-$ROUNDS}
	rm -f "$dir"/turn.*
	[ -z "$apache_mode" ] || kill -CONT "${APACHE_PIDS[@]}"
	if [ -z "${ALONE:-}" ]; then apache_up "$mode"; fi
	for round in $(seq "$n"); do
		for side in theirs ours; do
			address=$BROKERD
			if [ "$side" = theirs ]; then
				if [ -n "${ALONE:-}" ] || [ "$apache_mode" != "$mode" ]; then continue; fi
				address=$APACHE_BROKER
			fi
			if ! turn "$side" "${@//BROKER/$address}"; then
				[ "$side" = theirs ] && continue # its failures are its own
				note "$row: a turn failed: $LAST"
				return 1
			fi
			for f in $FIGURES; do
				if [ "$f" = cpu ]; then echo "$LAST_CPU"; else field "$f" "$LAST"; fi >>"$dir/turn.$side.$f.$round"
			done
			[ "$side" = theirs ] || sent=$((${sent:-0} + $(field msgs "$LAST")))
		done
	done
	for f in $FIGURES; do
		OURS[$f]=$(cat "$dir"/turn.ours."$f".* | median)
		THEIRS[$f]=$(cat "$dir"/turn.theirs."$f".* 2>/dev/null | median)
		for round in $(seq "$n"); do
			[ -e "$dir/turn.theirs.$f.$round" ] && [ -e "$dir/turn.ours.$f.$round" ] &&
				ratio "$(cat "$dir/turn.ours.$f.$round")" "$(cat "$dir/turn.theirs.$f.$round")"
		done >"$dir/turn.ratio"
		RATIO[$f]=$(median <"$dir/turn.ratio")
	done
}
# verified TOPIC QUEUES: everything of the topic is read back: in order, CRCs right, as many as were acknowledged.
# What the loads had under way at the end of their time is stored and not counted as sent.
verified() {
	local r
	r=$("$B/bench-load" --pull --verify -t "$1" -q "$2" -c "$2" "$BROKERD") || { note "$row: void: $r"; return 1; }
	echo "$row verified $r sent=$sent" >>"$LOG"
	[ "$(field msgs "$r")" -ge "$sent" ] || { note "$row: void: $(field msgs "$r") stored of $sent"; return 1; }
}
rate_and_times() { # ARRAY
	local -n a=$1
	if_any "${a[rate]}" "$(thousands "${a[rate]}")/s, ${a[cpu]} µs CPU, $(times "$1")"
}
times() { # ARRAY
	local -n a=$1
	if_any "${a[p50_us]}" "p50 ${a[p50_us]} p99 ${a[p99_us]} p99.9 ${a[p999_us]} µs"
}
# faster FIGURE: how many times smaller ours is.
faster() {
	if_any "${RATIO[$1]}" "$(ratio 1 "${RATIO[$1]}")"
}
