# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs that go and come back while a recording is under way: their ticks come back with them, and
the time that they were away is not called missed."""

import contextlib
import itertools
import pathlib
import sqlite3
import time

import support
from test_continuous import configure, wait_stored

CPU = pathlib.Path('/sys/devices/system/cpu/cpu1/online')
SPIN = 'import time\nend = time.time() + {}\nwhile time.time() < end: pass'


@contextlib.contextmanager
def churn():
    """Control groups that come with a process and go with it."""
    with support.control_groups() as ours:
        numbers = itertools.count()

        def come_and_go():
            group = ours / f'short{next(numbers)}.service'
            support.run(*support.in_group(group, 'true'))
            support.wait_until(lambda: not (group / 'cgroup.procs').read_text(), 'it is empty')
            group.rmdir()

        with support.meanwhile(come_and_go):
            yield


def has_no_gap(store):
    with contextlib.closing(sqlite3.connect(store)) as database:
        support.check(database.execute('PRAGMA integrity_check').fetchone() == ('ok',), 'integrity')
        windows = database.execute('SELECT t0, t1 FROM window ORDER BY t0').fetchall()
    support.check(len(windows) > 5, windows)
    for (_, end), (begin, _) in zip(windows, windows[1:]):
        support.check(begin - end < 150e6, f'{(begin - end) / 1e6} ms are missing')


def test_a_cpu_that_comes_back_is_sampled_again():
    """In a recording; and in what is kept of the whole system, while control groups come and go too."""
    if not CPU.exists():
        raise support.Skip('CPU 1 cannot be taken offline here')
    with support.directory() as where, churn(), \
            support.started('/usr/bin/python3', '-c', SPIN.format(30)) as one, \
            support.started('/usr/bin/python3', '-c', SPIN.format(30)) as two:
        output, store = where / 'hotplug.pb.gz', where / 'state' / 'profiles.db'
        with support.daemon('--config', configure(where, store)) as daemon:
            wait_stored(daemon, 1)
            recording = support.subprocess.Popen(
                [str(support.PERFCTL), 'record', '--socket', daemon.socket, '-q', '--json', '-F', '499',
                 '-d', '9', '-p', f'{one.pid},{two.pid}', '-o', str(output)],
                stdout=support.subprocess.PIPE)
            try:
                time.sleep(3)
                CPU.write_text('0')
                time.sleep(3)
            finally:
                CPU.write_text('1')
            summary = support.load_json(recording.communicate(timeout=60)[0])
            status = daemon.status()
            support.check(status['storeState'] == 'good' and not status['windowsDropped'], status)
            kept = daemon.perfctl('query', '--since', '1m', '--by', 'process').out
            for process in (one, two):
                support.check(f'({process.pid})' in kept, kept)
        has_no_gap(store)
        support.ledger_adds_up(summary)
        conditions = summary['conditions']
        support.check(summary['ledger']['missed'] < 0.05 * summary['ledger']['taken'],
                      summary['ledger'])
        support.check(abs(conditions['frequency_reached'] / 499 - 1) < 0.1, conditions)


if __name__ == '__main__':
    support.main(globals())
