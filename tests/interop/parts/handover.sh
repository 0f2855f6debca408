# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# handover: one store goes from Apache's broker to brokerd and back, three times, stopped and killed, and in the end damaged:
# after each change of hands the other serves the same (U1, U2). The same session on both writes the same bytes (U3).

part_handover() {
	if [ -n "$JAVA_WHY" ]; then
		skip handover "$JAVA_WHY"
		return
	fi
	rm -rf "$WORK/brokerd" # tasks of other parts cannot go along
	there_and_back
	brokerd_stop
	apache_stop
	rm -rf "$WORK/brokerd" "$WORK/apache"
	same_bytes
	brokerd_stop
	apache_stop
}

# handover_java WHAT STEP...: the program against whoever serves.
handover_java() {
	local what=$1
	shift
	java_run Handover "$NAMESRV_ADDR" brokerd "$SERVING" "$@" >"$WORK/steps" 2>"$WORK/steps.err"
	sed -nE 's/^(ok|not ok) /\1 handover: /p; /^#/p' "$WORK/steps" | say
	grep -q '^done$' "$WORK/steps" || {
		not_ok "handover: $what" "$(grep -m2 -iE 'exception|error' "$WORK/steps.err" | tr '\n' ' ')"
		return 1
	}
}

# Sizes of --dev, so that the index too changes hands as it is.
apache_serves() { # SETTING...
	APACHE_NAME=brokerd apache_start "$WORK/apache" "storePathRootDir=$WORK/brokerd" \
		"storePathCommitLog=$WORK/brokerd/commitlog" maxHashSlotNum=100000 maxIndexNum=400000 \
		flushConsumerOffsetInterval=1000 flushDelayOffsetInterval=1000 autoCreateSubscriptionGroup=true \
		autoCreateTopicEnable=true "$@" || {
		not_ok "handover: Apache starts on the store" "$(tail -3 "$WORK/apache/brokerd.out" "$WORK/apache/broker.log" | tr '\n' ' ')"
		return 1
	}
	SERVING=$APACHE_BROKER
}

# What `store handover` wrote, but for where the servers of this test are.
apache_serves_handed() {
	local settings
	mapfile -t settings < <(grep -vE '^(#|$|namesrvAddr=|listenPort=|brokerIP1=)' "$WORK/brokerd/broker.conf")
	apache_serves "${settings[@]}"
}

apache_killed() {
	kill -9 "${APACHE_PIDS[-1]}"
	wait "${APACHE_PIDS[-1]}" 2>/dev/null
	apache_stop
}

brokerd_adopts() {
	BROKERD_ARGS="--adopt $WORK/brokerd --transaction-timeout 1h" brokerd_start || return
	SERVING=127.0.0.1:$BROKER_PORT
}

# What the broker has said it is on the disk: Apache writes offsets each second.
offsets_are_saved() {
	local a b
	a=$(awk '/^offset ho-svc 0/ { print $4 }' "$WORK/before")
	b=$(awk '/^offset ho-svc 1/ { print $4 }' "$WORK/before")
	grep -sA1 '"ho-orders@ho-svc"' "$WORK/brokerd/config/consumerOffset.json" | grep -q "0:$a,1:$b"
}

# The ledgers of before and after.
same_ledger() { # NAME
	if diff "$WORK/before" "$WORK/now" >"$WORK/diff"; then
		ok "handover: $1: all $(wc -l <"$WORK/now") lines of the ledger are the same"
	else
		not_ok "handover: $1: the ledger is the same" "$(wc -l <"$WORK/diff") lines differ"
		cut -c1-300 "$WORK/diff" | sed 's/^/#   /' | head -8
	fi
}

# Who serves now: serves the same as who served before, adds to it, and writes down what there is then.
turn() { # NAME LABEL
	handover_java "$1" "${LABELS[@]}" "ledger:$WORK/now" "write:$2" "ledger:$WORK/next" || return
	same_ledger "$1"
	LABELS+=("label:$2")
	mv "$WORK/next" "$WORK/before"
}

