# SPDX-License-Identifier: GPL-2.0-or-later
"""What one user may have of recordings, of their frequencies and of perfd's memory, so that others
get theirs: what is too much is refused or left out with the limit named."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import support
from support import PERFCTL, PROGRAMS, STRANGER, check, started

MIB = 1 << 20
MEMORY = 32 * MIB
# What perfd.conf says that perfd itself stays below.
BOUND = MEMORY * 3 // 2 + 256 * MIB


def test_perfd_takes_as_many_descriptors_as_it_may_have():
    with support.directory() as where, started(PROGRAMS / 'spin', 60) as program:
        support.run('prlimit', '--nofile=40:4096', PERFCTL, 'record', '--no-daemon', '-p', program.pid,
                    '-d', 0.3, '-q', '-o', where / 'x.folded')
        check((where / 'x.folded').stat().st_size, 'nothing was recorded')


def user(uid, *command):
    return ['setpriv', f'--reuid={uid}', f'--regid={uid}', '--clear-groups', *command]


def detach(daemon, uid, pid, frequency=99, expect=0):
    return support.run(*user(uid, PERFCTL, 'record', '--socket', daemon.socket, '--detach', '-p', pid,
                             '-F', frequency), expect=expect)


@contextlib.contextmanager
def spinning(uids, seconds=60):
    """{uid: pid} of a program of each."""
    with contextlib.ExitStack() as stack, support.directory(0o755) as where:
        shutil.copy(PROGRAMS / 'spin', where / 'spin')
        found = {uid: stack.enter_context(started(*user(uid, where / 'spin', seconds))).pid
                 for uid in uids}
        support.wait_until(lambda: all(support.comm(pid) == 'spin' for pid in found.values()),
                           'they run')
        yield found


def refused(done, what, limit):
    check(what in done.err and f'at most {limit}' in done.err, done.err)


def test_frequencies_of_one_user_have_a_limit_together():
    with support.daemon() as daemon, spinning([STRANGER, STRANGER + 1, 0]) as pids:
        detach(daemon, STRANGER, pids[STRANGER], 9000)
        refused(detach(daemon, STRANGER, pids[STRANGER], 1001, expect=1), "one user's", 10000)
        detach(daemon, STRANGER, pids[STRANGER], 1000)
        detach(daemon, STRANGER + 1, pids[STRANGER + 1], 10000)
        detach(daemon, 0, pids[0], 10000)
        detach(daemon, 0, pids[0], 10000)
        refused(detach(daemon, 0, pids[0], 10001, expect=1), 'frequency', 10000)


def test_the_last_recordings_are_for_those_who_have_few():
    first, second, third, last = uids = [STRANGER + i for i in range(4)]
    with support.daemon() as daemon, spinning([*uids, 0]) as pids:
        for uid in (first, second, third):
            for _ in range(8):
                detach(daemon, uid, pids[uid], 19)
            refused(detach(daemon, uid, pids[uid], 19, expect=1), 'of one user', 8)
        for _ in range(2):
            detach(daemon, last, pids[last], 19)
        refused(detach(daemon, last, pids[last], 19, expect=1), 'recordings under way', 32)
        detach(daemon, 0, pids[0])


def memory(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) * 1024


def flood(daemon, where, n, seconds):
    """Recordings of the flood by its user: the ledger of each."""
    clients = [subprocess.Popen(
        [str(word) for word in user(
            STRANGER, PERFCTL, 'record', '--socket', daemon.socket, '--comm', 'flood', '-F',
            9999 // n, '-d', seconds, '--json', '-o', where / f'{i}.pb.gz')],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for i in range(n)]
    ledgers = []
    for client in clients:
        out, err = client.communicate(timeout=60)
        check(client.returncode == 0, err)
        ledgers.append(support.ledger_adds_up(support.load_json(out)))
    return ledgers


def flood_too_much(daemon, where, n):
    """The same, for as long as it takes the flood to make more than is kept: a busy machine has little
    time for it."""
    for seconds in (2.5, 5, 10):
        ledgers = flood(daemon, where, n, seconds)
        if all(ledger['lost'].get('memory-limit', 0) for ledger in ledgers):
            break
    return ledgers


def test_a_flood_of_stacks_fills_no_more_than_a_share_of_the_memory():
    """What does not fit is counted as such. The flood's kept profiles give way to its next ones, and
    a user beside it gets all of theirs."""
    other = STRANGER + 1
    with support.directory(0o777) as where, contextlib.ExitStack() as stack:
        (where / 'perfd.conf').write_text(f'[limits]\nmemory = {MEMORY // MIB}M\n')
        shutil.copy(PROGRAMS / 'flood', where / 'flood')
        daemon = stack.enter_context(support.daemon('--config', where / 'perfd.conf'))
        pids = stack.enter_context(spinning([other]))
        before = memory(daemon.pid)
        for _ in range(2):
            stack.enter_context(started(*user(STRANGER, where / 'flood', 60)))
        theirs = stack.enter_context(started(
            *user(other, PERFCTL, 'record', '--socket', daemon.socket, '-p', pids[other], '-d', 6,
                  '-F', 99, '--json', '-o', where / 'theirs.folded'), stdout=subprocess.PIPE))
        ledgers = [ledger for n in (1, 2) for ledger in flood_too_much(daemon, where, n)]
        ledger = support.ledger_adds_up(support.load_json(theirs.communicate(timeout=30)[0]))
        check(ledger['kept'] > 20 and not ledger['lost'], f'the other user: {ledger}')
        for each in ledgers:
            check(each['lost'].get('memory-limit', 0) > 0, f'nothing was too much: {each}')
            check(each['kept'] > 100, each)
        print(f'  {before >> 20} MiB before, {memory(daemon.pid) >> 20} MiB at most; bound '
              f'{BOUND >> 20} MiB; kept {[each["kept"] for each in ledgers]}', flush=True)
        check(memory(daemon.pid) < BOUND, 'perfd has grown beyond its bound')
        check(memory(daemon.pid) - before < MEMORY * 3 // 2, 'profiles have grown beyond theirs')


# Maps so many files of code that nobody has a table of yet, and waits.
MAPPER = """
import mmap, sys, time
held = []
for path in sys.argv[1:]:
    with open(path, 'rb') as file:
        held.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ | mmap.PROT_EXEC,
                              flags=mmap.MAP_PRIVATE))
