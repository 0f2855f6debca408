#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# Remakes tests/data/apache with real servers: fills a cluster through mqadmin and a failing client,
# then exports it with Apache's own tools. See tests/data/apache/README.md.
#
#	tests/interop/make-data.sh			the committed sets
#	tests/interop/make-data.sh --big DIR		1,000 topics and 1,000 groups more than the servers' own

set -u
# shellcheck source-path=SCRIPTDIR source=apache.sh
. "$(dirname "$0")/apache.sh"
DATA=$INTEROP/../data/apache
C='-c DefaultCluster'
if why=$(java_missing); then die "$why"; fi
apache_fetch || die "cannot fetch the jars"
WORK=$(mktemp -d "$INTEROP_BUILD/data.XXXXXX")
trap 'apache_stop; rm -rf "$WORK"' EXIT

topic() { # NAME QUEUES [OPTION...]
	local name=$1 n=$2
	shift 2
	echo "updateTopic $C -t '$name' -r $n -w $n $*"
}

group() { # NAME [OPTION...]
	local name=$1
	shift
	echo "updateSubGroup $C -g '$name' $*"
}

# A shop of three teams and some topics that were never put into a namespace: everything here imports.
fill_shop() {
	topic shop%orders 8
	topic shop%order-events 4 -o true
	topic shop%payments 8 -p 6
	topic shop%payments-audit 4 -p 4
	topic shop%stock-in 4 -p 2
	topic shop%mail 3
	topic shop%trade 1 -o true
	topic logistics%parcels 16
	topic logistics%routes 6 -o true
	topic logistics%tracking_points 12
	topic logistics%labels 3 -p 4
	topic billing%invoices 8
	topic billing%dunning 3
	topic billing%ledger-2024 4 -p 4
	topic audit-log 8 -p 4
	topic metrics 3 -p 2
	topic legacy_orders 8
	topic heartbeat 1
	echo "updateTopicPerm $C -t legacy_orders -p 4"
	group shop%order-svc -r 16 -m true -d true
	group shop%pay-svc -r 3 -q 2
	group shop%stock-svc -s false
	group shop%mail-svc -r 5 -d true
	group logistics%tracker -r 16 -m true
	group logistics%label-printer -d true -r 0
	group billing%invoice-writer -q 4 -r 10
	group billing%dunning-run -s false -r 1
	group audit-reader -m true
	group legacy_consumer -r 16 -d true -i 0 -w 1
	group GID_metrics -d true
}

# Everything Apache allows and the target's rules do not, or that is easy to get wrong.
fill_odd() {
	topic shop%orders 8
	topic ab 4				# names of two and of 127 characters, and one beyond 64
	topic "shop%$(printf 'long-%.0s' {1..13})" 4
	topic "$(printf 'x%.0s' {1..127})" 4
	topic Orders 4				# twins but for case, here and with shop%
	topic orders 4
	topic shop%Orders 4
	topic shop%wide 64			# more queues than the default limit
	topic shop%a%b 4			# more than one %
	topic 'rocketmq-abcdefghijkl|shop%piped' 4
	topic MQ_INST_1234567890_BXabcdef%ons-topic 4
	topic "$(printf 'n%.0s' {1..33})%t-in-long-namespace" 4
	topic s%t-in-short-namespace 4
	topic shop%same-name 4
	topic %leading-percent 4
	topic trailing-percent% 4
	topic default%in-default 4		# collides with a name that has no namespace
	topic in-default 4
	topic rmq_sys_look_alike 4
	topic shop%unit 4 -u true -s true
	topic shop%perm-0 4 -p 0
	topic shop%perm-7 4 -p 7
	echo "updateTopic $C -t shop%grown -r 4 -w 8"	# read and write queues differ
	for i in 1 2 3 4 5 6 7 8 9 10; do
		topic "team-$i%jobs" 4		# more namespaces than a cluster may have
	done
	group shop%same-name -r 2
	group shop%支付-消费组			# groups are not checked by the server
	group 'shop%group with blanks' -r 4
	group "shop%$(printf 'g%.0s' {1..200})"
	group g
	group shop%-1-retries -r -1
	group shop%many-retries -r 1000000
	group CID_RMQ_SYS_look_alike
	group billing%only-a-group
}

