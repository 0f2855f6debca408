#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every example of every command, as help and manual show it, against a fresh brokerd.

# run sets output, stderr and lines in the shell of its test; scripts for bash -c are in single quotes
# shellcheck disable=SC2154,SC2030,SC2031,SC2013,SC2016,SC2164,SC2181,SC2094
load helper

setup_file() {
	broker_start --authentication
	export TDMQCTL_ACCESS_KEY=admin TDMQCTL_SECRET_FILE=$BATS_FILE_TMPDIR/data/admin.secret
}
teardown_file() {
	broker_stop
}

# What examples speak of is there; what an example makes is not.
prepare() {
	tdmqctl -q namespace create shop 2>/dev/null || :
	tdmqctl -q topic create orders trades tmp-a --queues 2 --if-not-exists
	tdmqctl -q group create pay-svc --if-not-exists
	tdmqctl -q role create billing >/dev/null 2>&1 || :
	tdmqctl -q context create prod -s "$TDMQCTL_NAMESERVER" 2>/dev/null || :
	tdmqctl -q context create old -s 127.0.0.1:1 2>/dev/null || : # nobody is there
	case $1 in
	*'namespace create shop'*) tdmqctl -q namespace delete shop --yes ;;
	*'role create billing'*) tdmqctl -q role delete billing --revoke-all --yes ;;
	*'topic create'*--help*) ;;
	*'topic create orders'*) tdmqctl -q topic delete orders --yes ;;
	*'group create pay-svc'*) tdmqctl -q group delete pay-svc --yes ;;
	*'message consume'*) tdmqctl -q message send orders --body x >/dev/null ;;
	esac 2>/dev/null
}

# Exit status of an example that names something no test can have: an id, a number.
expected() {
	case $1 in
	*'message get '* | *'migrate status '* | *'migrate verify '* | *'migrate re'[st]* | *'migrate cancel '* | *'migrate rollback '* | *'delay cancel '* | *'transaction resume '* | *'offset undo'*) echo 4 ;;
	*'--from-context old'* | *'-s old:9876 '*) echo 7 ;;
	*'acl can '*) echo 6 ;; # the role was made anew, without a grant
	*'migrate export '*' --region '*) echo 6 ;; # no keys of a cloud
	*) echo 0 ;;
	esac
}

@test "examples: each runs" {
	cd "$BATS_TEST_TMPDIR"
	cp "$ROOT/tests/data/apache/shop/rocketmq-metadata-export.json" m.json
	cp -r "$BATS_FILE_TMPDIR/data" data # as a kill would leave it
	tdmqctl __describe examples >examples
	[ "$(wc -l <examples)" -gt 20 ]
	failed=0
	while IFS= read -r line <&5; do
		prepare "$line"
		status=0
		bash -c "$line" >out 2>err </dev/null || status=$?
		[ "$status" = "$(expected "$line")" ] || {
			failed=1
			echo "exit $status: $line"
			cat err
		}
	done 5<examples
	[ "$failed" = 0 ]
}
