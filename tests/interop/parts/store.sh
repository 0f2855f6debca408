# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# store: what brokerd has stored is read and continued by Apache's broker, and the other way.

part_store() {
	if [ -n "$JAVA_WHY" ]; then skip store "$JAVA_WHY"; else handed_over; fi
	apache_stop
}

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