print('ready', flush=True)
time.sleep(60)
"""
FILES = 1200


@support.only_full
def test_files_of_one_user_do_not_keep_others_from_their_tables():
    """A thousand files that nobody has seen wait for a worker: a user who begins behind them has whole
    stacks at once."""
    other = STRANGER + 1
    with support.directory(0o777) as where, support.daemon() as daemon:
        plugin = (PROGRAMS / 'libplugin-first.so').read_bytes()
        build_id = bytes.fromhex(re.search(r'Build ID: (\w+)', support.run(
            'readelf', '-n', PROGRAMS / 'libplugin-first.so').out)[1])
        paths = [where / f'{number}.so' for number in range(FILES)]
        for number, path in enumerate(paths):
            # A table is shared by all that have one build-id.
            path.write_bytes(plugin.replace(build_id, number.to_bytes(len(build_id), 'big')))
            os.chown(path, STRANGER, STRANGER)
        with started(*user(STRANGER, '/usr/bin/python3', '-c', MAPPER, *paths),
                     stdout=subprocess.PIPE) as mapper, spinning([other]) as pids:
            mapper.stdout.readline()
            detach(daemon, STRANGER, mapper.pid)
            support.run(*user(other, PERFCTL, 'record', '--socket', daemon.socket, '-p', pids[other],
                              '-d', 2, '-F', 499, '-o', where / 'theirs.folded'))
        status = daemon.status()
        n_tables = status['unwindTablesCompiled'] + status['unwindTablesRefused']
        stacks = support.folded((where / 'theirs.folded').read_text())
        total = sum(count for _, count in stacks)
        cut = sum(count for stack, count in stacks if stack[1].startswith('[truncated'))
        print(f'  {n_tables} tables, {status["unwindTablesRefused"]} of them refused; {cut} of {total} '
              'stacks of the other user cut', flush=True)
        check(n_tables > FILES / 2, status)
        check(total > 100 and cut < 0.1 * total, f'{cut} of {total} cut short')


if __name__ == '__main__':
    support.main(globals())
