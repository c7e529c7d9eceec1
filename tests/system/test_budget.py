# SPDX-License-Identifier: GPL-2.0-or-later
"""Keeping profiles stays within its budget: loads that would cost five times the ceiling, by samples
and by new programs, are held under it within half a minute, the shares that are read stay right; and
only what is configured is recorded."""

import contextlib
import math
import os
import signal
import sqlite3
import subprocess
import time

import support
from support import PROGRAMS, check, in_group, started, wait_until

FUNCTIONS = ['share_50', 'share_30', 'share_15', 'share_05']
PROGRAM_SECONDS = 90
HELD_WITHIN = 30  # seconds


def configure(where, budget, **keys):
    keys = {'enabled': 'yes', 'window': '1s', 'frequency': 99, **keys}
    path = where / 'perfd.conf'
    path.write_text('[continuous]\n' + ''.join(f'{k} = {v}\n' for k, v in keys.items()) +
                    f'[store]\npath = {where / "state" / "profiles.db"}\n'
                    f'[budget]\ncpu = {budget}\n')
    return path


@contextlib.contextmanager
def keeping(budget=1000, **keys):
    with support.directory() as where:
        config = configure(where, budget, **keys)
        with support.daemon('--config', config) as daemon:
            daemon.where = where
            wait_until(lambda: daemon.status()['windowsStored'], 'a window', 20)
            yield daemon


def shares():
    """A program with known shares, for as long as such a test takes."""
    return started(PROGRAMS / 'shares', PROGRAM_SECONDS, 0, stdout=subprocess.PIPE, text=True)


def cpu_ms(daemon):
    status = daemon.status()
    return sum(status[key] for key in ('cpuMs', 'helpersUserMs', 'helpersSystemMs', 'kernelMs'))


def cost(daemon, seconds):
    """Percent of one CPU, over so long."""
    before, start = cpu_ms(daemon), time.monotonic()
    time.sleep(seconds)
    return (cpu_ms(daemon) - before) / 10 / (time.monotonic() - start)


def reload(daemon, budget, **keys):
    configure(daemon.where, budget, **keys)
    os.kill(daemon.pid, signal.SIGHUP)


def held(daemon, **keys):
    """Lets it cost what it likes, then a fifth of that; (the cost before, the ceiling, the cost after
    half a minute)."""
    time.sleep(8)
    free = cost(daemon, 10)
    ceiling = free / 5
    reload(daemon, f'{ceiling:.3f}', **keys)
    time.sleep(HELD_WITHIN)
    after = cost(daemon, 30)
    status = daemon.status()
    print(f'  free {free:.2f} %, ceiling {ceiling:.2f} %, after {HELD_WITHIN} s {after:.2f} %; held '
          f'back: {status["heldBack"]}, rate / {status["rateDivisor"]:.3g}', flush=True)
    check(after <= ceiling, f'{after:.2f} % of {ceiling:.2f} %')
    check(status['heldBack'] != 'none' and status['timesHeldBack'], status)
    check('holding back' in daemon.log.read_text(), daemon.log.read_text())
    return status


def shares_are_right(daemon, program, since):
    """When the program has ended: each share within its own interval (five standard errors of its
    number of samples) of what its own clock says; and the samples' weights add up to its CPU time,
    whatever the rate of each window was."""
    used = [int(word) for word in program.communicate(timeout=60)[0].split()]
    stored = daemon.status()['windowsStored']
    wait_until(lambda: daemon.status()['windowsStored'] > stored + 1, 'its last window', 20)
    profile, folded, times = (daemon.where / f'shares.{suffix}' for suffix in
                              ('pb.gz', 'folded', 'times.folded'))
    daemon.perfctl('query', '--since', f'{time.time() - since:.0f}s', '-p', program.pid, '-o', profile)
    support.perfctl('convert', profile, folded)
    support.perfctl('convert', '--weight', 'time', profile, times)
    total = support.frames_of(folded.read_text())
    counts = [total.get(name, 0) for name in FUNCTIONS]
    n = sum(counts)
    check(n > 100, f'{n} samples')
    for name, count, ns in zip(FUNCTIONS, counts, used):
        share = ns / sum(used)
        z = (count - n * share) / math.sqrt(n * share * (1 - share))
        print(f'  {name}: {count / n:.3f} of {n} samples, used {share:.3f}, z = {z:.1f}', flush=True)
        check(abs(z) < 5, f'{name}: {count} of {n}')
    seconds = sum(count for _, count in support.folded(times.read_text())) / 1000
    print(f'  weights: {seconds:.1f} s of {sum(used) / 1e9:.1f} s', flush=True)
    check(abs(seconds / (sum(used) / 1e9) - 1) < 0.1, 'weights')


