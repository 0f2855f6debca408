# bash completion for tdmqctl: asks the program, knows nothing itself.
_tdmqctl() {
	local words=() word line cur i
	# bash cuts words at '=' and ':'; put the pieces of one word together again
	for ((i = 1; i <= COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		if [[ ${#words[@]} -gt 0 && ($word == [=:]* || ${COMP_WORDS[i - 1]} == [=:]) ]]; then
			words[${#words[@]} - 1]+=$word
		else
			words+=("$word")
		fi
	done
	cur=${words[${#words[@]} - 1]}
	COMPREPLY=()
	while IFS= read -r line; do
		if [[ $line == :files ]]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r line; do
				COMPREPLY+=("$line")
			done < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}")
		else
			COMPREPLY+=("${line#"${cur%"${COMP_WORDS[COMP_CWORD]#[=:]}"}"}")
		fi
	done < <("${COMP_WORDS[0]}" __complete bash -- "${words[@]}" 2>/dev/null)
}
complete -F _tdmqctl tdmqctl
