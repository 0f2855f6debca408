# SPDX-License-Identifier: Apache-2.0
# cloud.bash: stand-ins of clouds' APIs (tests/cloud/standin.py) for the tests of one file. Load it after helper.

# standin NAME KIND [ARG...]: starts one; its address is in $BATS_FILE_TMPDIR/NAME/url.
standin() {
	local dir=$BATS_FILE_TMPDIR/$1

	mkdir -p "$dir"
	python3 "$ROOT/tests/cloud/standin.py" "$2" "$dir" "${@:3}" >"$dir/ready" 2>"$dir/err" 3>&- 4>&- &
	echo $! >"$dir/pid"
	await grep -q '^ready' "$dir/ready" || cat "$dir/err"
	sed -n 's/^ready //p' "$dir/ready" >"$dir/url"
}

standin_stop() {
	local url

	for url in "$BATS_FILE_TMPDIR"/*/url; do
		kill "$(cat "$(dirname "$url")/pid")" 2>/dev/null || :
	done
}

# faults NAME JSON: what shall go wrong from now on; see standin.py.
faults() {
	echo "$2" >"$BATS_FILE_TMPDIR/$1/faults"
}

# Nothing of the user's stands between the tests and the stand-ins.
cloud_quiet() {
	unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY no_proxy NO_PROXY all_proxy ALL_PROXY CONF_LOG_LEVEL
}
