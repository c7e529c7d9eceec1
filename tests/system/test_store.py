# SPDX-License-Identifier: GPL-2.0-or-later
"""What may befall the store: the end of either process at any moment, disks that cannot be written,
files that are damaged or of another version. Profiling goes on, what is wrong is told, nothing that was
stored before is harmed, and when it can be stored again it is."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import sqlite3
import time

import support
from support import PROGRAMS, check, started, wait_until
from test_continuous import configure, wait_stored, writers

# How often somebody is killed: so often each in full.
KILLS = (70, 30) if os.environ.get('PERFCTL_FULL') else (2, 1)
WINDOW = 1
# Seconds that a window takes from its end into the store, at most: a tenth, where nobody else is at work.
IN_FLIGHT = 1
VERSION_2 = pathlib.Path(__file__).parents[1] / 'unit' / 'daemon' / 'store' / 'version-2.sql'


def windows(store):
    """[(begin, end)] in seconds, of a store that must be whole."""
    with contextlib.closing(sqlite3.connect(store)) as database:
        damage = database.execute('PRAGMA integrity_check').fetchall()
        check(damage == [('ok',)], damage)
        return [(t0 / 1e9, t1 / 1e9)
                for t0, t1 in database.execute('SELECT t0, t1 FROM window ORDER BY t0')]


def state(daemon, is_state):
    wait_until(lambda: daemon.status()['storeState'] == is_state, is_state, 20)


def is_told(daemon, word, sentence):
    """In the status, in the metrics, and once in the log; and samples are taken all the time."""
    state(daemon, word)
    metrics = daemon.perfctl('metrics').out
    check(f'perfd_store_state{{perfd_store_state="{word}"}} 1\n' in metrics, metrics)
    log = daemon.log.read_text()
    check(log.count(sentence) == 1, log)
    taken = daemon.status()['samplesTaken']
    wait_until(lambda: daemon.status()['samplesTaken'] > taken + 20, 'profiling', 10)


def is_stored_again(daemon):
    state(daemon, 'good')
    wait_until(lambda: daemon.status()['windowsWaiting'] <= 1, 'what had waited', 20)
    check(not daemon.status()['windowsDropped'], daemon.status())


@contextlib.contextmanager
def small_disk(size):
    with support.directory() as where:
        disk = where / 'disk'
        disk.mkdir()
        support.run('mount', '-t', 'tmpfs', '-o', f'size={size}', 'none', disk)
        try:
            yield disk
        finally:
            support.run('umount', '-l', disk)


@contextlib.contextmanager
def one_at_work(config):
    with started(PROGRAMS / 'shares', 300, 10000), support.daemon('--config', config) as daemon:
        yield daemon


@contextlib.contextmanager
def names_held_back(daemon, where):
    """A program that was never seen before runs, and who would name it stands still."""
    workers = [pid for pid in daemon.children() if support.comm(pid).startswith('perfd-elf')]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    program = where / f'program-{time.monotonic_ns()}'
    shutil.copy(PROGRAMS / 'shares', program)
    try:
        with started(program, 900, 10000):
            yield
    finally:
        program.unlink()
        for pid in workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def lost_before(store, begin, end):
    """Seconds until the end that are in no window: none before those."""
    found = [window for window in windows(store) if begin <= window[0] < end]
    for (_, a), (b, _) in zip(found, found[1:]):
        check(b - a < WINDOW / 2, f'{b - a:.3f} s are missing')
    return end - found[-1][1]


def test_killed_at_any_moment():
    """kill -9 of perfd-store loses nothing; of perfd, or of both at once, the open window and what is on
    its way to the store, though the window before may still wait for names."""
    chance, most, ended = random.Random(1), 0, None
    with support.directory() as where, started(PROGRAMS / 'shares', 900, 10000):
        store = where / 'state' / 'profiles.db'
        config = configure(where, store)
        for n_life in range(KILLS[1] + 1):
            with support.daemon('--config', config) as daemon:
                begin = time.time()
                wait_stored(daemon, 1)
                check(not daemon.status()['storesSetAside'], daemon.status())
                if ended:
                    most = max(most, lost_before(store, *ended))
                    check(most < WINDOW + IN_FLIGHT, f'life {n_life}: {most:.3f} s are lost')
                if n_life == KILLS[1]:
                    break
                for _ in range(KILLS[0] // KILLS[1]):
                    time.sleep(chance.uniform(0, 0.5))
                    wait_until(lambda d=daemon: writers(d), 'a writer')
                    for pid in writers(daemon):
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(pid, signal.SIGKILL)
                wait_stored(daemon, daemon.status()['windowsStored'] + 2)
                status = daemon.status()
                check(status['storeRestarts'] >= 1 and not status['windowsDropped'], status)
                check(not status['storesSetAside'], status)
                with names_held_back(daemon, where):
                    time.sleep(chance.uniform(2.5, 3.5) * WINDOW)
                    for pid in [daemon.pid, *(writers(daemon) if n_life % 2 else [])]:
                        os.kill(pid, signal.SIGKILL)
                    ended = begin, time.time()
                    daemon.process.wait()
        print(f'     {KILLS[0]} ends of perfd-store, {KILLS[1]} of perfd, every other one with '
              f'perfd-store; at most {most:.2f} s were lost, with windows of {WINDOW} s')


def test_a_store_of_an_earlier_version_is_brought_up_to_date():
    """What it had is asked as before."""
    with support.directory() as where:
        store = where / 'state' / 'profiles.db'
        config = configure(where, store)
        with one_at_work(config) as daemon:
            wait_stored(daemon, 1)
        owner = store.stat()
        with contextlib.closing(sqlite3.connect(where / 'older')) as file:
            file.executescript(VERSION_2.read_text())
            # As if it had been written an hour ago.
            late = int(time.time()) - 3600 - file.execute('SELECT max(t1) FROM window').fetchone()[0] // 10**9
            file.execute('UPDATE window SET t0 = t0 + ?, t1 = t1 + ?', (late * 10**9, late * 10**9))
            for table in ('str', 'frame', 'stack', 'thread'):
                file.execute(f'UPDATE {table} SET last = last + ?', (late,))
            file.commit()
        shutil.copyfile(where / 'older', store)
        check((store.stat().st_uid, store.stat().st_ino) == (owner.st_uid, owner.st_ino), 'its owner')
        before = windows(store)
        with one_at_work(config) as daemon:
            wait_stored(daemon, 2)
            check(not daemon.status()['storesSetAside'], daemon.status())
            old = daemon.perfctl('query', '--since', '2h', '--until', '59m').out
            check('late' in old and 'f21' in old, old)
            check('share_50' in daemon.perfctl('query', '--since', '1m').out, 'the names')
        check(windows(store)[:len(before)] == before, 'windows before')


def test_a_damaged_page_is_put_aside_with_its_file():
    with support.directory() as where:
        store = where / 'state' / 'profiles.db'
        config = configure(where, store)
        with one_at_work(config) as daemon:
            wait_stored(daemon, 2)
        with open(store, 'r+b') as file:
            for page in range(2, store.stat().st_size // 4096):
                file.seek(page * 4096)
                file.write(b'\xff' * 64)
        damaged = store.read_bytes()
        with one_at_work(config) as daemon:
            wait_stored(daemon, 2)
            status = daemon.status()
            check(status['storesSetAside'] == 1 and status['storeState'] == 'good', status)
            check('was damaged; it was put aside' in daemon.log.read_text(), 'the log')
            check('perfd_stores_set_aside_total 1\n' in daemon.perfctl('metrics').out, 'metrics')
            check(not status['windowsDropped'], status)
        (aside,) = store.parent.glob('profiles.db.damaged-*[0-9]')
        check(aside.read_bytes() == damaged, 'what was put aside was changed')
        windows(store)


@support.only_full
def test_a_disk_that_is_read_only():
    with small_disk('64m') as disk:
        store = disk / 'state' / 'profiles.db'
        config = configure(disk.parent, store)
        with one_at_work(config) as daemon:
            wait_stored(daemon, 2)
        support.run('mount', '-o', 'remount,ro', disk)
        with one_at_work(config) as daemon:
            is_told(daemon, 'read-only', 'it cannot be written')
            support.run('mount', '-o', 'remount,rw', disk)
            is_stored_again(daemon)
        check(len(windows(store)) > 3, 'windows')


@support.only_full
def test_a_store_of_somebody_else():
    with support.directory() as where:
        store = where / 'state' / 'profiles.db'
        config = configure(where, store)
        with one_at_work(config) as daemon:
            wait_stored(daemon, 2)
        owner = store.stat().st_uid, store.stat().st_gid
        for path in (store, store.parent):
            os.chown(path, 0, 0)
        shutil.copy(store, where / 'before')
        with one_at_work(config) as daemon:
            is_told(daemon, 'read-only', 'must belong to the user')
            check(store.read_bytes() == (where / 'before').read_bytes(), 'it was changed')
            for path in (store, store.parent):
                os.chown(path, *owner)
            is_stored_again(daemon)
        check(len(windows(store)) > 3, 'windows')


@support.only_full
def test_a_disk_filled_to_the_brim_again_and_again():
    """Each time with another number of pages left, so that another write is the one that fails."""
    with small_disk('4m') as disk:
        store, ballast = disk / 'state' / 'profiles.db', disk / 'ballast'
        config = configure(disk.parent, store)
        with one_at_work(config) as daemon:
            wait_stored(daemon, 2)
            for left in range(0, 24, 3):
                with contextlib.suppress(OSError), open(ballast, 'wb', buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
                os.truncate(ballast, max(0, ballast.stat().st_size - left * 4096))
                state(daemon, 'full')
                ballast.unlink()
                support.run('mount', '-o', f'remount,size={8 + left}m', disk)
                is_stored_again(daemon)
                windows(store)
            check('the disk is full' in daemon.log.read_text(), 'the log')
            check(not daemon.status()['storesSetAside'], daemon.status())


if __name__ == '__main__':
    support.main(globals())
