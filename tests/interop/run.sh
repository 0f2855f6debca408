#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Real clients against brokerd, and tdmqctl against real servers and brokerd alike.
#
#	tests/interop/run.sh [brokerd] [store] [apache] [prove]
#
#	brokerd		Java, Go and Node clients, mqadmin and tdmqctl against build/brokerd
#	store		what brokerd has stored is read and continued by Apache's broker, and the other way
#	apache		tdmqctl against Apache's name server and broker
#	prove		the same clients against Apache: do the tests themselves tell the truth?
#
# Without an argument: brokerd, store and apache. Prints TAP without numbers; the last line counts it. Needs, besides the
# build: openjdk-17-jdk-headless maven, golang, nodejs npm; what is absent is skipped with a reason. Jars, modules and
# packages are fetched through mvn, go and npm into build/interop. KEEP=1 keeps what the servers left.

set -u
# shellcheck source-path=SCRIPTDIR source=apache.sh
. "$(dirname "$0")/apache.sh"
BIN=${B:-$INTEROP/../../build}
BIN=$(cd "$BIN" && pwd)
WORK=$(mktemp -d "$INTEROP_BUILD/run.XXXXXX")
RESULTS=$WORK/results
: >"$RESULTS"
BROKERD_PID=
export INTEROP_HOME=$WORK/home EXPORT_DIR=$WORK/export
export XDG_CONFIG_HOME=$WORK/xdg XDG_STATE_HOME=$WORK/xdg

cleanup() {
	brokerd_stop
	apache_stop
	if [ -n "${KEEP:-}" ]; then echo "# kept: $WORK"; else rm -rf "$WORK"; fi
}
trap cleanup EXIT

say() { tee -a "$RESULTS"; }
ok() { echo "ok $1" | say; }
not_ok() { printf 'not ok %s\n# %s\n' "$1" "$2" | say; }
# Standard input is TAP of a program: claim by claim the same, with who it was tried against, and no other talk.
against() {
	sed -nE "s/^(ok|not ok) /\\1 $1: /p; /^#/p" | say
}
skip() { echo "ok $1 # skip $2" | say; }

# expect NAME REGEX COMMAND...: the command succeeds, and a line of its output matches.
expect() {
	expect_exit 0 "$@"
}

# expect_exit STATUS NAME REGEX COMMAND...: as expect, for a command that should end otherwise.
expect_exit() {
	local status=$1 name=$2 regex=$3 rc
	shift 3
	timeout 60 "$@" >"$WORK/out" 2>&1 </dev/null
	rc=$?
	if [ $rc -ne "$status" ]; then
		not_ok "$name" "exit status $rc, not $status: $*"
	elif ! grep -Eq -- "$regex" "$WORK/out"; then
		not_ok "$name" "no line matches '$regex': $*"
	else
		ok "$name"
		return 0
	fi
	sed 's/^/#   /' "$WORK/out" | head -20
	return 1
}

# ---- what is needed

fetch() {
	JAVA_WHY=$(java_missing) || JAVA_WHY=
	[ -n "$JAVA_WHY" ] || apache_fetch || JAVA_WHY="the jars cannot be fetched"
	GO_WHY=
	if ! command -v go >/dev/null; then
		GO_WHY="no go (Debian: golang)"
	else
		(cd "$INTEROP/go" && go build -o "$INTEROP_BUILD/goflow" .) >&2 ||
			GO_WHY="the modules cannot be fetched"
	fi
	NODE_WHY=
	if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
		NODE_WHY="no node and npm (Debian: nodejs npm)"
	elif [ ! -e "$INTEROP_BUILD/node/.done" ] || [ "$INTEROP/node/package.json" -nt "$INTEROP_BUILD/node/.done" ]; then
		mkdir -p "$INTEROP_BUILD/node"
		cp "$INTEROP/node/package.json" "$INTEROP_BUILD/node/"
		if (cd "$INTEROP_BUILD/node" && npm install --no-package-lock --no-audit --no-fund --silent) >&2; then
			touch "$INTEROP_BUILD/node/.done"
		else
			NODE_WHY="the packages cannot be fetched"
		fi
	fi
}

# ---- brokerd

