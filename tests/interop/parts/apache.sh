# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# apache: tdmqctl against Apache's name server and broker.

part_apache() {
	apache_pair apache && tdmqctl_commands apache broker-a V4_9_7
	apache_pair_end
}
