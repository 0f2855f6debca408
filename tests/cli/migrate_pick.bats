#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# migrate plan --interactive: the checklist, in a terminal, with the screen compared.

# shellcheck disable=SC2154 # run sets stderr, lines
load helper

setup() {
	command -v tmux >/dev/null || skip 'tmux is not installed'
	cd "$BATS_TEST_TMPDIR" || exit
	echo '{"topicConfigTable": {"shop%orders": {}, "shop%stock": {}, "bill%items": {}, "TBW102": {}},
		"subscriptionGroupTable": {"shop%pay-svc": {}}}' >m.json
	TMUX_SOCKET=$BATS_TEST_TMPDIR/tmux
	tmux -S "$TMUX_SOCKET" -f /dev/null new-session -d -x 70 -y 12 \
		"tdmqctl migrate plan m.json --offline --interactive -o json >out.json; echo \$? >status; stty -a >modes; exec cat" 3>&-
}
teardown() {
	[ -z "${TMUX_SOCKET:-}" ] || tmux -S "$TMUX_SOCKET" kill-server 2>/dev/null || true
}

press() {
	tmux -S "$TMUX_SOCKET" send-keys "$@"
}
screen_is() {
	[ "$(tmux -S "$TMUX_SOCKET" capture-pane -p | sed 's/ *$//')" = "$1" ]
}
first_screen='What shall be made?

> [x] topic  shop%orders
  [x] topic  shop%stock
  [x] topic  bill%items
  [x] group  shop%pay-svc




4 of 4 chosen
space choose  a all  n none  / filter  enter go on  q stop'

@test "migrate plan --interactive: what is chosen is planned" {
	await screen_is "$first_screen"
	press Space Down Down Space
	await screen_is 'What shall be made?

  [ ] topic  shop%orders
  [x] topic  shop%stock
> [ ] topic  bill%items
  [x] group  shop%pay-svc




2 of 4 chosen
space choose  a all  n none  / filter  enter go on  q stop'
	press Enter
	await test -s modes
	[ "$(cat status)" = 0 ]
	[ "$(json 'sorted(i["source"] for i in d["items"] if i["state"] == "create" and i["source"])' <out.json)" = \
		"['shop%pay-svc', 'shop%stock']" ]
	[ "$(json 'sorted(i["source"] for i in d["items"] if i["reason"] == "FILTERED")' <out.json)" = \
		"['bill%items', 'shop%orders']" ]
	grep -q ' icanon' modes # the terminal is as it was
	grep -qE '(^|[ ;])echo( |;)' modes
}

@test "migrate plan --interactive: a filter narrows what a and n mean" {
	await screen_is "$first_screen"
	press n / S H O P Enter a
	await screen_is 'What shall be made?
/SHOP
> [x] topic  shop%orders
  [x] topic  shop%stock
  [x] group  shop%pay-svc





3 of 4 chosen
space choose  a all  n none  / filter  enter go on  q stop'
	press Enter
	await test -s modes
	[ "$(json 'sum(i["state"] == "create" and i["kind"] != "namespace" for i in d["items"])' <out.json)" = 3 ]
}

@test "migrate plan --interactive: q stops, and nothing is planned" {
	await screen_is "$first_screen"
	press q
	await test -s modes
	[ "$(cat status)" = 10 ]
	[ ! -s out.json ]
	grep -q ' icanon' modes
}

@test "migrate plan --interactive: a signal puts the terminal back" {
	await screen_is "$first_screen"
	shell=$(tmux -S "$TMUX_SOCKET" list-panes -F '#{pane_pid}')
	kill -TERM "$(pgrep -P "$shell")"
	await test -s modes
	[ "$(cat status)" = 143 ]
	grep -q ' icanon' modes
}

@test "migrate plan --interactive: without a terminal it names the other ways" {
	run -2 --separate-stderr tdmqctl migrate plan m.json --offline --interactive </dev/null
	[[ $stderr == *--select* ]]
}