# Ports are chosen here, because the oldest clients send to the broker's less 2, and because a second start
# has to be where the clients look for it.
brokerd_start() {
	NAMESRV_PORT=${NAMESRV_PORT:-$(free_port)}
	BROKER_PORT=${BROKER_PORT:-$(free_port)}
	"$BIN/brokerd" --dev --data "$WORK/brokerd" --transaction-timeout 500ms --transaction-check-interval 1s --nameserver-port "$NAMESRV_PORT" --broker-port "$BROKER_PORT" \
		>"$WORK/brokerd.out" 2>"$WORK/brokerd.log" &
	BROKERD_PID=$!
	wait_for 10 "ready line of brokerd" grep -sq '^brokerd ready: ' "$WORK/brokerd.out" || {
		not_ok "brokerd: starts" "$(tail -3 "$WORK/brokerd.log" | tr '\n' ' ')"
		return 1
	}
	export NAMESRV_ADDR=127.0.0.1:$NAMESRV_PORT
}

brokerd_stop() {
	[ -n "$BROKERD_PID" ] || return 0
	kill "$BROKERD_PID" 2>/dev/null
	wait_for 5 "end of brokerd" pid_gone "$BROKERD_PID" || kill -9 "$BROKERD_PID" 2>/dev/null
	wait "$BROKERD_PID" 2>/dev/null
	BROKERD_RC=$?
	BROKERD_PID=
}

# ---- clients

# The topics and groups that the programs expect, in the default namespace and in shop.
make_resources() {
	local space lang name cluster
	cluster=$(printf 'clusterList\n' | mqadmin | awk '$3 == "0" { print $1; exit }')
	for space in '' shop%; do
		for lang in java go node; do
			for name in work order fail; do
				echo "updateTopic -c $cluster -t $space$lang-$name -r 4 -w 4"
			done
			for name in all tag sql order fail cast tx; do
				echo "updateSubGroup -c $cluster -g $space$lang-$name -d true -s true -r 16"
			done
		done
		for lang in java-4-3 java-5-3 steady; do
			[ -z "$space" ] || continue
			for name in work fail; do
				echo "updateTopic -c $cluster -t $lang-$name -r 4 -w 4"
			done
			for name in all tag fail; do
				echo "updateSubGroup -c $cluster -g $lang-$name -s true -r 16"
			done
		done
	done | mqadmin >"$WORK/resources.out"
	! grep -q Exception "$WORK/resources.out" || {
		not_ok "$1: topics and groups are created with mqadmin" "$(grep -m1 'CODE\|Exception' "$WORK/resources.out")"
		return 1
	}
	ok "$1: topics and groups are created with mqadmin"
}

# client OUT COMMAND...: in the background; its output is shown when all are done.
client() {
	local out=$1
	shift
	{ "$@" >"$out" 2>"$out.err" || echo "# exit status $? of $1" >>"$out"; } &
	CLIENTS+=($!)
	OUTPUTS+=("$out")
}

# One language in both namespaces, or the reason why not. The JVM of the second speaks binary headers.
clients() { # AGAINST
	local out pid begun=$SECONDS
	CLIENTS=() OUTPUTS=()
	if [ -n "$JAVA_WHY" ]; then
		skip "$1: java" "$JAVA_WHY"
	else
		client "$WORK/java" java_run Flow "$NAMESRV_ADDR" ''
		client "$WORK/java-shop" java_run -Drocketmq.serialize.type=ROCKETMQ Flow "$NAMESRV_ADDR" shop
		JAVA_RELEASE=old client "$WORK/java-4-3" java_run Plain "$NAMESRV_ADDR" java-4-3
		JAVA_RELEASE=new client "$WORK/java-5-3" java_run Plain "$NAMESRV_ADDR" java-5-3
	fi
	if [ -n "$GO_WHY" ]; then
		skip "$1: go" "$GO_WHY"
	else
		client "$WORK/go" timeout 150 "$INTEROP_BUILD/goflow" "$NAMESRV_ADDR" ''
		client "$WORK/go-shop" timeout 150 "$INTEROP_BUILD/goflow" "$NAMESRV_ADDR" shop
	fi
	if [ -n "$NODE_WHY" ]; then
		skip "$1: node" "$NODE_WHY"
	else
		export NODE_PATH=$INTEROP_BUILD/node/node_modules
		client "$WORK/node" timeout 150 node "$INTEROP/node/flow.js" "$NAMESRV_ADDR" ''
		client "$WORK/node-shop" timeout 150 node "$INTEROP/node/flow.js" "$NAMESRV_ADDR" shop
	fi
	for pid in "${CLIENTS[@]}"; do wait "$pid"; done
	echo "# clients: $((SECONDS - begun)) s"
	for out in "${OUTPUTS[@]}"; do
		against "$1" <"$out"
		grep -Eq '^(ok|not ok) ' "$out" || {
			not_ok "$1: $(basename "$out") runs" "it said nothing"
			head -20 "$out.err" | sed 's/^/#   /'
		}
	done
}

