# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# The same flows of real clients against whoever serves at $NAMESRV_ADDR: Java, Spring, Go, Node, C++ by way of
# Python, mqadmin, tdmqctl.

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
		for name in pull lite assign traced; do
			echo "updateSubGroup -c $cluster -g ${space}java-$name -s true -r 16"
		done
		echo "updateTopic -c $cluster -t ${space}java-pull -r 4 -w 4"
		for lang in spring python; do
			[ -z "$space" ] || continue
			for name in work order fail; do
				echo "updateTopic -c $cluster -t $lang-$name -r 4 -w 4"
			done
			for name in all tag order fail pull; do
				echo "updateSubGroup -c $cluster -g $lang-$name -s true -r 16"
			done
		done
		for lang in java-4-3 java-4-6 java-5-3 steady; do
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
		JAVA_RELEASE=middle client "$WORK/java-4-6" java_run Plain "$NAMESRV_ADDR" java-4-6
		JAVA_RELEASE=new client "$WORK/java-5-3" java_run Plain "$NAMESRV_ADDR" java-5-3
	fi
	[ -n "$JAVA_WHY" ] || {
		client "$WORK/pull" java_run Pull "$NAMESRV_ADDR" '' shop
		JAVA_RELEASE=spring client "$WORK/spring" java_run shop.Shop --rocketmq.name-server="$NAMESRV_ADDR" \
			--rocketmq.producer.group=spring-producer --spring.main.banner-mode=off --logging.level.root=WARN
	}
	if [ -n "$PYTHON_WHY" ]; then
		skip "$1: python" "$PYTHON_WHY"
	else
		HOME=$INTEROP_HOME client "$WORK/python" timeout 150 "$INTEROP_BUILD/python/bin/python" \
			"$INTEROP/python/flow.py" "$NAMESRV_ADDR"
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
	for lang in go node java-4-3 java-4-6 java-5-3 spring; do
		for space in '' shop; do
			key=$(dead_letter "$WORK/$lang${space:+-$space}")
			[ -z "$key" ] || printf '%s\n' '~ 15' "# $lang${space:+, namespace $space}: the refused message is a dead letter" \
				"queryMsgByKey -t %DLQ%${space:+$space%}$lang-fail -k $key" "+ ^[0-9A-Fa-f]{32,56} +\d"
		done
	done | mqadmin | against "$1"
}

# What the traced clients have written, as mqadmin reads it.
traces() { # AGAINST
	sed -n 's/^# traced //p' "$WORK/pull" | while read -r id; do
		printf '%s\n' '~ 15' "# a message's way is found by the traces of its clients" "queryMsgTraceById -i $id" \
			'+ ^Pub +java-pull-producer +.*success' '+ ^Sub +java-traced +.*success'
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
		traces "$1"
		mqadmin_commands "$1"
		[ "$1" != brokerd ] || {
			resend "$1"
			transactions "$1"
			tdmqctl_commands "$1" brokerd V4_9_8
			killed
		}
	fi
}

# The same commands, with the same results, whoever serves. Topics and groups of the import are new to the server.
tdmqctl_commands() { # AGAINST BROKER VERSION
	local AGAINST=$1 shop=$INTEROP/../data/apache/shop/rocketmq-metadata-export.json
	local odd=$INTEROP/../data/apache/odd/rocketmq-metadata-export.json id task
	ctl 'lists the cluster' 'DefaultCluster' cluster list
	ctl 'describes the cluster' "$2" cluster describe
	ctl 'lists the brokers' "$2.*127.0.0.1:" broker list
	ctl 'reads the broker figures' "brokerVersionDesc +$3" broker stats "$2"
	ctl 'counts the lag of a broker' 'GROUP' broker lag "$2"
	ctl 'reads the settings of a broker' 'fileReservedTime +72' broker config get fileReservedTime
	ctl 'changes a setting of a broker' 'fileReservedTime: 72 -> 48' broker config set fileReservedTime=48 --yes
	ctl 'sees that change' 'fileReservedTime +48' broker config get fileReservedTime
	ctl 'lists the name servers' ' ok .* [12]$' nameserver list
	ctl 'reads the settings of a name server' 'orderMessageEnable +(true|false)' nameserver config get
	ctl 'changes a setting of a name server' '' nameserver config set orderMessageEnable=true --yes
	ctl 'sets a text' '' nameserver kv set ctl=v --kv-namespace CTL
	ctl 'reads the text' 'ctl +v' nameserver kv list --kv-namespace CTL
	ctl 'deletes the text' '' nameserver kv delete ctl --kv-namespace CTL --yes
	ctl 'drains a broker' 'drained' broker drain "$2" --yes
	ctl 'lets producers in again' 'written to again' broker undrain "$2"
	ctl 'cleans a broker' 'cleaned' broker cleanup "$2" --commit-log --consume-queues --unused-topics --yes
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
