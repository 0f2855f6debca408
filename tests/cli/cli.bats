#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What holds for all commands: help, errors, exit statuses, settings, completion. Needs no server.

# run sets output, stderr and lines in the shell of its test; scripts for bash -c are in single quotes
# shellcheck disable=SC2154,SC2030,SC2031,SC2013,SC2016,SC2164,SC2181,SC2094
load helper

setup() {
	cd "$BATS_TEST_TMPDIR" || exit
	export TDMQCTL_NAMESERVER=127.0.0.1:1
}

# Writes the configuration file of this file's tests.
config() {
	mkdir -p "$XDG_CONFIG_HOME/tdmqctl"
	cat >"$XDG_CONFIG_HOME/tdmqctl/config.yaml"
}
teardown() {
	rm -f "$XDG_CONFIG_HOME/tdmqctl/config.yaml"
}

@test "tdmqctl alone, --help and help: the same text, on stdout" {
	run -0 --separate-stderr tdmqctl
	[ -z "$stderr" ]
	[[ ${lines[0]} == 'tdmqctl administers brokerd'* ]]
	top=$output
	run -0 --separate-stderr tdmqctl --help
	[ "$output" = "$top" ]
	run -0 --separate-stderr tdmqctl help
	[ "$output" = "$top" ]
}

