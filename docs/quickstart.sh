#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# quickstart.sh: the tour of README.md. Every command is shown as it can be retyped. Everything
# stays below build/quickstart, and the broker it starts is stopped at the end.
set -eu
cd "$(dirname "$0")/.."

dir=build/quickstart
rm -rf "$dir"
mkdir -p "$dir"
export PATH="$PWD/build:$PATH"
export XDG_CONFIG_HOME="$PWD/$dir/config" XDG_STATE_HOME="$PWD/$dir/state" XDG_CACHE_HOME="$PWD/$dir/cache"
unset TDMQCTL_NAMESPACE TDMQCTL_CONTEXT NAMESRV_ADDR TDMQCTL_OUTPUT

bold=
plain=
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$(printf '\033[1m')
	plain=$(printf '\033[0m')
fi

say() {
	printf '\n# %s\n' "$*"
}

# Shows a command, then runs it.
run() {
	local word shown=
	for word; do
		case $word in
		*[!A-Za-z0-9_./:=,@%+-]* | '') word="'$word'" ;;
		esac
		shown="$shown $word"
	done
	printf '%s$%s%s\n' "$bold" "$shown" "$plain"
	"$@"
}

broker=
stop() {
	[ -z "$broker" ] || { kill "$broker" 2>/dev/null && wait "$broker" 2>/dev/null; } || true
	broker=
}
trap stop EXIT
trap 'exit 130' INT TERM

# The standard ports when they are free, any others when not.
ports=
for p in 9876 10909 10911; do
	if (exec 3<>"/dev/tcp/127.0.0.1/$p") 2>/dev/null; then
		ports='--nameserver-port=0 --broker-port=0'
	fi
done

# shellcheck disable=SC2016 # to be retyped as it is
printf '%s$ export PATH="$PWD/build:$PATH"%s\n' "$bold" "$plain"

say 'Start a broker: one process, name server and broker, on loopback'
# shellcheck disable=SC2086
printf '%s$ brokerd --data %s/data %s&%s\n' "$bold" "$dir" "${ports:+$ports }" "$plain"
# shellcheck disable=SC2086
brokerd --data "$dir/data" $ports >"$dir/ready" 2>"$dir/log" &
broker=$!
for _ in $(seq 200); do
	grep -q '^brokerd ready' "$dir/ready" && break
	kill -0 "$broker" 2>/dev/null || {
		cat "$dir/log"
		exit 1
	}
	sleep 0.02
done
cat "$dir/ready"
TDMQCTL_NAMESERVER=$(sed -n 's/.* nameserver \([^ ]*\).*/\1/p' "$dir/ready")
export TDMQCTL_NAMESERVER
printf '%s$ export TDMQCTL_NAMESERVER=%s%s\n' "$bold" "$TDMQCTL_NAMESERVER" "$plain"

export_file=tests/data/apache/shop/rocketmq-metadata-export.json
say 'What a real Apache RocketMQ cluster exported, and what would become of it here'
run tdmqctl migrate inspect "$export_file"
run tdmqctl migrate plan "$export_file" --target cluster

say 'Import it: namespaces, topics and groups, with a report of every item'
run tdmqctl migrate run "$export_file" --target cluster --name first-import
run tdmqctl migrate list
run tdmqctl namespace list
run tdmqctl topic list --namespace shop
run tdmqctl group list --namespace shop

say 'Send a message and find it again'
run tdmqctl message send orders --namespace shop --body '{"order":4711,"eur":9.5}' --key order-4711 --tag paid
run tdmqctl message query orders --namespace shop --key order-4711

say 'A consumer takes it, fails for good, and sends it to the dead letter queue'
run tdmqctl message consume orders --namespace shop --group pay-svc --from earliest --count 1 --dead
run tdmqctl dlq list --namespace shop
run tdmqctl dlq query pay-svc --namespace shop

say 'The fault is mended: resend it, and this time it is consumed'
run tdmqctl dlq resend pay-svc --namespace shop --all --yes
run tdmqctl message consume orders --namespace shop --group pay-svc --count 1 --ack
run tdmqctl group lag pay-svc --namespace shop

say 'The same import again changes nothing'
run tdmqctl migrate run "$export_file" --target cluster

say 'Stop the broker'
printf '%s$ kill %s%s\n' "$bold" "$broker" "$plain"
stop
echo
echo "quickstart: done; the data is in $dir/data"
