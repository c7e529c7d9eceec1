# SPDX-License-Identifier: GPL-2.0-or-later
"""Walks of user stacks that are very deep, that leave the ordinary, or that somebody has prepared: each
ends where it should, with a reason that has a name."""

import support
from support import PROGRAMS, check, record, run, started

DEEP = 600


def only_truncated(recorded, reason, at_least=0.95):
    ledger = recorded.ledger
    check(ledger['truncated'].get(reason, 0) >= at_least * ledger['kept'], ledger)


def test_deep_recursion_is_cut_by_default():
    with support.directory() as where, started(PROGRAMS / 'recurse', DEEP) as program:
        recorded = record(where, '-p', program.pid, '-d', 1, '-F', 499)
    only_truncated(recorded, 'depth')
    lengths = {sum(f.startswith(('deeper', 'bottom')) for f in stack) for stack, _ in recorded.stacks}
    # Inside of the kernel nothing is different.
    check(max(lengths) == 127, lengths)


def test_deep_recursion_is_complete_where_the_daemon_takes_more_frames():
    with support.directory() as where, support.daemon('--max-frames', 1024) as daemon, \
            started(PROGRAMS / 'recurse', DEEP) as program:
        recorded = record(where, '-p', program.pid, '-d', 1, '-F', 499, daemon=daemon)
        with started(PROGRAMS / 'recurse', 2000) as deeper:
            cut = record(where, '-p', deeper.pid, '-d', 1, '-F', 499, daemon=daemon)
    check(recorded.ledger['complete'] >= 0.95 * recorded.ledger['kept'], recorded.ledger)
    for stack, _ in recorded.stacks:
        if 'bottom' in stack and 'main' in stack:
            check(stack.count('deeper') == DEEP, stack)
    only_truncated(cut, 'depth')
    check(max(stack.count('deeper') for stack, _ in cut.stacks) == 1023, 'frames')


def test_a_number_of_frames_that_no_sample_has_is_refused():
    for wrong in ('0', '1025', 'many', '-1', ''):
        done = run(support.PERFD, '--max-frames', wrong, expect=2)
        check(f"--max-frames '{wrong}'" in done.err and '1024' in done.err, done.err)


if __name__ == '__main__':
    support.main(globals())
