# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# prove: the clients of part brokerd against Apache: do the tests themselves tell the truth? Runs only when asked for.

part_prove() {
	apache_pair prove traceTopicEnable=true transactionTimeOut=1000 transactionCheckInterval=2000 &&
		CPP_BATCH_IS_ONE=1 FIRST_PAUSE_MS=9500 against_clients prove
	apache_pair_end
}
