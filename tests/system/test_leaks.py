# SPDX-License-Identifier: GPL-2.0-or-later
"""One perfd and many recordings: descriptors, children and memory come back to where they were, and
whoever goes away without a word leaves nothing under way."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import support
from support import PERFCTL, PROGRAMS, check, started

# So many finished profiles are kept for a user before the oldest goes (daemon/base/limits.h).
PROFILES_KEPT = 16
RECORDINGS = 30 if os.environ.get('PERFCTL_FULL') else 15
MEMORY_GROWTH_MAX = 3 << 20


def anonymous_bytes(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'RssAnon:\s+(\d+) kB', status)[1]) * 1024


def record_something(where, daemon, number):
    """Another program each time, of a file that is gone after it; some with children, some that
    execute others."""
    copy = where / f'program-{number}'
    kinds = [('spin-alpha', 5), ('forks', 5), ('spin-beta', 0.1, PROGRAMS / 'spin', 5)]
    name, *arguments = kinds[number % len(kinds)]
    shutil.copy(PROGRAMS / name, copy)
    with started(copy, *arguments) as program:
        daemon.perfctl('record', '-q', '-p', program.pid, '-F', 500, '-d', '0.3', '-o',
                       where / 'x.folded')
        check((where / 'x.folded').read_text(), 'nothing was recorded')
    copy.unlink()


def test_many_recordings_leave_perfd_as_it_was():
    with support.directory() as where, support.daemon() as daemon:
        for number in range(PROFILES_KEPT + 1):
            record_something(where, daemon, number)
        fds, helpers = daemon.n_fds(), len(daemon.children())
        memory = anonymous_bytes(daemon.pid)
        for number in range(RECORDINGS):
            record_something(where, daemon, number)
        grown = anonymous_bytes(daemon.pid) - memory
        print(f'  fds {fds} -> {daemon.n_fds()}, helpers {helpers} -> {len(daemon.children())}, '
              f'memory {memory >> 10} KiB + {grown >> 10} KiB')
        # Files stay open for the next recording, one more or less; so do idle helpers.
        support.wait_until(lambda: daemon.n_fds() <= fds + 8, 'descriptors come back')
        check(len(daemon.children()) <= helpers + 2, daemon.children())
        check(grown < MEMORY_GROWTH_MAX, f'{grown} bytes more')
        check(not zombies(daemon), 'children that are not reaped')


def zombies(daemon):
    return [pid for pid in daemon.children()
            if pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2].startswith('Z')]


def under_way(daemon):
    listed = support.load_json(daemon.perfctl('list', '--json').out)['recordings']
    return [r for r in listed if r['state'] not in ('finished', 'failed')]


def test_a_client_that_is_killed_ends_its_recording():
    with support.directory() as where, support.daemon() as daemon, \
            started(PROGRAMS / 'spin', 30) as program:
        fds = daemon.n_fds()
        for _ in range(5):
            with started(PERFCTL, 'record', '--socket', daemon.socket, '-p', program.pid, '-o',
                         where / 'x.folded') as client:
                support.wait_until(lambda: under_way(daemon), 'the recording begins')
                client.kill()
                client.wait()
                support.wait_until(lambda: not under_way(daemon), 'its recording is ended')
        for leftover in where.iterdir():
            leftover.unlink()  # SIGKILL leaves the client no time to remove it
        daemon.perfctl('record', '-p', program.pid, '-d', 1, '-o', where / 'x.folded')
        check('spin_leaf' in (where / 'x.folded').read_text(), 'the next recording')
        check(daemon.n_fds() < fds + 20, f'{fds} descriptors before, {daemon.n_fds()} after')


def test_a_client_that_is_killed_takes_its_private_daemon_with_it():
    with support.directory() as where, started(PROGRAMS / 'spin', 30) as program:
        with started(PERFCTL, 'record', '--no-daemon', '-p', program.pid, '-o',
                     where / 'x.folded') as client:
            support.wait_until(lambda: len(support.ours(but=[client.pid])) >= 2, 'perfd runs')
            time.sleep(0.5)
            client.kill()
            client.wait()
        support.nothing_is_left()


def test_a_private_daemon_that_is_killed_fails_the_recording():
    with support.directory() as where, started(PROGRAMS / 'spin', 30) as program:
        process = subprocess.Popen(
            [str(w) for w in (PERFCTL, 'record', '--no-daemon', '-p', program.pid, '-d', 20, '-o',
                              where / 'x.folded')],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)

        def daemon():
            return [pid for pid in support.children(process.pid)
                    if support.ours().get(pid) == str(support.PERFD)]

        pid = support.wait_until(daemon, 'perfd runs')[0]
        time.sleep(1)
        os.kill(pid, signal.SIGKILL)
        _, err = process.communicate(timeout=30)
        check(process.returncode == 6, (process.returncode, err))
        check(b'perfd' in err, err)
        support.nothing_is_left(where)
        check(not (where / 'x.folded').exists(), 'a file without a recording')


def test_ending_perfd_leaves_no_helper():
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        with support.daemon() as daemon, started(PROGRAMS / 'spin', 30) as program:
            daemon.perfctl('record', '--detach', '-p', program.pid)
            time.sleep(1)
            daemon.process.send_signal(number)
            status = daemon.process.wait(10)
            check(status == (0 if number != signal.SIGKILL else -number), f'status {status}')
            support.nothing_is_left()
            check(number == signal.SIGKILL or not daemon.socket.exists(), 'the socket is left')


if __name__ == '__main__':
    support.main(globals())
