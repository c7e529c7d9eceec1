# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be aimed at: the whole system, threads, names, users, and what of these a user who is no
admin gets. Whatever is recorded is the target's, and nobody else's."""

import contextlib
import os
import re
import subprocess
import time

import support
from support import PERFCTL, PROGRAMS, as_stranger, check, record, started


def tasks(recorded):
    """{(comm, pid, tid): samples}, out of the native file."""
    text = recorded.profile.with_suffix('').with_suffix('.perf')
    support.perfctl('convert', recorded.profile, text)
    found = {}
    for comm, pid, tid in re.findall(r'^(\S.*?)\s+(\d+)/(\d+)\s', text.read_text(), re.MULTILINE):
        key = comm, int(pid), int(tid)
        found[key] = found.get(key, 0) + 1
    check(sum(found.values()) == recorded.ledger['kept'], f'{found}\n{recorded.ledger}')
    return found


def pids(recorded):
    return {pid for _, pid, _ in tasks(recorded)}


@contextlib.contextmanager
def spinning(*wrapper, name='spin', seconds=20):
    with started(*wrapper, PROGRAMS / name, seconds) as program:
        support.wait_until(lambda: support.comm(program.pid) == name, 'it runs')
        yield program


def test_the_whole_system():
    with support.directory() as where, spinning() as one, spinning(name='spin-alpha') as other:
        recorded = record(where, '-a', '-d', 3, '-F', 199)
        recorded.has('spin', 'spin_leaf')
        recorded.has('spin-alpha', 'alpha_leaf')
        check({one.pid, other.pid} <= pids(recorded), pids(recorded))
        check(0 not in pids(recorded), 'idle CPUs were sampled')
        target = recorded.summary['conditions']['target']
        check(target == 'the whole system', target)


def test_the_whole_system_has_kernel_threads_with_kernel_stacks():
    """Writing through a loop of discarded pages keeps kernel threads busy on any host."""
    with support.directory() as where:
        with started('sh', '-c', 'while :; do head -c 64M /dev/zero > $0/x; sync $0/x; '
                                 'rm $0/x; done', where):
            recorded = record(where, '-a', '-d', 5, '-F', 999)
        threads = recorded.ledger['no_user_stack'].get('kernel-thread', 0)
        check(threads, recorded.ledger)
        names = [stack for stack, _ in recorded.stacks if 'ret_from_fork_asm' in stack]
        check(names, 'no stack of a kernel thread')


def test_a_thread_alone():
    with support.directory() as where:
        with started(PROGRAMS / 'threads', 2, 20000, 20, stdout=subprocess.PIPE) as program:
            tid = int(program.stdout.readline().split()[0])
            recorded = record(where, '-t', tid, '-d', 2, '-F', 199)
        found = tasks(recorded)
        check({t for _, _, t in found} == {tid}, f'{tid}: {found}')
        check({p for _, p, _ in found} == {program.pid}, found)
        recorded.has('thread_work')


def test_a_thread_that_ends_ends_its_recording():
    with support.directory() as where:
        with started(PROGRAMS / 'threads', 1, 1500, 1.5, stdout=subprocess.PIPE) as program:
            tid = int(program.stdout.readline().split()[0])
            start = time.monotonic()
            record(where, '-t', tid, '-d', 30)
            check(time.monotonic() - start < 10, 'the recording outlived its thread')


def test_no_such_thread():
    with support.directory() as where:
        done = support.perfctl('record', '--no-daemon', '-t', 2 ** 22 + 1, '-d', 1, '-o',
                               where / 'x.folded', expect=5)
        check(str(2 ** 22 + 1) in done.err, done.err)


def test_processes_by_name_also_those_that_come():
    with support.directory() as where, support.daemon() as daemon:
        with spinning() as before, spinning(name='spin-beta') as other:
            with started('sh', '-c', f'sleep 1; exec {PROGRAMS}/spin 10') as after:
                recorded = record(where, '--comm', 'spin', '-d', 3, '-F', 199, daemon=daemon)
            found = tasks(recorded)
            check({pid for _, pid, _ in found} == {before.pid, after.pid}, (other.pid, found))
            check({name for name, _, _ in found} == {'spin'}, found)


def test_what_named_processes_start_is_in_unless_asked_otherwise():
    with support.directory() as where, support.daemon() as daemon:
        with started('sh', '-c', f'{PROGRAMS}/spin-alpha 8; {PROGRAMS}/spin-beta 8') as shell:
            name = support.comm(shell.pid)
            time.sleep(0.3)
            recorded = record(where, '--comm', name, '-p', shell.pid, '-d', 2, daemon=daemon)
            recorded.has('alpha_leaf')
            support.perfctl('record', '--socket', daemon.socket, '-p', shell.pid,
                            '--no-children', '-d', 1, '-o', where / 'x.folded')
            check('alpha_leaf' not in (where / 'x.folded').read_text(), 'a child was in')


def test_nobody_has_this_name():
    with support.directory() as where:
        done = support.perfctl('record', '--no-daemon', '--comm', 'no-such-name', '-d', 1, '-o',
                               where / 'x.folded', expect=5)
        check('no-such-name' in done.err, done.err)


def test_a_users_processes():
    with support.directory() as where, support.daemon() as daemon:
        with spinning() as ours, spinning(*as_stranger()) as theirs:
            recorded = record(where, '--uid', support.STRANGER, '-d', 2, '-F', 199, daemon=daemon)
            check(pids(recorded) == {theirs.pid}, (ours.pid, theirs.pid, tasks(recorded)))
            recorded = record(where, '--uid', 'root', '--comm', 'spin', '-d', 2, '-F', 199,
                              daemon=daemon)
            check(pids(recorded) == {ours.pid}, (ours.pid, theirs.pid, tasks(recorded)))


def stranger_record(daemon, where, *arguments, **options):
    return support.run(*as_stranger(PERFCTL, 'record', '--socket', daemon.socket, '-o',
                                    where / 'recorded.pb.gz', '-o', where / 'recorded.folded',
                                    '-o', where / 'recorded.svg', '--json', *arguments), **options)


def test_of_a_set_a_user_gets_what_is_theirs():
    with support.directory(0o777) as where, support.daemon() as daemon:
        with spinning() as ours, spinning(*as_stranger()) as theirs:
            for target in (['-a'], ['--comm', 'spin'], ['--uid', support.STRANGER]):
                done = stranger_record(daemon, where, *target, '-d', 2, '-F', 199)
                recorded = support.Recording(done, where)
                found = {pid for name, pid, _ in tasks(recorded) if name != 'perfctl'}
                check(found == {theirs.pid},
                      f'{target}: {ours.pid} {theirs.pid} {tasks(recorded)}')
                check(recorded.ledger['not_permitted'] == 0, recorded.ledger)
                notes = recorded.summary['conditions'].get('notes') or ''
                is_narrowed = target[0] != '--uid'
                check(bool(re.search(r'\d+ processes? left out', notes)) == is_narrowed, notes)


def test_a_set_without_anything_of_theirs_is_refused_to_a_user():
    with support.directory(0o777) as where, support.daemon() as daemon:
        with spinning(), spinning(name='spin-alpha'):
            done = stranger_record(daemon, where, '--comm', 'spin', '-d', 2, expect=4)
            check(re.search('belong to others', done.err), done.err)
            stranger_record(daemon, where, '--uid', 'root', '-d', 2, expect=4)
            stranger_record(daemon, where, '-t', os.getpid(), '-d', 2, expect=4)
            check('denied' in daemon.log.read_text(), 'no trace in the log')


if __name__ == '__main__':
    support.main(globals())
