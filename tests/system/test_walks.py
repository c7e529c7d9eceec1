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


def test_contexts_are_complete_down_to_where_they_begin():
    for arguments in ((), ('with-successor',)):
        with support.directory() as where, started(PROGRAMS / 'context', *arguments) as program:
            recorded = record(where, '-p', program.pid, '-d', 1, '-F', 499)
        check(recorded.ledger['complete'] >= 0.95 * recorded.ledger['kept'], recorded.ledger)
        recorded.mostly(recorded.count('context_main', 'context_work'))
        for stack, _ in recorded.stacks:
            # libc has no name for it that everybody sees.
            check('context_work' not in stack or
                  (stack[1].startswith(('__start_context', '[libc.so.6+')) and
                   stack[2:4] == ['context_main', 'context_work']), stack)


def test_frames_of_all_shapes_are_complete():
    """Signals, on a stack of their own too, the vdso, exceptions, stubs of the linker, realigned
    frames: in the kernel as in the unwinder's own test."""
    program = support.BUILD / 'tests' / 'unwind' / 'shapes-gcc-O2'
    with support.directory() as where, support.daemon('--max-frames', 1024) as daemon, \
            started(program) as process:
        recorded = record(where, '-p', process.pid, '-d', 3, '-F', 997, daemon=daemon)
    print(f"  {recorded.ledger['complete']} of {recorded.ledger['kept']} complete, truncated: "
          f"{recorded.ledger['truncated']}", flush=True)
    # libgcc's unwinder writes over the registers that it has saved when it has found a handler.
    check(recorded.ledger['complete'] >= 0.98 * recorded.ledger['kept'], recorded.ledger)
    check(any(stack[1] in ('_start', '__libc_start_call_main') or 'main' in stack[:6]
              for stack, _ in recorded.stacks), recorded.text[:2000])


def hostile(mode, *reasons, share=0.95):
    """All samples are there, nearly all of them end for one of these reasons, and the daemon lives."""
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'hostile', mode) as program:
            recorded = record(where, '-p', program.pid, '-d', 1, '-F', 997, daemon=daemon)
            check(program.poll() is None, 'the target ended')
        check(daemon.is_alive(), daemon.said())
        check(not daemon.perfctl('list').err, 'the daemon does not answer')
    truncated = recorded.ledger['truncated']
    print(f'  {mode}: {recorded.ledger["kept"]} samples, truncated: {truncated}', flush=True)
    check(sum(truncated.get(reason, 0) for reason in reasons) >= share * recorded.ledger['kept'],
          recorded.ledger)
    check(max(len(stack) for stack, _ in recorded.stacks) <= 127 + 127 + 2, 'frames')


def test_frame_pointers_in_a_circle_end():
    hostile('frame-loop', 'fp-bad')


def test_signal_frames_in_a_circle_end():
    hostile('signal-loop', 'depth')


def test_stacks_at_the_end_of_the_address_space_end():
    hostile('top', 'read-fault')
    hostile('wrap', 'stack-backwards', 'read-fault')


# What an overwritten stack can end with: where it leads is anybody's guess.
ANY = ('read-fault', 'stack-backwards', 'no-mapping', 'not-executable', 'depth', 'no-rule', 'fp-bad',
       'fp-end', 'lost-rbp', 'lost-register', 'mapping-race', 'unsupported-rule')


def test_stacks_that_are_overwritten_end():
    hostile('scribble', *ANY, share=0.1)


def test_stacks_that_are_unmapped_and_mapped_anew_end():
    hostile('remap', *ANY, share=0.1)


if __name__ == '__main__':
    support.main(globals())
