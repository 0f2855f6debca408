# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# cutover: programs stay online while they go from a real Apache cluster to brokerd, as `migrate switch` says, and no message
# is lost; steps in the wrong order are refused. Then positions go back to Apache.

part_cutover() {
	local OLD NEW JAVA_PID CUT=$WORK/cutover NAMESRV_PORT='' BROKER_PORT=''
	apache_pair cutover || return
	OLD=$NAMESRV_ADDR
	mkdir -p "$CUT"
	if BROKERD_DATA=$CUT/brokerd brokerd_start; then
		NEW=$NAMESRV_ADDR
		cut_over
	fi
	exec 7>&-
	[ -z "${JAVA_PID:-}" ] || wait "$JAVA_PID" 2>/dev/null
	brokerd_stop
	apache_pair_end
}

# switch_is STATUS NAME REGEX ARGS...: tdmqctl migrate switch status ARGS, from the old cluster to the new one.
switch_is() {
	local status=$1 name=$2 regex=$3
	shift 3
	expect_exit "$status" "cutover: $name" "$regex" "$BIN/tdmqctl" -C new migrate switch status "$@" --from-context old
}

# program LINE: the Java programs do it.
program() {
	echo "$1" >&7
	wait_for 60 "answer to '$1'" grep -q "^\(done\|failed\) $1" "$CUT/java.out"
	grep -q "^done $1" "$CUT/java.out" || not_ok "cutover: programs do '$1'" "$(tail -2 "$CUT/java.out" | tr '\n' ' ')"
}

cut_over() {
	local t="$BIN/tdmqctl" wait=(--wait 30s --interval 200ms)
	"$t" -q context create old -s "$OLD"
	"$t" -q context create new -s "$NEW"
	"$t" -q -C old topic create cut-orders --queues 4
	"$t" -q -C old group create cut-svc
	mkfifo "$CUT/in"
	java_run Cutover "$OLD" "$NEW" cut-orders cut-svc <"$CUT/in" >"$CUT/java.out" 2>"$CUT/java.err" &
	JAVA_PID=$!
	exec 7>"$CUT/in"
	wait_for 60 "the programs" grep -sq '^ready$' "$CUT/java.out" || {
		not_ok 'cutover: the programs start' "$(tail -1 "$CUT/java.err")"
		return
	}
	program 'consumer c1 old'
	program 'consumer c2 old'
	program 'producer p1 old'
	program 'producer p2 old'

	switch_is 9 'consumers wait for the topics' "topic 'cut-orders' is not in the new cluster" some-consumers
	NAMESRV_ADDR=$OLD mqadmin <<-EOF | against cutover
		# the old cluster's metadata is exported
		exportMetadata -c DefaultCluster -f $CUT/export
		+ export .* success
	EOF
	expect 'cutover: and imported' 'created' "$t" -C new migrate run "$CUT/export"
	expect 'cutover: positions by time, previewed' '^cut-svc +cut-orders +brokerd/3 ' \
		"$t" -C new migrate offsets --from-context old --group cut-svc
	expect 'cutover: and set' 'positions set' "$t" -C new migrate offsets --from-context old --all --execute

	switch_is 9 'producers before consumers are refused' "first 'some-consumers'" some-producers
	switch_is 0 'consumers first' 'next: connect a consumer of each group'
	program 'consumer c1 new'
	switch_is 0 'each group has a member there' 'some-consumers +done' some-consumers "${wait[@]}"
	program 'producer p1 new'
	switch_is 0 'the first producer sends there' 'some-producers +done' some-producers "${wait[@]}"
	switch_is 9 'the last consumers may not leave yet' 'producers that still send to the old cluster: 1' all-consumers
	program 'producer p2 new'
	switch_is 9 'retries that wait for their time are seen' 'delayed: [1-9]' all-consumers
	switch_is 0 'the last producer sends there' 'all-producers +done' all-producers "${wait[@]}"
	switch_is 0 'the old cluster is drained' 'drained +done' drained "${wait[@]}"
	switch_is 8 'a deadline is kept' "'all-consumers' is not done within" all-consumers --wait 300ms
	program 'consumer c2 new'
	switch_is 0 'the last consumers are there' 'all-consumers +done' all-consumers "${wait[@]}"
	# A producer is known by its heartbeat, and sends the first one within 30 s.
	wait_for 60 'producers in the new cluster' both_send || not_ok 'cutover: both producers are seen' "see $CUT/clients"
	cut_json
	program end
	if grep -q '^done end sent [1-9][0-9]* received [0-9]* lost 0 ' "$CUT/java.out"; then
		ok "cutover: no message is lost: $(sed -n 's/^done end //p' "$CUT/java.out")"
	else
		not_ok 'cutover: no message is lost' "$(tail -1 "$CUT/java.out")"
	fi
	expect 'cutover: positions go back to Apache by time' 'positions set' \
		"$t" -C old migrate offsets --from-context new --group cut-svc --execute
	expect 'cutover: and are put back' 'put back' "$t" -C old offset undo
}

both_send() {
	"$BIN/tdmqctl" -C new migrate switch status --from-context old --show clients >"$CUT/clients" 2>&1
	[ "$(grep -c '^new *producer' "$CUT/clients")" = 2 ]
}

cut_json() {
	"$BIN/tdmqctl" -C new migrate switch status --from-context old -o json >"$CUT/out.json" 2>&1
	if python3 - "$CUT/out.json" <<-'EOF' >"$CUT/json.out" 2>&1; then
		import json, sys
		d = json.load(open(sys.argv[1]))
		assert d["kind"] == "Switch" and d["done"] and d["safe"] and d["next"] is None, d
		assert [s["done"] for s in d["steps"]] == [True] * 6, d["steps"]
		sides = sorted((c["side"], c["kind"]) for c in d["clients"])
		assert sides == [("new", "consumer")] * 2 + [("new", "producer")] * 2, sides
	EOF
		ok 'cutover: as JSON, all are on the new side'
	else
		not_ok 'cutover: as JSON, all are on the new side' "$(tail -1 "$CUT/json.out")"
	fi
}
