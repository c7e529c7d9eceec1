# SPDX-License-Identifier: GPL-2.0-or-later
"""What the shells offer, by the scripts that are installed and the shells themselves."""

import contextlib
import os
import pathlib
import shutil

import support
from support import BUILD, PROGRAMS, check

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / 'packaging' / 'completion'
# Inside of its completion system a shell of zsh calls the script with these; what it adds is what
# is offered.
ZSH = '''
compadd() { shift; print -l -- "${(@P)1}"; }
_users() { print -l -- ${(f)"$(cut -d: -f1 /etc/passwd)"}; }
_files() { :; }
offer() { source $script; }
script=$1; shift
words=("$@"); CURRENT=$#
offer
'''
BASH = '''
source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_perfctl; printf "%s\\n" "${COMPREPLY[@]}"
'''


def run(*command):
    return support.run(*command, env={**os.environ, 'PATH': f'{BUILD}:/usr/sbin:/usr/bin:/sbin:/bin'})


def by_bash(*words):
    return run('bash', '-c', BASH, SCRIPTS / 'perfctl.bash', *words).out.split()


def by_zsh(*words):
    """All that fits the place: what begins otherwise zsh leaves out by itself."""
    offered = run('zsh', '-f', '-c', ZSH, 'zsh', SCRIPTS / '_perfctl', *words).out.splitlines()
    return [word for word in offered if word.startswith(words[-1])]


def by_fish(*words):
    """Each with what is said of it behind a tab."""
    done = run('fish', '--no-config', '-c', f'source {SCRIPTS}/perfctl.fish; complete -C "{" ".join(words)}"')
    return [line.partition('\t')[0] for line in done.out.splitlines()]


@contextlib.contextmanager
def spinning():
    """In a unit of its own, so that there is one to be offered."""
    with support.control_groups() as groups, \
            support.started(*support.in_group(groups / 'web.service', PROGRAMS / 'spin', 60)) as program:
        support.wait_until(lambda: support.comm(program.pid) == 'spin', 'the program runs')
        yield program


def offers_what_there_is(shell, by):
    if not shutil.which(shell):
        raise support.Skip(f'{shell} is not installed')
    with spinning() as program:
        for words, expected in (
                (('rec',), 'record'), (('',), 'hotspots'), (('record', '--un'), '--unit'),
                (('diff', '--fail'), '--fail-on'), (('record', '-p', ''), str(program.pid)),
                (('record', '--pid', ''), str(program.pid)), (('record', '-u', 'we'), 'web.service'),
                (('record', '--uid', 'no'), 'nobody')):
            found = by('perfctl', *words)
            check(expected in found, f'{words}: {expected} is not in {found[:20]}')
        for words in (('record', '-u', 'no-such'), ('no-su',)):
            found = by('perfctl', *words)
            check(not found, f'{words}: {found[:20]}')


def test_bash_offers_what_there_is():
    offers_what_there_is('bash', by_bash)


def test_zsh_offers_what_there_is():
    offers_what_there_is('zsh', by_zsh)


def test_fish_offers_what_there_is():
    offers_what_there_is('fish', by_fish)


if __name__ == '__main__':
    support.main(globals())
