#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# deps.sh PACKAGE...: install what is missing on Debian and its relatives, and only that. No root is
# needed when everything is there. Elsewhere, say what to install and fail.
set -eu

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "this is not a Debian system; install the equivalents of:" >&2
	printf '  %s\n' "$@" >&2
	echo "(libraries with their headers), then run make" >&2
	exit 1
fi

missing=
for p in "$@"; do
	case $(dpkg-query -W -f '${db:Status-Abbrev}' "$p" 2>/dev/null) in
	ii*) ;;
	*) missing="$missing $p" ;;
	esac
done
[ -n "$missing" ] || exit 0

run=
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || {
		echo "missing packages; run as root: apt-get install$missing" >&2
		exit 1
	}
	run=sudo
fi
echo "installing:$missing" >&2
# shellcheck disable=SC2086
$run env DEBIAN_FRONTEND=noninteractive sh -c '
	apt-get install -y --no-install-recommends "$@" >/dev/null 2>&1 || {
		apt-get update -qq && apt-get install -y --no-install-recommends "$@"; }' sh $missing >&2
