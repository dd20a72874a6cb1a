# Completion for bash: source this file, or install it as /usr/share/bash-completion/completions/catalyst_exporter.
# The program lists what may stand at this place; compgen selects what begins like the current word.
_catalyst_exporter() {
	local cur=${COMP_WORDS[COMP_CWORD]} word words=()
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [ "$word" != = ]; then words+=("$word"); fi # bash splits --flag=value at =
	done
	case $cur in
	=) cur= words+=("") ;;
	-*) words+=(--) ;;
	*) if [ ${#words[@]} -gt 0 ]; then words+=(""); fi ;; # without a word, the program lists its commands
	esac
	mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --completion-bash "${words[@]}" 2>/dev/null)" -- "$cur")
}
complete -F _catalyst_exporter -o default catalyst_exporter
