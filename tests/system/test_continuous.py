# SPDX-License-Identifier: GPL-2.0-or-later
"""Continuous profiles: windows without a seam, asked by time and label, by those who may see them;
through a full disk and a reload."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

import support
from support import PROGRAMS, as_stranger, check, started, wait_until


def configure(where, store, **keys):
    keys = {'enabled': 'yes', 'window': '1s', 'frequency': 199, **keys}
    path = where / 'perfd.conf'
    path.write_text('[continuous]\n' + ''.join(f'{k} = {v}\n' for k, v in keys.items()) +
                    f'[store]\npath = {store}\n[budget]\ncpu = 1000\n')
    return path


@contextlib.contextmanager
def keeping(**keys):
    """A daemon that keeps windows of a second, and its store."""
    with support.directory() as where:
        store = where / 'state' / 'profiles.db'
        config = configure(where, store, **keys)
        with support.daemon('--config', config) as daemon:
            daemon.config, daemon.store = config, store
            wait_stored(daemon, 1)
            yield daemon


def wait_stored(daemon, n):
    wait_until(lambda: daemon.status()['windowsStored'] >= n, f'{n} windows', 20)


def writers(daemon):
    found = []
    for pid in daemon.children():
        with contextlib.suppress(OSError):  # it has ended meanwhile
            if support.comm(pid) == 'perfd-store':
                found.append(pid)
    return found


def database(daemon):
    """Of a store that nobody writes any more."""
    return contextlib.closing(sqlite3.connect(daemon.store))


def share(daemon, function, *arguments):
    report = json.loads(daemon.perfctl('query', '--function', function, '--series', '--json', '-n',
                                       1, *arguments).out)
    return report[0]['with'] / max(report[0]['samples'], 1), report[0]['samples']


def test_it_is_asked_by_time_and_label():
    with keeping() as daemon, started(PROGRAMS / 'shares', 30, 10000) as program:
        begin = time.time()

        def is_enough():
            with contextlib.suppress(AssertionError):  # there is no such function yet
                return share(daemon, 'share_50', '--comm', 'shares')[1] > 200

        wait_until(is_enough, 'samples', 30)
        found, n = share(daemon, 'share_50', '--comm', 'shares')
        check(0.4 < found < 0.6, (found, n))
        check(share(daemon, 'share_50', '-p', program.pid)[1] > 200, 'by pid')
        os.environ['PERFCTL_SOCKET'] = str(daemon.socket)
        try:
            picture = pathlib.Path(daemon.config).parent / 'x.svg'
            source = f'store:{time.time() - begin:.0f},comm=shares'
            support.perfctl('flame', source, '-o', picture)
            check('share_30' in picture.read_text(), 'the picture')
            check('share_50' in support.perfctl('hotspots', source).out, 'hotspots')
            check('share_50' in support.perfctl('diff', source, source).out, 'diff')
            support.perfctl('query', '--since', '20s', '--function', 'share_50', '--series', '-o',
                            picture)
            text = picture.read_text()
            check('Share of share_50' in text and 'class="share"' in text, text)
            check('class="gap"' in text, 'nothing was recorded before perfd was started')
        finally:
            del os.environ['PERFCTL_SOCKET']
        done = daemon.perfctl('query', '--since', '2001-01-01', '--until', '2001-01-02', expect=5)
        check('nothing was recorded' in done.err, done.err)


def test_there_is_no_seam():
    """Windows follow each other without a gap, through a reload too, and the end loses none."""
    with keeping() as daemon, started(PROGRAMS / 'shares', 30, 10000):
        wait_stored(daemon, 3)
        configure(daemon.config.parent, daemon.store, frequency=299)
        os.kill(daemon.pid, signal.SIGHUP)
        wait_stored(daemon, 8)
        support.end(daemon.process)
        with database(daemon) as store:
            rows = store.execute('SELECT t0, t1 FROM window ORDER BY t0').fetchall()
            check(store.execute('PRAGMA integrity_check').fetchone() == ('ok',), 'integrity')
            rates = {rate for (rate,) in store.execute('SELECT DISTINCT rate FROM window')}
        check(rates == {199.0, 299.0}, rates)
        check(len(rows) >= 9, rows)
        for (_, end), (begin, _) in zip(rows, rows[1:]):
            # A busy machine is late by some hundredths; a reload that waited would be by a quarter.
            check(begin - end < 150e6, f'{(begin - end) / 1e6} ms are missing')


def test_everybody_sees_their_own():
    with keeping() as daemon, started(*as_stranger(PROGRAMS / 'shares', 30, 10000)), \
            started('sh', '-c', 'while :; do :; done'):
        wait_stored(daemon, daemon.status()['windowsStored'] + 4)
        everything = daemon.perfctl('query', '--by', 'process').out
        check('shares' in everything and 'sh ' in everything, everything)
        own = support.run(*as_stranger(support.PERFCTL, 'query', '--socket', daemon.socket,
                                       '--by', 'process')).out
        check('shares' in own, own)
        check('sh ' not in own and 'perfd' not in own, own)


def clock(seconds):
    return time.strftime('%H:%M:%S', time.localtime(seconds))


@support.only_full
def test_what_changed_since_the_deploy():
    """A service is replaced by a slower build while it is profiled: one command says in what."""
    with support.directory() as where, support.control_groups() as group:
        with keeping(frequency=997) as daemon:
            program, unit = where / 'service', group / 'shop.service'
            moments = []
            for build in ('service', 'service-slower'):
                program.unlink(missing_ok=True)
                shutil.copy(PROGRAMS / build, program)
                moments.append(time.time() + 1)
                with started(*support.in_group(unit, program)):
                    time.sleep(21)
                    moments.append(time.time())
            wait_stored(daemon, daemon.status()['windowsStored'] + 2)
            before, after = (f'store:{clock(a)}..{clock(b)},unit=shop'
                             for a, b in (moments[:2], moments[2:]))
            environment = {**os.environ, 'PERFCTL_SOCKET': str(daemon.socket)}
            done = support.perfctl('diff', '--fail-on', '10%', before, after, expect=3,
                                   env=environment)
            row = next(line for line in done.out.splitlines() if 'look_up_record' in line)
            check('slower' in row and 'Gate: look_up_record grew' in done.out, done.out)
            print('    ', row.strip())
            support.perfctl('diff', '--fail-on', '10%', before, before, env=environment)


@support.only_full
def test_a_full_disk_stops_storing_and_nothing_else():
    with support.directory() as where:
        disk = where / 'disk'
        disk.mkdir()
        support.run('mount', '-t', 'tmpfs', '-o', 'size=1m', 'none', disk)
        try:
            ballast = disk / 'ballast'
            config = configure(where, disk / 'state' / 'profiles.db')
            with support.daemon('--config', config) as daemon:
                wait_stored(daemon, 1)
                with contextlib.suppress(OSError), open(ballast, 'wb', buffering=0) as file:
                    while True:
                        file.write(bytes(4096))
                wait_until(lambda: daemon.status()['storeState'] == 'full', 'full', 15)
                check('disk is full' in daemon.log.read_text(), daemon.log.read_text())
                taken = daemon.status()['samplesTaken']
                time.sleep(2)
                status = daemon.status()
                check(status['samplesTaken'] > taken and status['windowsWaiting'], status)
                ballast.unlink()
                support.run('mount', '-o', 'remount,size=64m', disk)
                wait_until(lambda: daemon.status()['storeState'] == 'good' and
                           not daemon.status()['windowsWaiting'], 'what had waited', 15)
                check(not daemon.status()['windowsDropped'], daemon.status())
        finally:
            support.run('umount', '-l', disk)


def test_a_store_of_a_later_version_is_left_alone():
    with support.directory() as where:
        store = where / 'state' / 'profiles.db'
        with support.daemon('--config', configure(where, store)) as daemon:
            wait_stored(daemon, 1)
        with contextlib.closing(sqlite3.connect(store)) as file:
            file.execute('PRAGMA user_version = 9')
        shutil.copy(store, where / 'before')
        with support.daemon('--config', configure(where, store)) as daemon:
            wait_until(lambda: daemon.status()['storeState'] == 'newer', 'newer', 10)
            done = daemon.perfctl('query', expect=1)
            check('later version' in done.err, done.err)
        with contextlib.closing(sqlite3.connect(store)) as file, \
                contextlib.closing(sqlite3.connect(where / 'before')) as before:
            check(list(file.iterdump()) == list(before.iterdump()), 'it was changed')


def test_the_store_is_known_by_its_path_after_a_reload():
    with keeping() as daemon:
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: 'was read again' in daemon.said(), 'a reload')
        (pid,) = writers(daemon)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: 'perfd-store has ended' in daemon.said(), 'the end of perfd-store')
        check(f'cannot store profiles in {daemon.store}: perfd-store' in daemon.said(), daemon.said())


# The reference implementation's own strict reader.
PARSER = """
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families
print(json.dumps([[family.name, family.type, [[s.name, s.labels, s.value] for s in family.samples]]
                  for family in text_string_to_metric_families(sys.stdin.read())]))