dead_letter() { # OUTPUT
	sed -n 's/^# dead letter //p' "$1" 2>/dev/null
}

# These programs cannot look into a dead letter topic themselves.
dead_letters() { # AGAINST
	local lang space key
	for lang in go node java-4-3 java-5-3; do
		for space in '' shop; do
			key=$(dead_letter "$WORK/$lang${space:+-$space}")
			[ -z "$key" ] || printf '%s\n' '~ 15' "# $lang${space:+, namespace $space}: the refused message is a dead letter" \
				"queryMsgByKey -t %DLQ%${space:+$space%}$lang-fail -k $key" "+ ^[0-9A-Fa-f]{32,56} +\d"
		done
	done | mqadmin | against "$1"
}

mqadmin_commands() { # AGAINST
	mqadmin <"$INTEROP/mqadmin.txt" | against "$1"
}

# A dead letter that tdmqctl sends again reaches its consumer under its own topic.
resend() { # AGAINST
	local space key
	for space in '' shop; do
		key=$(dead_letter "$WORK/java${space:+-$space}")
		[ -n "$key" ] || continue
		expect "$1: tdmqctl resends a dead letter${space:+ of namespace $space}" . \
			"$BIN/tdmqctl" -s "$NAMESRV_ADDR" -N "$space" dlq resend java-fail --all --yes &&
			client_now "$1" Flow "$NAMESRV_ADDR" "$space" redelivered "$key"
	done
}

client_now() { # AGAINST CLASS ARGS...
	local against=$1
	shift
	java_run "$@" 2>"$WORK/now.err" | against "$against"
}

transactions() { # AGAINST
	local space
	for space in '' shop; do client_now "$1" Transaction "$NAMESRV_ADDR" "$space" 20; done
}

# A Java client sends and consumes while brokerd is killed and started again behind its back.
killed() {
	client "$WORK/steady" java_run Plain "$NAMESRV_ADDR" steady steady 500
	if wait_for 30 "traffic" grep -sq '^now' "$WORK/steady.err"; then
		kill -9 "$BROKERD_PID"
		wait "$BROKERD_PID" 2>/dev/null
		BROKERD_PID=
		sleep 1
		brokerd_start || return
	fi
	wait "${CLIENTS[-1]}"
	against brokerd <"$WORK/steady"
}

against_clients() { # AGAINST
	[ -n "$JAVA_WHY" ] || make_resources "$1" || return
	clients "$1"
	if [ -n "$JAVA_WHY" ]; then
		skip "$1: mqadmin" "$JAVA_WHY"
	else
		dead_letters "$1"
		mqadmin_commands "$1"
		[ "$1" != brokerd ] || {
			resend "$1"
			transactions "$1"
			tdmqctl_commands "$1" brokerd V4_9_8
			killed
		}
	fi
}

against_brokerd() {
	brokerd_start || return
	against_clients brokerd
	[ ! -e "$EXPORT_DIR/metadata.json" ] ||
		expect "brokerd: tdmqctl reads what mqadmin exported from it" 'java-work|namespace' \
			"$BIN/tdmqctl" migrate inspect "$EXPORT_DIR/metadata.json"
	brokerd_stop
	if [ "$BROKERD_RC" = 0 ]; then
		ok "brokerd: stops cleanly"
	else
		not_ok "brokerd: stops cleanly" "status $BROKERD_RC: $(tail -3 "$WORK/brokerd.log" | tr '\n' ' ')"
	fi
}

# ---- one store, two brokers