@test "help: every command, every noun and every topic, within 80 columns" {
	for noun in $(tdmqctl help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		run -0 tdmqctl help "$noun"
		for verb in $(sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p' <<<"$output"); do
			run -0 --separate-stderr tdmqctl "$noun" "$verb" --help
			[ -z "$stderr" ]
			[[ $output == *"Usage: tdmqctl $noun $verb"* ]]
			[[ $output == *Examples:* ]]
			while IFS= read -r line; do [ ${#line} -le 80 ]; done <<<"$output"
		done
	done
	for topic in concepts contexts exit-codes flags output safety time; do
		run -0 tdmqctl help "$topic"
	done
}

@test "help: works where the rest of the line is wrong" {
	run -0 tdmqctl topic create --help
	run -0 tdmqctl --bad topic list -h
}

@test "version: one line; an object with -o json" {
	run -0 --separate-stderr tdmqctl version
	[[ $output =~ ^tdmqctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	run -0 tdmqctl --version
	[[ $output =~ ^tdmqctl\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	run -0 tdmqctl version -o json
	[[ $output == *'"client": "'*'"'* ]]
}

# wrong WORD ARG...: exit 2, nothing on stdout, "error:" first, the word somewhere.
wrong() {
	local word=$1
	shift
	run -2 --separate-stderr tdmqctl "$@"
	[ -z "$output" ]
	[[ $stderr == 'error: '* ]]
	[[ $stderr == *"$word"* ]] || {
		echo "no '$word' in: $stderr"
		return 1
	}
}

@test "wrong usage: exit 2, the reason, and what to type instead" {
	wrong "did you mean 'topic'" topik list
	wrong "unknown command 'zzz'" zzz
	wrong "did you mean 'list'" topic lst
	wrong 'tdmqctl topic --help' topic
	wrong '--queus' topic create orders --queus 3
	wrong '1 and 32' topic create orders --queues 33
	wrong 'two' topic create orders --queues two
	wrong 'TOPIC' topic create
	wrong 'one word too many' group list extra
	wrong 'normal' topic create orders --type odd
	wrong 'xml' topic list -o xml
	wrong 'HOST:PORT' topic list -s nonsense
	wrong "no help on 'nothing'" help nothing
	wrong 'bash, zsh' completion tcsh
}

@test "names: refused before anything is sent" {
	wrong '3 to 64' topic create ab
	wrong '3 to 64' topic create "$(printf 'x%.0s' {1..65})"
	wrong 'topic' topic create 'a b c'
	wrong '../' topic create ../etc/passwd
	wrong '3 to 32' namespace create "$(printf 'n%.0s' {1..33})"
	wrong '3 to 64' group create g1
	wrong 'namespace' topic list -N 'a/b'
}

@test "no server: exit 7, and where it looked" {
	run -7 --separate-stderr tdmqctl topic list
	[ -z "$output" ]
	[[ $stderr == *"cannot connect to '127.0.0.1:1'"* ]]
	[[ $stderr == *'try:'*'-s'* ]]
	run -7 --separate-stderr tdmqctl topic create orders --type fifo
	run -7 --separate-stderr tdmqctl namespace list
}

@test "errors: one JSON object on stderr with -o json" {
	run -7 --separate-stderr tdmqctl topic list -o json
	[ -z "$output" ]
	[ "${#stderr_lines[@]}" = 1 ]
	[[ $stderr == '{"error":{"code":"Unreachable","exit":7,'*'}}' ]]
}

@test "name servers: flag before environment before context before built-in" {
	config <<-EOF
		currentContext: dev
		contexts:
		  dev: {nameservers: ["127.0.0.1:2"]}
	EOF
	run -7 --separate-stderr tdmqctl topic list -s 127.0.0.1:3
	[[ $stderr == *127.0.0.1:3* ]]
	run -7 --separate-stderr tdmqctl topic list
	[[ $stderr == *127.0.0.1:1* ]]
	unset TDMQCTL_NAMESERVER
	run -7 --separate-stderr tdmqctl topic list
	[[ $stderr == *127.0.0.1:2* ]]
	rm "$XDG_CONFIG_HOME/tdmqctl/config.yaml"
	NAMESRV_ADDR=127.0.0.1:4 run -7 --separate-stderr tdmqctl topic list
	[[ $stderr == *127.0.0.1:4* ]]
}

@test "configuration: what is wrong in it is named with its place" {
	config <<-EOF
		contexts:
		  dev:
		    nameserver: 127.0.0.1:2
	EOF
	wrong "config.yaml:3:" topic list -C dev
	wrong "nameserver" topic list -C dev
	wrong "no context 'prod'" topic list -C prod
	wrong "did you mean 'dev'" topic list -C dex
	echo 'a: [' | config
	wrong config.yaml topic list
	wrong nowhere.yaml topic list --config nowhere.yaml
}

@test "read-only: what changes something is blocked, reading is not" {
	config <<-EOF
		contexts:
		  prod: {nameservers: ["127.0.0.1:2"], readOnly: true}
	EOF
	run -9 --separate-stderr tdmqctl topic create orders -C prod
	[[ $stderr == *read-only* ]]
	run -9 --separate-stderr tdmqctl group delete pay-svc --yes -C prod
	run -7 --separate-stderr tdmqctl topic list -C prod
	TDMQCTL_READ_ONLY=1 run -9 --separate-stderr tdmqctl namespace create shop
}

@test "secrets: an access key without one is refused; none is an argument" {
	TDMQCTL_ACCESS_KEY=ops run -2 --separate-stderr tdmqctl topic list
	[[ $stderr == *TDMQCTL_SECRET_FILE* ]]
	TDMQCTL_ACCESS_KEY=ops TDMQCTL_SECRET_FILE=missing run --separate-stderr tdmqctl topic list
	[ "$status" != 0 ]
	[[ $stderr == *missing* ]]
	printf 'hush-hush\n' >key
	chmod 644 key
	TDMQCTL_ACCESS_KEY=ops TDMQCTL_SECRET_FILE=key run -9 --separate-stderr tdmqctl topic list
	[[ $stderr == *'chmod 600'* ]]
	chmod 600 key
	TDMQCTL_ACCESS_KEY=ops TDMQCTL_SECRET_FILE=key run -7 --separate-stderr tdmqctl topic list -v --trace-wire
	[[ $stderr != *hush-hush* ]]
}

@test "a closed pipe ends quietly" {
	run -0 --separate-stderr bash -c 'set -o pipefail; tdmqctl help flags | head -1; exit "${PIPESTATUS[0]}"'
	[ -z "$stderr" ]
}

@test "a full disk is an error" {
	[ -w /dev/full ] || skip "no /dev/full here"
	run -12 --separate-stderr bash -c 'tdmqctl help flags >/dev/full'
	[[ $stderr == *'No space left'* ]]
}

@test "completion: nouns, verbs, flags, words; from the tables alone" {
	run -0 --separate-stderr tdmqctl __complete bash -- to
	[ "$output" = topic ]
	run -0 tdmqctl __complete bash -- topic de
	[ "$output" = $'describe\ndelete' ]
	run -0 tdmqctl __complete bash -- topic create orders --ty
	[ "$output" = --type ]
	run -0 tdmqctl __complete bash -- topic create orders --type f
	[ "$output" = fifo ]
	run -0 tdmqctl __complete bash -- topic create orders --type=f
	[ "$output" = --type=fifo ]
	run -0 tdmqctl __complete bash -- -o js topic list -o j
	[ "$output" = json ]
	run -0 tdmqctl __complete fish -- topic li
	[ "$output" = $'list\tlist topics' ]
	run -0 tdmqctl __complete bash -- --config x
	[ "$output" = :files ]
}

@test "completion: without a server nothing, and nothing on stderr" {
	run -0 --separate-stderr tdmqctl __complete bash -- topic describe or
	[ -z "$output" ]
	[ -z "$stderr" ]
	run -0 --separate-stderr tdmqctl __complete bash -- nonsense de
	[ -z "$output" ]
}

@test "completion SHELL: prints the script that packages install" {
	run -0 tdmqctl completion bash
	[ "$output" = "$(cat "$ROOT/completions/tdmqctl.bash")" ]
	bash -n <<<"$output"
	[ "$(tdmqctl completion zsh)" = "$(cat "$ROOT/completions/_tdmqctl")" ]
	[ "$(tdmqctl completion fish)" = "$(cat "$ROOT/completions/tdmqctl.fish")" ]
}

@test "completion in bash: completes a line" {
	# shellcheck source=/dev/null
	source "$ROOT/completions/tdmqctl.bash"
	COMP_WORDS=(tdmqctl topic cr) COMP_CWORD=2
	_tdmqctl
	[ "${COMPREPLY[*]}" = create ]
	COMP_WORDS=(tdmqctl topic create x --type "=" "fi") COMP_CWORD=6
	_tdmqctl
	[ "${COMPREPLY[*]}" = fifo ]
	COMP_WORDS=(tdmqctl topic create x --type "=") COMP_CWORD=5
	_tdmqctl
	[ "${COMPREPLY[*]}" = 'normal fifo delay transaction mixed global-fifo' ]
}

@test "completion in fish: completes a line" {
	command -v fish >/dev/null || skip 'no fish here'
	run -0 fish --no-config -c "source $ROOT/completions/tdmqctl.fish; complete -C 'tdmqctl topic cr'"
	[[ $output == create* ]]
	run -0 fish --no-config -c "source $ROOT/completions/tdmqctl.fish; complete -C 'tdmqctl topic create x --type f'"
	[ "$output" = fifo ]
}

@test "manual: the parts that come from the tables" {
	run -0 tdmqctl __describe commands
	[[ $output == *'.It Cm topic create Ar topic ...'* ]]
	run -0 tdmqctl __describe global-options
	[[ $output == *'.It Fl s , Fl -nameserver Ar list'* ]]
	run -0 tdmqctl __describe exit-status
	[[ $output == *$'.It 7\n'* ]]
	run -2 tdmqctl __describe nothing
}
