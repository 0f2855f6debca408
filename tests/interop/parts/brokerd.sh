# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# brokerd: Java, Go and Node clients, mqadmin and tdmqctl against build/brokerd.

part_brokerd() {
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
