# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
#
# Apache RocketMQ 4.9 for tests: its jars, a name server with one broker, and mqadmin.
#
# Sourced, by bash. Everything lives in folders the caller names, the servers take free ports, and
# apache_stop ends exactly the processes that apache_start began.
#
#	. tests/interop/apache.sh
#	apache_fetch				# once: jars into build/interop/java
#	trap apache_stop EXIT
#	apache_start "$dir"			# sets NAMESRV_ADDR and APACHE_BROKER
#	printf 'topicList\n' | mqadmin
#
# An Apache server listens on every interface of the machine; it has no setting against that.

INTEROP=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
INTEROP_BUILD=${INTEROP_BUILD:-$INTEROP/../../build/interop}
mkdir -p "$INTEROP_BUILD"
INTEROP_BUILD=$(cd "$INTEROP_BUILD" && pwd)
JAVA_LIB=$INTEROP_BUILD/java
APACHE_PIDS=()

# What 4.9 reaches into on a JDK newer than 8, for the store's mapped files and for fastjson.
JAVA_OPEN=(
	--add-opens java.base/java.nio=ALL-UNNAMED
	--add-opens java.base/java.lang=ALL-UNNAMED
	--add-opens java.base/java.util=ALL-UNNAMED
	--add-opens java.base/sun.nio.ch=ALL-UNNAMED
	--add-exports java.base/jdk.internal.ref=ALL-UNNAMED
	--add-exports java.base/sun.nio.ch=ALL-UNNAMED
)
JAVA_SMALL=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto)

die() {
	echo "interop: $*" >&2
	exit 1
}

# Prints why Java tests cannot run here, or fails when they can.
java_missing() {
	local tool
	for tool in java javac mvn; do
		command -v "$tool" >/dev/null || {
			echo "no $tool (Debian: openjdk-17-jdk-headless maven)"
			return 0
		}
	done
	return 1
}

# Jars, and the test programs compiled against them. A folder is complete when its stamp is there.
apache_fetch() {
	local part
	for part in server client old middle new spring; do
		[ -e "$JAVA_LIB/$part/.done" ] && [ ! "$INTEROP/java/pom.xml" -nt "$JAVA_LIB/$part/.done" ] &&
			continue
		rm -rf "${JAVA_LIB:?}/$part"
		TERM=dumb mvn -q -B -f "$INTEROP/java/pom.xml" -P "$part" dependency:copy-dependencies \
			-DoutputDirectory="$JAVA_LIB/$part" 2>&1 | sed 's/\x1b\[[0-9;]*m//g' >&2
		[ "${PIPESTATUS[0]}" = 0 ] || return 1
		touch "$JAVA_LIB/$part/.done"
	done
	java_compile
}

