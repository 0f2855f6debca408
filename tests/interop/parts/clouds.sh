# shellcheck shell=bash disable=SC2034,SC2154
# SPDX-License-Identifier: Apache-2.0
#
# clouds: the vendors' own SDKs are content with our stand-ins of Huawei Cloud, Alibaba Cloud ONS and TDMQ, and sign each
# request that tdmqctl sends them as tdmqctl has signed it.

part_clouds() {
	if [ -n "$CLOUDS_WHY" ]; then
		skip clouds "$CLOUDS_WHY"
		return
	fi
	PYTHONDONTWRITEBYTECODE=1 timeout 120 "$INTEROP_BUILD/clouds/bin/python" "$INTEROP/../cloud/sdk.py" "$BIN/tdmqctl" \
		"$INTEROP/../data/apache/shop" >"$WORK/out" 2>"$WORK/err" ||
		not_ok "clouds: the SDKs run to their end" "$(tail -3 "$WORK/err" | tr '\n' ' ')"
	against clouds <"$WORK/out"
}
