#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fill.sh BUILD PAGE: print the page; a line `@tdmqctl WORDS@` or `@brokerd WORDS@` becomes what that
# program says of its own tables.
set -eu
b=$1
while IFS= read -r line; do
	case $line in
	@tdmqctl\ *@)
		words=${line#@tdmqctl }
		# shellcheck disable=SC2086
		"$b/tdmqctl" __describe ${words%@}
		;;
	@brokerd\ *@)
		words=${line#@brokerd }
		# shellcheck disable=SC2086
		"$b/brokerd" --describe ${words%@}
		;;
	*) printf '%s\n' "$line" ;;
	esac
done <"$2"