# Two masters: Apache's export adds their queues up.
fill_two_masters() {
	topic shop%orders 8
	topic shop%trade 4 -o true
	topic audit-log 3 -p 4
	echo "updateTopic -b $APACHE_BROKER -t shop%only-on-b -r 5 -w 5"
	group shop%order-svc -r 16 -q 2
	group audit-reader
}

fill_big() {
	local i
	for ((i = 0; i < 1000; i++)); do
		topic "team-$((i % 8))%topic-$i" $((i % 16 + 1))
		group "team-$((i % 8))%group-$i" -r $((i % 17))
	done
}

# What distribution/bin/export.sh does with its three questions answered, commands and text alike.
export_sh() {
	printf '%s\n' "exportMetrics $C -f $1" "exportConfigs $C -f $1" "exportMetadata $C -f $1" |
		mqadmin >/dev/null
	echo "{
    \"configs\": $(cat "$1/configs.json"),
    \"metadata\": $(cat "$1/metadata.json"),
    \"metrics\": $(cat "$1/metrics.json")
  }" >"$1/rocketmq-metadata-export.json"
}

# Each file under the name Apache gives it, in a folder where two of them would have the same.
export_set() { # DIR
	local out=$1 broker
	rm -rf "$out"
	mkdir -p "$out/broker" "$out/with-retry"
	export_sh "$out"
	mqadmin >/dev/null <<-EOF
		exportMetadata $C -t -f $out
		exportMetadata $C -g -f $out
		exportMetadata $C -s -f $out/with-retry
		exportMetadata -b $APACHE_BROKER -t -f $out/broker
		exportMetadata -b $APACHE_BROKER -g -f $out/broker
	EOF
	for broker in "$APACHE_DIR"/store/*/; do
		mkdir -p "$out/store/$(basename "$broker")"
		cp "$broker"config/{topics,subscriptionGroup,consumerOffset}.json \
			"$out/store/$(basename "$broker")/"
	done
}

# The broker writes its tables at intervals of its own, and learns of ordered topics at its next report.
settled() {
	local b
	for b in "$APACHE_DIR"/store/*/config; do
		[ -e "$b/consumerOffset.json" ] && [ -e "$b/subscriptionGroup.json" ] || return 1
	done
	! grep -q 'order-events' "$b/topics.json" || grep -q '"order":true' "$b/topics.json"
}

begin() { # NAME
	echo "$1"
	apache_start "$WORK/$1" registerNameServerPeriod=10000 flushConsumerOffsetInterval=1000 ||
		die "the servers do not start"
}

if [ "${1:-}" = --big ]; then
	begin big
	fill_big | mqadmin >"$WORK/big.out"
	export_sh "$2"
	exit
fi

begin shop
fill_shop | mqadmin >"$WORK/shop.out"
java_run Fail "$NAMESRV_ADDR" shop:orders:pay-svc:3 logistics:parcels:tracker:1 :heartbeat:legacy_consumer:2 ||
	die "the failing client did not fail"
wait_for 60 "settled broker" settled || exit 1
export_set "$DATA/shop"
apache_stop

begin odd
fill_odd | mqadmin >"$WORK/odd.out"
java_run Fail "$NAMESRV_ADDR" shop:orders:same-name:1 || die "the failing client did not fail"
wait_for 60 "settled broker" settled || exit 1
export_set "$DATA/odd"
apache_stop

begin two-masters
apache_broker broker-b flushConsumerOffsetInterval=1000 || die "the second broker does not start"
fill_two_masters | mqadmin >"$WORK/two-masters.out"
java_run Fail "$NAMESRV_ADDR" shop:orders:order-svc:8 || die "the failing client did not fail"
wait_for 60 "settled broker" settled || exit 1
export_set "$DATA/two-masters"
apache_stop
cat "$WORK"/*.out >"$INTEROP_BUILD/make-data.out"