java_compile() {
	local newest
	newest=$(find "$INTEROP/java" -name '*.java' -newer "$JAVA_LIB/classes/.done" 2>/dev/null)
	[ -e "$JAVA_LIB/classes/.done" ] && [ -z "$newest" ] && return 0
	mkdir -p "$JAVA_LIB/classes"
	javac -nowarn -Xlint:-options -encoding UTF-8 -d "$JAVA_LIB/classes" \
		-cp "$JAVA_LIB/client/*" "$INTEROP"/java/*.java || return 1
	javac -nowarn -Xlint:-options -encoding UTF-8 -d "$JAVA_LIB/classes" -cp "$JAVA_LIB/spring/*" \
		"$INTEROP"/java/spring/*.java || return 1
	touch "$JAVA_LIB/classes/.done"
}

port_free() {
	! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# A port whose neighbours are free too: a broker also takes port - 2 (VIP) and port + 1 (replicas).
# Below the range from which the kernel hands out ports by itself.
free_port() {
	local p
	while :; do
		p=$((15000 + RANDOM % 15000))
		port_free $((p - 2)) && port_free $p && port_free $((p + 1)) && break
	done
	echo "$p"
}

# wait_for SECONDS WHAT COMMAND...: until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1)) what=$2
	shift 2
	until "$@"; do
		[ $SECONDS -lt $end ] || {
			echo "interop: no $what within the deadline" >&2
			return 1
		}
		sleep 0.2
	done
}

apache_home() {
	local name
	mkdir -p "$1/conf"
	for name in namesrv broker tools; do
		cat >"$1/conf/logback_$name.xml" <<-EOF
			<configuration>
			  <appender name="F" class="ch.qos.logback.core.FileAppender">
			    <file>$1/$name.log</file>
			    <encoder><pattern>%d %p %t - %m%n</pattern></encoder>
			  </appender>
			  <root level="WARN"><appender-ref ref="F"/></root>
			</configuration>
		EOF
	done
}

apache_java() {
	local heap=$1 class=$2 out=$3
	shift 3
	ROCKETMQ_HOME=$APACHE_DIR java "${JAVA_OPEN[@]}" "${JAVA_SMALL[@]}" -Xms"$heap" -Xmx"$heap" \
		-Duser.home="$APACHE_DIR" -cp "$JAVA_LIB/server/*" "$class" "$@" >"$out" 2>&1 &
	APACHE_PIDS+=($!)
}

# answers ADDRESS CODE TEXT: a request without parameters is answered with something that has the text.
answers() {
	local header='{"code":'$2',"language":"OTHER","version":409,"opaque":1,"flag":0}' size answer
	size=$(printf '\\0\\0\\0\\x%02x' $((${#header} + 4)) ${#header})
	{ exec 3<>"/dev/tcp/${1%:*}/${1#*:}"; } 2>/dev/null || return 1
	printf "$size%s" "$header" >&3
	answer=$(timeout 2 dd bs=64k count=1 <&3 2>/dev/null | tr -d '\0')
	exec 3>&-
	[[ $answer == *"$3"* ]]
}

# apache_broker NAME [KEY=VALUE...]: one more master. Sets APACHE_BROKER, its address.
apache_broker() {
	local name=$1 port store
	shift
	port=$(free_port)
	store=$APACHE_DIR/store/$name
	printf '%s\n' brokerClusterName=DefaultCluster "brokerName=$name" brokerId=0 \
		brokerRole=ASYNC_MASTER flushDiskType=ASYNC_FLUSH brokerIP1=127.0.0.1 brokerIP2=127.0.0.1 \
		"listenPort=$port" "namesrvAddr=$NAMESRV_ADDR" "storePathRootDir=$store" \
		"storePathCommitLog=$store/commitlog" mappedFileSizeCommitLog=16777216 \
		mappedFileSizeConsumeQueue=120000 maxIndexNum=20000 maxHashSlotNum=5000 \
		enablePropertyFilter=true "$@" >"$APACHE_DIR/$name.conf"
	apache_java "${APACHE_HEAP:-384m}" org.apache.rocketmq.broker.BrokerStartup "$APACHE_DIR/$name.out" \
		-c "$APACHE_DIR/$name.conf"
	wait_for 60 broker grep -sq 'boot success' "$APACHE_DIR/$name.out" || return 1
	# It says so before it has reported to the name server, and a second before it can tell its figures.
	wait_for 30 "report of $name" answers "$NAMESRV_ADDR" 106 "\"$name\"" || return 1
	wait_for 30 "figures of $name" answers "127.0.0.1:$port" 28 "${APACHE_FIGURES:-msgPutTotalTodayNow}" || return 1
	export APACHE_BROKER=127.0.0.1:$port
}

# apache_start DIR [KEY=VALUE...]: a name server, and broker-a (or $APACHE_NAME) with these settings
# besides its usual ones.
apache_start() {
	local port
	APACHE_DIR=$1
	shift
	apache_home "$APACHE_DIR"
	port=$(free_port)
	printf '%s\n' "listenPort=$port" orderMessageEnable=true "kvConfigPath=$APACHE_DIR/kvConfig.json" \
		>"$APACHE_DIR/namesrv.conf"
	apache_java 128m org.apache.rocketmq.namesrv.NamesrvStartup "$APACHE_DIR/namesrv.out" \
		-c "$APACHE_DIR/namesrv.conf"
	wait_for 30 "name server" grep -sq 'boot success' "$APACHE_DIR/namesrv.out" || return 1
	export NAMESRV_ADDR=127.0.0.1:$port
	apache_broker "${APACHE_NAME:-broker-a}" "$@"
}

# The broker goes first: it writes its tables when it is asked to end.
apache_stop() {
	local i pid
	for ((i = ${#APACHE_PIDS[@]} - 1; i >= 0; i--)); do
		pid=${APACHE_PIDS[i]}
		kill "$pid" 2>/dev/null || continue
		wait_for 20 "end of process $pid" pid_gone "$pid" || kill -9 "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	APACHE_PIDS=()
}

# A child that ended stays as a zombie until it is waited for.
pid_gone() {
	[ ! -d "/proc/$1" ] || grep -q '^State:[[:space:]]Z' "/proc/$1/status" 2>/dev/null
}

# One JVM of the test programs; user.home is where the client library puts its own log.
# JAVA_RELEASE chooses the jars: client, old, middle, new or spring.
java_run() {
	local home=${INTEROP_HOME:-$INTEROP_BUILD/home}
	apache_home "$home"
	ROCKETMQ_HOME=$home timeout 300 java "${JAVA_OPEN[@]}" "${JAVA_SMALL[@]}" -Xmx256m -Duser.home="$home" \
		-Drocketmq.client.logLevel=WARN -Dlogback.configurationFile="$home/conf/logback_tools.xml" \
		-Dfile.encoding=UTF-8 -cp "$JAVA_LIB/classes:$JAVA_LIB/${JAVA_RELEASE:-client}/*" "$@"
}

# mqadmin commands from standard input, one a line, all in one JVM: see java/Mqadmin.java.
mqadmin() {
	java_run Mqadmin
}
