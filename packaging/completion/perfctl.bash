# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of perfctl for bash. What there is to complete, perfctl says itself.

_perfctl()
{
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local perfctl=${COMP_WORDS[0]} words word

	case $previous in
	-p | --pid) words=$("$perfctl" list --names pids 2>/dev/null | cut -f1) ;;
	-u | --unit) words=$("$perfctl" list --names units 2>/dev/null) ;;
	--container) words=$("$perfctl" list --names containers 2>/dev/null) ;;
	--uid) words=$(cut -d: -f1 /etc/passwd) ;;
	*)
		if ((COMP_CWORD == 1)); then
			words=$("$perfctl" help 2>/dev/null | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p')
		elif [[ $current == -* ]]; then
			words=$("$perfctl" "${COMP_WORDS[1]}" --help 2>/dev/null |
				grep -o -- '--[a-z][a-z-]*')
		fi
		;;
	esac
	local IFS=$'\n'
	# Names of units hold backslashes, which compgen would take for escapes.
	COMPREPLY=()
	for word in $words; do
		[[ $word == "$current"* ]] && COMPREPLY+=("$(printf '%q' "$word")")
	done
}
complete -o default -F _perfctl perfctl
