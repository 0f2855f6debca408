#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lint.sh: rules the compiler does not know. Include lines point one way; the disk has one door;
# every file names its licence.
set -u
cd "$(dirname "$0")/.." || exit
bad=0

complain() {
	if [ -n "$2" ]; then
		printf '%s:\n%s\n' "$1" "$2" >&2
		bad=1
	fi
}

# A header is found by name, so a layer may not use a name that belongs to a layer above it.
headers_of() {
	git ls-files "$@" | sed -n 's|.*/\([^/]*\.h\)$|\1|p' | paste -sd '|' | sed 's/\./\\./g'
}
uses() {
	local names=$1
	shift
	[ -z "$names" ] || git grep -nE "#include \"(.*/)?($names)\"" -- "$@" ':!tests'
}
complain 'lib includes what stands above it' \
	"$(uses "$(headers_of 'brokerd/*' 'cli/*' 'migrate/*')" lib)"
complain 'migrate includes cli or brokerd' "$(uses "$(headers_of 'brokerd/*' 'cli/*')" migrate)"
complain 'brokerd includes cli or migrate' "$(uses "$(headers_of 'cli/*' 'migrate/*')" brokerd)"
complain 'cli includes brokerd' "$(uses "$(headers_of 'brokerd/*')" cli)"
complain 'the store includes what stands above it' \
	"$(uses "$(git ls-files 'brokerd/*.h' | grep -v /store/ | sed 's|.*/||; s/\./\\./g' | paste -sd '|')" brokerd/store)"

complain 'durable bytes that do not go through vfs()' "$(git grep -nE \
	'(^|[^a-z_>.])(open|pwrite|pwritev|fsync|fdatasync|fallocate|posix_fallocate|ftruncate|rename|mkdir)\(' \
	-- 'brokerd/*.c' 'migrate/*.c' | grep -vE ':\s*(/?\*|//)')"
complain 'files without a licence line' \
	"$(git ls-files '*.c' '*.h' '*.def' '*.sh' '*.bats' | xargs grep -L 'SPDX-License-Identifier: Apache-2.0')"
complain 'files over 900 lines' "$(git ls-files '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 900')"
exit $bad