there_and_back() {
	local round LABELS=()
	NAMESRV_PORT='' BROKER_PORT=''
	apache_serves mappedFileSizeCommitLog=67108864 mappedFileSizeConsumeQueue=600000 || return
	handover_java 'the first session' make write:same "ledger:$WORK/before" || return
	LABELS=(label:same)
	for round in 1 2 3; do
		[ $round = 1 ] || turn "from brokerd to Apache, round $((round - 1))" "a$round" || return
		if [ $round = 2 ]; then
			wait_for 30 'offsets on the disk' offsets_are_saved
			apache_killed
		else
			apache_stop
		fi
		[ $round != 1 ] || cp -r "$WORK/brokerd" "$WORK/apache-store" # for same_bytes
		brokerd_adopts || return
		turn "from Apache$([ $round != 2 ] || echo ', killed,') to brokerd, round $round" "b$round" || return
		if [ $round = 3 ]; then
			kill -9 "$BROKERD_PID"
			wait "$BROKERD_PID" 2>/dev/null
			BROKERD_PID=
			damage
		else
			brokerd_stop
		fi
		expect_exit $((round == 3 ? 3 : 0)) "handover: tdmqctl hands the store over, round $round" '^offsets +[1-9]' \
			"$BIN/tdmqctl" store handover "$WORK/brokerd"
		expect "handover: the store is sound, round $round" '^ok +entries' "$BIN/tdmqctl" store verify "$WORK/brokerd"
		apache_serves_handed || return
	done
	handover_java 'Apache reads after damage' "${LABELS[@]}" "ledger:$WORK/now" || return
	healthy_ledger
	apache_stop
	BROKERD_ARGS="--adopt $WORK/brokerd" brokerd_start || return
	SERVING=127.0.0.1:$BROKER_PORT
	handover_java 'the end' settle:6,5
}

# One bit of one body, and what a kill leaves behind the end (U2).
damage() {
	local log end at
	end=$("$BIN/tdmqctl" store verify "$WORK/brokerd" 2>/dev/null | awk '$2 == "records" { print $4 }')
	log=$(find "$WORK/brokerd/commitlog" -type f | sort | head -1)
	at=$(grep -abo 'body of b2-k7' "$log" | head -1 | cut -d: -f1)
	printf X | dd of="$log" bs=1 seek="$at" conv=notrunc status=none
	printf '\0\0\1\0\xda\xa3\x20\xa7torn' | dd of="$log" bs=1 seek="$end" conv=notrunc status=none
}

# All that was there but the record that was damaged.
healthy_ledger() {
	local lost
	grep -E '^(queue|message|offset|key|group) ' "$WORK/before" | grep -v 'KEYS=b2-k7,' >"$WORK/want"
	grep -E '^(queue|message|offset|key|group) ' "$WORK/now" >"$WORK/have"
	lost=$(grep -vxFf "$WORK/have" "$WORK/want")
	if [ -z "$lost" ]; then
		ok "handover: after a flipped bit and a torn tail Apache serves all $(wc -l <"$WORK/want") healthy lines"
	else
		not_ok "handover: after damage Apache serves all that is healthy" "$(wc -l <<<"$lost") lines are missing"
		cut -c1-300 <<<"$lost" | sed 's/^/#   /' | head -6
	fi
}

# The first session again, on a fresh store of brokerd's; differs.txt lists the fields that may differ, with reasons.
same_bytes() {
	[ -e "$WORK/apache-store" ] || return
	NAMESRV_PORT='' BROKER_PORT=''
	BROKERD_ARGS='--transaction-timeout 1h' brokerd_start || return
	SERVING=127.0.0.1:$BROKER_PORT
	handover_java "brokerd's session" make write:same || return
	brokerd_stop
	expect 'handover: the same session writes the same bytes, but for the listed fields' '^[1-9][0-9]* records, [1-9]' \
		"$INTEROP/same_store.py" "$WORK/apache-store" "$WORK/brokerd" "$INTEROP/differs.txt"
	sed -n 's/ differs .* may$/ differs/p; s/ compared$/ compared/p' "$WORK/out" | sed 's/^/# /'
	rm -rf "$WORK/apache-store"
}
