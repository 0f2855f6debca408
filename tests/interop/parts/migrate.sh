# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# migrate: a file becomes topics and groups on both masters of a real Apache cluster; killed, gone on with, and taken back.

part_migrate() {
	local AGAINST='migrate into Apache' XDG_STATE_HOME=$WORK/migrate # tasks are numbered from 1
	apache_pair migrate || return
	if apache_broker broker-b; then
		migrate_into_two
		migrate_killed
	else
		not_ok "$AGAINST: the second master starts" "see $WORK/apache"
	fi
	apache_pair_end
}

# migrate_tables NAMESPACE N: N topics of 8 queues and N groups.
migrate_tables() {
	awk -v ns="$1" -v n="$2" 'BEGIN {
		printf "{\"topicConfigTable\":{"
		for (i = 0; i < n; i++)
			printf "%s\"%s%%t-%04d\":{\"writeQueueNums\":8,\"readQueueNums\":8}", i ? "," : "", ns, i
		printf "},\"subscriptionGroupTable\":{"
		for (i = 0; i < n; i++)
			printf "%s\"%s%%g-%04d\":{\"retryMaxTimes\":5}", i ? "," : "", ns, i
		print "}}"
	}'
}

migrate_into_two() {
	local file=$WORK/two.json
	migrate_tables two 20 >"$file"
	ctl 'plans for both masters' '20 topics, 20 groups to create' migrate plan "$file" -f "$WORK/two.plan"
	ctl 'runs the plan' 'succeeded: 20 topics, 20 groups created' migrate run "$WORK/two.plan"
	ctl 'finds all of it the second time' 'succeeded: 40 there already' migrate run "$file"
	mqadmin <<-END | against "$AGAINST"
		# a topic is on both masters, with half of its queues on each
		topicRoute -t two%t-0007
		+ "brokerName":"broker-a"[^}]*"readQueueNums":4[^}]*"writeQueueNums":4
		+ "brokerName":"broker-b"[^}]*"readQueueNums":4[^}]*"writeQueueNums":4
	END
	"$BIN/tdmqctl" -q -s "$NAMESRV_ADDR" message send two%t-0003 --body one >/dev/null
	ctl_exit 3 'leaves what has messages' 'keep.*1 messages have arrived' migrate rollback 1 --yes
	ctl 'and nothing else' '^two%t-0003$' topic list --raw-names -A -o name --filter 'name~^two|t-0'
	ctl 'takes it too when forced' '1 items removed' migrate rollback 1 --yes --force
	ctl 'says so' 'rolled back' migrate list
}

migrate_killed() {
	local file=$WORK/killed.json pid tries
	migrate_tables killed 300 >"$file"
	"$BIN/tdmqctl" -s "$NAMESRV_ADDR" migrate run "$file" >/dev/null 2>&1 &
	pid=$!
	wait_for 10 'task 3' test -s "$XDG_STATE_HOME/tdmqctl/tasks/3.ndjson"
	kill -9 "$pid"
	wait "$pid" 2>/dev/null
	ctl 'knows that nobody runs it' "migrate resume 3" migrate status 3
	ctl 'goes on after kill -9, and all of it is created' 'succeeded: 300 topics, 300 groups created' migrate resume 3
	ctl 'takes it all back' '600 items removed' migrate rollback 3 --yes
	ctl 'nothing is left' '"items": *\[\]' topic list -A -o json --filter 'name~^t-0'
}
