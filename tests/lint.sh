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

# Which layers a layer may include; the rest of the tree is above it or beside it.
allowed() { # DIRECTORY
	case $1 in
	lib) echo lib ;;
	migrate) echo 'migrate lib' ;;
	cli) echo 'cli migrate lib' ;;
	brokerd) echo 'brokerd brokerd/store lib' ;;
	brokerd/store) echo 'brokerd/store lib' ;;
	esac
}

# A quoted include is found as the compiler finds it: beside the file, from the root, in lib. What is
# found nowhere is made by the build.
layers() {
	local layer file line header place path
	for layer in lib migrate cli brokerd brokerd/store; do
		while IFS=: read -r file line header; do
			header=${header#*\"} header=${header%%\"*}
			[[ $header == *.def ]] && continue
			for place in "$layer/" '' lib/; do
				path=$place$header
				[ -e "$path" ] || continue
				[[ " $(allowed "$layer") " == *" ${path%/*} "* ]] || echo "$file:$line: $header"
				break
			done
		done < <(git grep -nE '^#include "' -- "$layer/*.[ch]" ":!:$layer/*/*")
	done
}
complain 'includes that point up or sideways' "$(layers)"

complain 'durable bytes that do not go through vfs()' "$(git grep -nE \
	'(^|[^a-z_>.])(open|pwrite|pwritev|fsync|fdatasync|fallocate|posix_fallocate|ftruncate|rename|mkdir)\(' \
	-- 'brokerd/*.c' 'migrate/*.c' | grep -vE ':\s*(/?\*|//)')"
complain 'files without a licence line' \
	"$(git ls-files '*.c' '*.h' '*.def' '*.sh' '*.bats' | xargs grep -L 'SPDX-License-Identifier: Apache-2.0')"
complain 'files over 900 lines' "$(git ls-files '*.c' '*.h' | xargs wc -l | awk '$2 != "total" && $1 > 900')"
exit $bad
