# SPDX-License-Identifier: GPL-2.0-or-later
"""Processes that live for some ten milliseconds each, in a whole system that is recorded with cold
tables: what decides is how soon the tables of what they execute are there, and that nothing has to be
learned of a process before its first sample."""

import shutil

import support
from support import check, started

FREQUENCY = 997
# Reading and compiling all that is mapped on this host may take the first of them.
WARM, SECONDS = 2, 6
SOURCE = ('#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n'
          'int f(int x) { char b[99]; snprintf(b, 99, "%d", x); return strlen(b) + x; }\n'
          + ''.join(f'int g{i}(int x) {{ int s = 0; for (int k = 0; k < x; k++) s += f(k ^ {i});'
                    ' return s; }\n' for i in range(40)))
COMPILERS = ('gcc', 'cc1', 'as', 'sh')


def judge(profile, where, since, until):
    """How many stacks the compilers have in this time, how many of them are complete, and why not."""
    n = n_complete = 0
    lost = {}
    for comm in COMPILERS:
        support.perfctl('convert', '--comm', comm, '--from', since, '--to', until, profile,
                        where / 'part.folded', expect=None)
        text = (where / 'part.folded').read_text() if (where / 'part.folded').exists() else ''
        for stack, count in support.folded(text):
            n += count
            if len(stack) > 1 and stack[1].startswith('[truncated'):
                lost[stack[1]] = lost.get(stack[1], 0) + count
            else:
                n_complete += count
        (where / 'part.folded').unlink(missing_ok=True)
    print(f'  from {since} to {until} s: {n_complete} of {n} complete, {lost}', flush=True)
    return n, n_complete


def test_an_endless_loop_of_compilers_is_complete_after_two_seconds():
    if not shutil.which('gcc'):
        raise support.Skip('gcc is not installed')
    with support.directory() as where, support.daemon('--cache-directory', '') as daemon:
        for name in 'abc':
            (where / f'{name}.c').write_text(SOURCE)
        with started('sh', '-c', 'while :; do for f in a b c; do gcc -O1 -c $f.c; done; done',
                     cwd=where):
            done = daemon.perfctl('record', '-a', '-d', SECONDS, '-F', FREQUENCY, '--json', '-o',
                                  where / 'all.pb.gz', timeout=120)
        support.ledger_adds_up(support.load_json(done.out))
        judge(where / 'all.pb.gz', where, 0, WARM)
        n, n_complete = judge(where / 'all.pb.gz', where, WARM, SECONDS)
        check(n > 100, f'{n} stacks of compilers are no load')
        check(n_complete >= 0.9 * n, f'{n_complete} of {n}')


if __name__ == '__main__':
    support.main(globals())