# The same directory under brokerd, Apache and brokerd again; each adds to it and finds what is there.
handed_over() {
	local dir=$WORK/brokerd
	brokerd_start || return
	mqadmin >"$WORK/status" <<-'EOF'
		updateTopic -c DefaultCluster -t handed-over -r 2 -w 2
		sendMessage -t handed-over -p 'from brokerd' -k from-brokerd -i 0 -b brokerd
		topicStatus -t handed-over
	EOF
	brokerd_stop
	APACHE_NAME=brokerd apache_start "$WORK/apache" "storePathRootDir=$dir" "storePathCommitLog=$dir/commitlog" \
		maxHashSlotNum=100000 maxIndexNum=400000 \
		"mappedFileSizeCommitLog=$(first_size "$dir/commitlog")" \
		"mappedFileSizeConsumeQueue=$(first_size "$dir/consumequeue")" || {
		not_ok 'store: Apache starts on it' "see the log"
		return
	}
	mqadmin <<-'EOF' | against store
		updateTopic -c DefaultCluster -t handed-over -r 2 -w 2
		# Apache counts what brokerd wrote
		topicStatus -t handed-over
		+ ^brokerd +0 +0 +1 +\d{4}-
		# Apache reads it
		queryMsgByOffset -t handed-over -b brokerd -i 0 -o 0
		+ ^body: from brokerd$
		# Apache finds it by key
		queryMsgByKey -t handed-over -k from-brokerd
		+ ^[0-9A-F]{32,56} +0 +0$
		# Apache adds to it
		sendMessage -t handed-over -p 'from Apache' -k from-apache -i 0 -b brokerd
		+ SEND_OK
	EOF
	apache_stop
	brokerd_start || return
	mqadmin <<-'EOF' | against store
		# brokerd counts what both wrote
		topicStatus -t handed-over
		+ ^brokerd +0 +0 +2 +\d{4}-
		# brokerd reads what Apache wrote
		queryMsgByOffset -t handed-over -b brokerd -i 0 -o 1
		+ ^body: from Apache$
		# brokerd finds it by key
		queryMsgByKey -t handed-over -k from-apache
		+ ^[0-9A-F]{32,56} +0 +1$
		# brokerd adds to it
		sendMessage -t handed-over -p 'from brokerd again' -i 0 -b brokerd
		+ SEND_OK
		# and reads that
		queryMsgByOffset -t handed-over -b brokerd -i 0 -o 2
		+ ^body: from brokerd again$
	EOF
	brokerd_stop
}

# The sizes of files are settings of Apache's, and decide where it looks; those of the index are the ones of --dev.
first_size() {
	find "$1" -type f -printf '%s\n' -quit
}

# ---- tdmqctl against both

ctl() { # NAME REGEX ARGS...
	ctl_exit 0 "$@"
}

ctl_exit() { # STATUS NAME REGEX ARGS...
	local status=$1 name=$2 regex=$3
	shift 3
	expect_exit "$status" "$AGAINST: tdmqctl $name" "$regex" "$BIN/tdmqctl" -s "$NAMESRV_ADDR" "$@"
}

