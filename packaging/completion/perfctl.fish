# SPDX-License-Identifier: GPL-2.0-or-later
# Completion of perfctl for fish. What there is to complete, perfctl says itself.

function __perfctl_options
    set -l words (commandline -opc)
    perfctl $words[2] --help 2>/dev/null | string match -r -a -- '--[a-z][a-z-]*' | sort -u
end

complete -c perfctl -n __fish_use_subcommand -f -a "(perfctl help 2>/dev/null | string replace -rf '^  ([a-z]+) +(.*)' '\$1\t\$2')"
complete -c perfctl -n 'not __fish_use_subcommand; and string match -q -- "-*" (commandline -ct)' -f -a '(__perfctl_options)'
complete -c perfctl -s p -l pid -x -a '(perfctl list --names pids 2>/dev/null)'
complete -c perfctl -s u -l unit -x -a '(perfctl list --names units 2>/dev/null)'
complete -c perfctl -l container -x -a '(perfctl list --names containers 2>/dev/null)'
complete -c perfctl -l uid -x -a '(__fish_complete_users)'
