# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# mixed: one cluster of Apache's broker (broker-a) and brokerd: behind Apache's name server, then behind brokerd's.

part_mixed() {
	if [ -n "$JAVA_WHY" ]; then
		skip mixed "$JAVA_WHY"
		return
	fi
	apache_pair mixed && behind_apache
	apache_pair_end
	brokerd_stop
	behind_brokerd
	apache_pair_end
	brokerd_stop
}

behind_apache() {
	local AGAINST='mixed, Apache'\''s name server' namesrv=$NAMESRV_ADDR
	NAMESRV_PORT='' BROKER_PORT=''
	BROKERD_ARGS="--nameserver 127.0.0.1:1;$namesrv" brokerd_start || return
	NAMESRV_ADDR=$namesrv
	wait_for 20 "brokerd at Apache's name server" answers "$namesrv" 106 '"brokerd"' || return
	both_serve mixed-a
	a_name_server_restarts
	brokerd_stop
	one_is_left mixed-a broker-a brokerd
}

behind_brokerd() {
	local AGAINST="mixed, brokerd's name server"
	APACHE_DIR=$WORK/apache
	apache_home "$APACHE_DIR"
	NAMESRV_PORT='' BROKER_PORT=''
	if ! brokerd_start || ! apache_broker broker-a; then
		not_ok "$AGAINST: the servers start" "see $APACHE_DIR"
		return
	fi
	both_serve mixed-b
	ctl 'makes a namespace where there are any' created namespace create mixed
	one_hangs
	kill -9 "${APACHE_PIDS[-1]}"
	wait "${APACHE_PIDS[-1]}" 2>/dev/null
	wait_for 10 "end of broker-a" no_broker broker-a
	one_is_left mixed-b brokerd broker-a
}

no_broker() { ! answers "$NAMESRV_ADDR" 106 "\"$1\""; }

both_serve() { # TOPIC
	mqadmin <<-EOF | against "$AGAINST"
		# clusterList shows both
		clusterList
		+ ^DefaultCluster +broker-a +0 +127\.0\.0\.1:
		+ ^DefaultCluster +brokerd +0 +127\.0\.0\.1:
		# a topic is made on both
		updateTopic -c DefaultCluster -t $1 -r 4 -w 4
		+ create topic to 127.*\n.*create topic to 127
		# its route has both at once
		topicRoute -t $1
		+ "brokerName":"broker-a"
		+ "brokerName":"brokerd"
		updateSubGroup -c DefaultCluster -g $1-all
	EOF
	mixed_client "$1" broker-a,brokerd
	mqadmin <<-EOF | against "$AGAINST"
		# messages of both are counted
		topicStatus -t $1
		+ ^broker-a +3 +0 +[1-9]
		+ ^brokerd +3 +0 +[1-9]
		# writers are turned away from one
		wipeWritePerm -b brokerd
		+ wipe write perm of broker\[brokerd\].* [1-9]
	EOF
	mixed_client "$1" broker-a
	mqadmin <<-EOF | against "$AGAINST"
		# and let in again
		addWritePerm -b brokerd
		+ add write perm of broker\[brokerd\].* [1-9]
	EOF
	mixed_client "$1" broker-a,brokerd
	ctl 'lists both brokers' '^broker-a.*127.0.0.1:' broker list
	ctl 'creates a topic on both' 'broker-a, brokerd' topic create "$1-ctl" --queues 1
	ctl 'sends to one' 'brokerd' message send "$1-ctl" --body x --queue brokerd/0
	ctl 'and to the other' 'broker-a' message send "$1-ctl" --body y --queue broker-a/0
	ctl 'finds what one has' '^brokerd.* 1 ' topic stats "$1-ctl"
	ctl 'and the other' '^broker-a.* 1 ' topic stats "$1-ctl"
	ctl 'deletes it on both' '' topic delete "$1-ctl" --yes
	ctl_exit 4 'it is gone' '' topic describe "$1-ctl"
}

mixed_client() { # TOPIC BROKERS
	client_now "$AGAINST" Mixed "$NAMESRV_ADDR" "$1" "$1-all" "$2"
}

# brokerd comes back by itself, with what it made meanwhile.
a_name_server_restarts() {
	local port=${NAMESRV_ADDR#*:}
	kill "${APACHE_PIDS[0]}"
	wait "${APACHE_PIDS[0]}" 2>/dev/null
	NAMESRV_ADDR=127.0.0.1:$NAMESRV_PORT ctl 'makes a topic while the name server is down' brokerd topic create mixed-down
	apache_java 128m org.apache.rocketmq.namesrv.NamesrvStartup "$APACHE_DIR/namesrv.out" -c "$APACHE_DIR/namesrv.conf"
	wait_for 40 "brokerd at the name server again" answers "127.0.0.1:$port" 106 '"brokerd"'
	wait_for 40 "broker-a at the name server again" answers "127.0.0.1:$port" 106 '"broker-a"'
	ctl 'sees that topic once it is back' brokerd topic describe mixed-down
}

# A broker that takes connections and says nothing: the others' part is shown, and the exit status says that it is one.
one_hangs() {
	kill -STOP "${APACHE_PIDS[-1]}"
	ctl_exit 3 'shows what the other broker says' mixed-b topic list --timeout 2s
	kill -CONT "${APACHE_PIDS[-1]}"
}

one_is_left() { # TOPIC LEFT GONE
	mqadmin <<-EOF | against "$AGAINST"
		# the route of $3 is gone with it
		~ 20
		topicRoute -t $1
		+ "brokerName":"$2"
		- "brokerName":"$3"
		# and so is its line in clusterList
		clusterList
		+ ^DefaultCluster +$2 +0
		- ^DefaultCluster +$3
	EOF
	mixed_client "$1" "$2"
	ctl "lists $2 alone" "^$2" broker list
}