# The same commands, with the same results, whoever serves. Topics and groups of the import are new to the server.
tdmqctl_commands() { # AGAINST BROKER VERSION
	local AGAINST=$1 shop=$INTEROP/../data/apache/shop/rocketmq-metadata-export.json
	local odd=$INTEROP/../data/apache/odd/rocketmq-metadata-export.json id task
	ctl 'lists the cluster' 'DefaultCluster' cluster list
	ctl 'describes the cluster' "$2" cluster describe
	ctl 'lists the brokers' "$2.*127.0.0.1:" broker list
	ctl 'reads the broker figures' "brokerVersionDesc +$3" broker stats "$2"
	if [ "$1" = brokerd ]; then
		ctl 'creates a namespace' 'created' namespace create ctl
		ctl 'lists the namespace' '^ctl$' namespace list -o name
	else
		ctl_exit 11 'says that there are no namespace objects' 'no namespaces of its own' namespace create ctl
	fi
	ctl 'creates a topic' 'created' topic create ctl-orders -N ctl --queues 4
	ctl 'lists the topic in its namespace' '^ctl-orders$' topic list -N ctl -o name
	ctl 'describes the topic' '^queues: +4$' topic describe ctl-orders -N ctl
	ctl 'changes the topic' '' topic update ctl-orders -N ctl --queues 6
	ctl 'sees the change' '^queues: +6$' topic describe ctl-orders -N ctl
	ctl 'creates a group' 'created' group create ctl-svc -N ctl --retry-max 3
	ctl 'lists the group' '^ctl-svc$' group list -N ctl -o name
	java_run Fail "$NAMESRV_ADDR" ctl:ctl-orders:ctl-svc:3 >"$WORK/fail.out" 2>&1 ||
		not_ok "$1: a client refuses" "$(tail -1 "$WORK/fail.out")"
	ctl 'sends' '' message send ctl-orders -N ctl --body 'from tdmqctl' --key ctl-1 --tag tagged
	ctl 'finds a message by key' 'ctl-1' message query ctl-orders -N ctl --key ctl-1
	id=$("$BIN/tdmqctl" -s "$NAMESRV_ADDR" message query ctl-orders -N ctl --key ctl-1 -o name 2>/dev/null | head -1)
	ctl 'shows a message by id' 'from tdmqctl' message get "$id" --topic ctl-orders -N ctl
	ctl 'finds messages of the last hour' 'refused-2' message query ctl-orders -N ctl --since 1h
	ctl 'counts the lag' '"lag": ?1[,}]' group lag ctl-svc -N ctl -o json
	ctl 'reads offsets' 'ctl-orders' offset get ctl-svc -N ctl
	ctl 'lists dead letters' 'ctl-svc +3 ' dlq list -N ctl
	ctl 'queries dead letters' 'refused-1' dlq query ctl-svc -N ctl
	ctl 'resends dead letters' '3 letter' dlq resend ctl-svc -N ctl --all --yes
	ctl 'inspects a real export' 'logistics' migrate inspect "$shop"
	ctl 'plans an import' 'audit-log' migrate plan "$shop"
	ctl 'imports' '18 topics.*11 groups created' migrate run "$shop"
	ctl 'imported the topics' '^parcels$' topic list -N logistics -o name
	ctl 'imported the groups' '^tracker$' group list -N logistics -o name
	ctl 'finds all there on a second run' 'ALREADY_EXISTS' migrate run "$shop"
	task=$("$BIN/tdmqctl" -s "$NAMESRV_ADDR" migrate list -o name 2>/dev/null | tail -1)
	ctl 'lists its tasks' 'rocketmq-metadata-export' migrate list
	ctl 'shows a task' 'tracker' migrate status "$task"
	ctl 'plans an export with names it cannot take' 'INVALID_NAME' migrate plan "$odd"
	ctl 'deletes a topic' '' topic delete ctl-orders -N ctl --yes
	ctl 'deletes a group' '' group delete ctl-svc -N ctl --yes
	[ "$1" != brokerd ] || ctl 'deletes a namespace' '' namespace delete ctl --yes
	printf '%s\n' '# what tdmqctl imported is there, what it deleted is not' topicList \
		'+ ^logistics%parcels$' '+ ^legacy_orders$' '- ctl-orders' | mqadmin | against "$1"
}

# Apache's servers listen on every interface; where the kernel lets us, they and their clients run in a network of
# their own, which has the loopback interface alone. Its second address is for clients that want one of a real machine.
alone() {
	local how
	[ -z "${INTEROP_ALONE:-}" ] || {
		hostname localhost
		ip link set lo up && ip address add 192.0.2.1/32 dev lo
		return
	}
	command -v ip >/dev/null || return 0
	for how in -nu -rnu; do
		if unshare $how ip link set lo up 2>/dev/null; then
			rm -rf "$WORK"
			INTEROP_ALONE=1 exec unshare $how "$INTEROP/run.sh" "$@"
		fi
	done
}

[ $# -gt 0 ] || set -- brokerd store apache
fetch
alone "$@"
for part; do
	begun=$SECONDS
	case $part in
	brokerd)
		against_brokerd
		;;
	store)
		if [ -n "$JAVA_WHY" ]; then skip store "$JAVA_WHY"; else handed_over; fi
		apache_stop
		;;
	apache | prove)
		if [ -n "$JAVA_WHY" ]; then
			skip "$part" "$JAVA_WHY"
		elif ! apache_start "$WORK/apache"; then
			not_ok "$part: the servers start" "see $WORK/apache"
		elif [ "$part" = apache ]; then
			tdmqctl_commands apache broker-a V4_9_7
		else
			FIRST_PAUSE_MS=9500 against_clients prove
		fi
		apache_stop
		rm -rf "$WORK/apache"
		;;
	*)
		die "no part '$part'"
		;;
	esac
	echo "# $part: $((SECONDS - begun)) s"
done

skipped=$(grep -c '^ok .*# skip' "$RESULTS")
passed=$(($(grep -c '^ok ' "$RESULTS") - skipped))
failed=$(grep -c '^not ok ' "$RESULTS")
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