"""


def figures(daemon):
    """({metric: type}, {sample: value})"""
    text = daemon.perfctl('metrics').out
    done = subprocess.run(['/usr/bin/python3', '-c', PARSER], input=text.encode(), timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    check(done.returncode == 0, done.stderr.decode() + text)
    types, values = {}, {}
    for family, kind, samples in json.loads(done.stdout):
        types[family] = kind
        for name, labels, value in samples:
            label = ''.join(f'{{{key}="{word}"}}' for key, word in labels.items())
            check(name + label not in values, name + label)
            values[name + label] = value
    return types, values


def test_figures_for_other_programs():
    with keeping() as daemon, support.directory() as where:
        support.run('strip', '-o', where / 'nameless', PROGRAMS / 'spin')
        with started(where / 'nameless', 30):
            unnamed = 'perfd_frames_unnamed_total{reason="no-symbols"}'
            wait_until(lambda: figures(daemon)[1].get(unnamed, 0) > 0, unnamed, 20)
        types, values = figures(daemon)
        named = {name.partition('{')[0] for name in values}
        by_reason = {'perfd_samples_lost', 'perfd_samples_truncated', 'perfd_samples_without_user_stack'}
        check(by_reason <= set(types), types)
        for name, kind in types.items():
            # What has not happened yet has no reason.
            check(name in by_reason or name + ('_total' if kind == 'counter' else '') in named, name)
        check(0 < values['perfd_samples_kept_total'] <= values['perfd_samples_taken_total'], values)
        check(values['perfd_samples_taken_total'] > 0 and values['perfd_continuous'] == 1, values)
        check(values['perfd_store_state{perfd_store_state="good"}'] == 1, values)
        check(values['perfd_held_back{perfd_held_back="none"}'] == 1, values)
        check(values['perfd_kernel_seconds_total'] > 0, values)


def test_it_is_confined():
    with keeping() as daemon:
        (pid,) = writers(daemon)
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
        facts = dict(line.split(':\t', 1) for line in status.splitlines() if ':\t' in line)
        check(facts['Uid'].split()[0] != '0' and facts['Seccomp'] == '2', status)
        check(int(facts['CapPrm'], 16) == 0 and facts['NoNewPrivs'] == '1', status)
        check(os.stat(daemon.store).st_mode & 0o777 == 0o600, 'the file')
        check(os.stat(daemon.store.parent).st_mode & 0o777 == 0o700, 'its directory')


if __name__ == '__main__':
    support.main(globals())
