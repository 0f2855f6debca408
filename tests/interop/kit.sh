# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# What the parts of tests/interop share; sourced by run.sh. A part is a file parts/NAME.sh with a function part_NAME, run
# in the order of their names; its first comment says what it proves. It may use all that stands here and in apache.sh.

BROKERD_PID= # of brokerd_start

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

# venv NAME REQUIREMENTS: build/interop/NAME with these packages, made when it is not there or older.
venv() {
	if [ ! -e "$INTEROP_BUILD/$1/.done" ] || [ "$2" -nt "$INTEROP_BUILD/$1/.done" ]; then
		python3 -m venv --clear "$INTEROP_BUILD/$1" && "$INTEROP_BUILD/$1/bin/pip" -q install -r "$2" &&
			touch "$INTEROP_BUILD/$1/.done"
	fi >&2
}

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
	PYTHON_WHY=
	CLOUDS_WHY=
	if ! python3 -c 'import ensurepip, venv' 2>/dev/null; then
		PYTHON_WHY="no python3 with venv (Debian: python3-venv)"
		CLOUDS_WHY=$PYTHON_WHY
	else
		venv clouds "$INTEROP/../cloud/requirements.txt" || CLOUDS_WHY="the packages cannot be fetched"
		if [ "$(uname -m)" != x86_64 ]; then
			PYTHON_WHY="the client is published for x86_64 alone"
		else
			venv python "$INTEROP/python/requirements.txt" || PYTHON_WHY="the packages cannot be fetched"
		fi
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
# has to be where the clients look for it. BROKERD_ARGS adds settings,
# BROKERD_DATA is for who needs an empty store.
brokerd_start() {
	NAMESRV_PORT=${NAMESRV_PORT:-$(free_port)}
	BROKER_PORT=${BROKER_PORT:-$(free_port)}
	# shellcheck disable=SC2086
	"$BIN/brokerd" --dev --data "${BROKERD_DATA:-$WORK/brokerd}" --transaction-timeout 500ms --transaction-check-interval 1s \
		--nameserver-port "$NAMESRV_PORT" --broker-port "$BROKER_PORT" ${BROKERD_ARGS:-} \
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

# ---- tdmqctl

ctl() { # NAME REGEX ARGS...
	ctl_exit 0 "$@"
}

ctl_exit() { # STATUS NAME REGEX ARGS...
	local status=$1 name=$2 regex=$3
	shift 3
	expect_exit "$status" "$AGAINST: tdmqctl $name" "$regex" "$BIN/tdmqctl" -s "$NAMESRV_ADDR" "$@"
}

# ---- Apache's pair

# apache_pair PART [KEY=VALUE...]: starts it, or says why not.
apache_pair() {
	local part=$1
	shift
	if [ -n "$JAVA_WHY" ]; then
		skip "$part" "$JAVA_WHY"
	elif apache_start "$WORK/apache" "$@"; then
		return 0
	else
		not_ok "$part: the servers start" "see $WORK/apache"
	fi
	return 1
}

apache_pair_end() {
	apache_stop
	rm -rf "$WORK/apache"
}