SPIN = ['sh', '-c', 'while :; do :; done']


def seen(daemon, since, *processes):
    """Which of the processes have samples that were taken after that time."""
    done = daemon.perfctl('query', '--by', 'process', '--since',
                          f'{max(1, time.time() - since):.0f}s', expect=None)
    check(done.returncode in (0, 5), done.err)  # 5: no window yet
    return {p.pid for p in processes if f'({p.pid})' in done.out}


def comes_to(daemon, wanted, *processes):
    """From some moment on, these processes are seen, and no others."""
    time.sleep(1.5)
    begin = time.time()
    wait_until(lambda: seen(daemon, begin, *processes) >= wanted, 'samples', 15)
    check(seen(daemon, begin, *processes) == wanted, seen(daemon, begin, *processes))


def test_only_configured_targets_are_recorded():
    with support.control_groups() as ours, \
            started(*in_group(ours / 'in.service', *SPIN)) as inside, started(*SPIN) as other:
        with keeping(targets='in.service late.service') as daemon:
            comes_to(daemon, {inside.pid}, inside, other)
            check('late.service' in daemon.log.read_text(), daemon.log.read_text())
            # What comes up later is in, without a reload.
            with started(*in_group(ours / 'late.service', *SPIN)) as late:
                begin = time.time()
                wait_until(lambda: seen(daemon, begin, late), 'what came later', 10)


@support.only_full
def test_targets_are_changed_and_excluded_by_a_reload():
    with support.control_groups() as ours, \
            started(*in_group(ours / 'in.service', *SPIN)) as inside, \
            started(*in_group(ours / 'out.service', *SPIN)) as outside, started(*SPIN) as other:
        every = inside, outside, other
        with keeping(targets=ours.name) as daemon:
            comes_to(daemon, {inside.pid, outside.pid}, *every)
            reload(daemon, 1000, targets=ours.name, exclude='out.service')
            comes_to(daemon, {inside.pid}, *every)
            reload(daemon, 1000, exclude=f'/{ours.name}')
            comes_to(daemon, {other.pid}, *every)
            taken = daemon.status()['samplesTaken']
            broken = configure(daemon.where, 1000, targets='a/b')
            os.kill(daemon.pid, signal.SIGHUP)
            wait_until(lambda: 'going on as it was' in daemon.log.read_text(), 'the refusal')
            done = support.run(support.PERFD, '--config', broken, '--check-config', expect=1)
            check("'a/b' is neither a unit" in done.err, done.err)
            wait_until(lambda: daemon.status()['samplesTaken'] > taken, 'it goes on')


@support.only_full
def test_samples_are_held_within_the_budget():
    keys = {'frequency': 999, 'window': '5s'}
    with keeping(**keys) as daemon, shares() as program:
        begin = time.time()
        status = held(daemon, **keys)
        check(status['rateDivisor'] > 1, status)
        shares_are_right(daemon, program, begin)
        with contextlib.closing(sqlite3.connect(daemon.where / 'state' / 'profiles.db')) as store:
            rates = {rate for (rate,) in store.execute('SELECT DISTINCT rate FROM window')}
        check(len(rates) > 1 and max(rates) == 999, rates)


STORM = '''
import os, subprocess, sys
from pathlib import Path
program, where, n = Path('/bin/true').read_bytes(), Path(sys.argv[1]), 0
while True:
    path = where / f'program{n % 50}'
    path.unlink(missing_ok=True)
    path.write_bytes(program + os.urandom(64))
    path.chmod(0o755)
    for _ in range(4):
        subprocess.call([str(path)])
    n += 1
'''


@support.only_full
def test_a_storm_of_new_programs_is_held_within_the_budget():
    keys = {'frequency': 499, 'window': '5s'}
    with support.directory() as where, started('/usr/bin/python3', '-c', STORM, where), \
            keeping(**keys) as daemon, shares() as program:
        begin = time.time()
        held(daemon, **keys)
        shares_are_right(daemon, program, begin)


@support.only_full
def test_what_is_held_back_is_let_go_again():
    keys = {'frequency': 499, 'window': '5s'}
    with keeping(**keys) as daemon:
        with started('sh', '-c', 'while :; do :; done'):
            free = cost(daemon, 10)
            reload(daemon, f'{free / 3:.3f}', **keys)
            wait_until(lambda: daemon.status()['heldBack'] != 'none', 'it is held back', 60)
        reload(daemon, 100, **keys)
        wait_until(lambda: daemon.status()['rateDivisor'] == 1, 'it is let go', 60)
        check('nothing is held back' in daemon.log.read_text(), daemon.log.read_text())


if __name__ == '__main__':
    support.main(globals())
