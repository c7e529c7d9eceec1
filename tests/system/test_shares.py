# SPDX-License-Identifier: GPL-2.0-or-later
"""A program whose shares of CPU time are known by its own clock (50/30/15/5), aperiodic and with a
loop of exactly 1 ms and of exactly 10 ms, at 99 and at 999 Hz: the counts must be what chance allows.
A pooled chi-squared test must not reject at 0.001 and no share may be beyond five standard errors.
PERFCTL_FULL=1: ten runs of 10 s each; else a short form."""

import math
import os
import statistics
import subprocess
import time

import support

FUNCTIONS = ['share_50', 'share_30', 'share_15', 'share_05']
FULL = os.environ.get('PERFCTL_FULL') == '1'
RUNS, SECONDS = (10, 10) if FULL else (2, 3)
# Between redraws the period is constant, some fifteen ticks long: a short run has few such blocks, and
# heavier tails than chi-squared's. A lock-in shows at 1e-20 and beyond. False alarms of the short
# form: none in a thousand; of the long one 6 in 1000, for it asks six times at 0.001.
ALPHA = 0.001 if FULL else 1e-6


def chi_squared_tail(x, degrees):
    """P(X > x): the regularized incomplete gamma function by its series (Abramowitz and Stegun,
    6.5.29), which converges for all x that occur here."""
    a, half = degrees / 2, x / 2
    if half <= 0:
        return 1.0
    term = total = 1 / a
    for n in range(1, 10000):
        term *= half / (a + n)
        total += term
        if term < total * 1e-15:
            break
    return max(0.0, 1 - total * math.exp(-half + a * math.log(half) - math.lgamma(a)))


def counts_by_perfctl(daemon, pid, frequency):
    done = daemon.perfctl('record', '-p', pid, '-d', SECONDS, '-F', frequency, '-q', '--json',
                          '-f', 'folded', '-o', daemon.socket.parent / 'shares.folded')
    text = (daemon.socket.parent / 'shares.folded').read_text()
    total = support.frames_of(text)
    return [total.get(name, 0) for name in FUNCTIONS], support.load_json(done.out)


def counts_by_perf(where, pid, frequency):
    data = where / 'perf.data'
    # If the program ends before `sleep` does, perf ends that and fails as it does.
    support.run('perf', 'record', '-e', 'cpu-clock', '-F', frequency, '-p', pid, '-o', data, '--',
                'sleep', SECONDS, expect=None)
    text = support.run('perf', 'report', '-i', data, '--stdio', '-n', '-F', 'sample,sym',
                       '--percent-limit', '0').out
    found = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) == 3 and words[0].isdigit():
            found[words[2]] = int(words[0])
    return [found.get(name, 0) for name in FUNCTIONS]


def one_run(record, period_us):
    program = subprocess.Popen([str(support.PROGRAMS / 'shares'), str(SECONDS + 1.5),
                                str(period_us)], stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.3)
        result = record(program.pid)
        used = [int(word) for word in program.communicate(timeout=60)[0].split()]
    finally:
        support.end(program)
    return result, [ns / sum(used) for ns in used]


def deviations(counts, shares):
    """Standard errors of each share, and the chi-squared sum."""
    n = sum(counts)
    z = [(c - n * s) / math.sqrt(n * s * (1 - s)) for c, s in zip(counts, shares)]
    return z, sum((c - n * s) ** 2 / (n * s) for c, s in zip(counts, shares))


def judge(daemon, frequency, period_us):
    worst, chi_squared, reached, n = 0.0, 0.0, [], 0
    for _ in range(RUNS):
        (counts, summary), shares = one_run(
            lambda pid: counts_by_perfctl(daemon, pid, frequency), period_us)
        support.check(sum(counts) > 0.5 * frequency * SECONDS * 0.3, f'only {sum(counts)} samples')
        z, part = deviations(counts, shares)
        worst = max(worst, *map(abs, z))
        chi_squared += part
        n += sum(counts)
        reached.append(summary['conditions']['frequency_reached'])
        support.ledger_adds_up(summary)
    p = chi_squared_tail(chi_squared, 3 * RUNS)
    mean = statistics.fmean(reached)
    print(f'  {frequency} Hz, loop {period_us} us: chi2 {chi_squared:.1f} of {3 * RUNS} '
          f'(p = {p:.3f}), worst {worst:.1f} SE, rate {mean:.1f}', flush=True)
    support.check(p > ALPHA, f'the shares at {frequency} Hz are off: p = {p}')
    support.check(worst < 5, f'a share is {worst:.1f} standard errors off')
    # Where the program shares its CPU, each of its turns meets the clock anew: by chance.
    is_alone = n > 0.9 * frequency * SECONDS * RUNS
    error = 0 if FULL and is_alone else 4 / math.sqrt(n)
    support.check(abs(mean / frequency - 1) < 0.02 + error,
                  f'asked for {frequency} Hz, got {mean:.1f}')


def test_shares_hold_at_every_rate_and_period():
    with support.daemon() as daemon:
        for frequency, locking_us in ((99, 10000), (999, 1000)):
            for period_us in (0, 1000, 10000) if FULL else (locking_us,):
                judge(daemon, frequency, period_us)


def runtime_ns(pid):
    with open(f'/proc/{pid}/schedstat', encoding='ascii') as text:
        return int(text.read().split()[0])


def spinning_on(cpu, program):
    return support.started('taskset', '-c', cpu, support.PROGRAMS / program, 60)


def used_at(looks, realtime_ns):
    """What each had used then, between two looks at it: (time, what they have used), …"""
    after = next(i for i, (time_ns, _) in enumerate(looks) if time_ns >= realtime_ns)
    (start, before), (end, then) = looks[after - 1], looks[after]
    part = (realtime_ns - start) / (end - start)
    return [a + part * (b - a) for a, b in zip(before, then)]


@support.only_full
def test_shares_of_what_runs_on_different_cpus():
    """Each CPU has periods of its own: what ran as long has as many samples all the same."""
    cpus = sorted(os.sched_getaffinity(0))
    with support.daemon() as daemon, spinning_on(cpus[0], 'spin-alpha') as alpha, \
            spinning_on(cpus[-1], 'spin-beta') as beta:
        pids, where = (alpha.pid, beta.pid), daemon.socket.parent / 'shares.folded'
        for _ in range(3):
            looks = []

            def look():
                looks.append((time.time_ns(), [runtime_ns(pid) for pid in pids]))

            with support.meanwhile(look):
                done = daemon.perfctl('record', '-p', ','.join(map(str, pids)), '-d', 1.5, '-F',
                                      4999, '-q', '--json', '-o', where)
                time.sleep(0.2)
            conditions = support.load_json(done.out)['conditions']
            start_ns = conditions['start_realtime_ns']
            used = [end - start for start, end in
                    zip(used_at(looks, start_ns),
                        used_at(looks, start_ns + conditions['duration_ns']))]
            frames = support.frames_of(where.read_text())
            counts = [frames[name] for name in ('alpha_outer', 'beta_outer')]
            z, _ = deviations(counts, [ns / sum(used) for ns in used])
            print(f'  {counts} samples in {[round(ns / 1e6) for ns in used]} ms: {z[0]:.1f} '
                  'standard errors', flush=True)
            support.check(abs(z[0]) < 5, 'a share is off')


@support.only_full
def test_fixed_periods_of_perf_are_shown_beside_it():
    """perf at round rates locks in with the loop: printed for comparison, not judged."""
    with support.directory() as where:
        for frequency, period_us in ((100, 10000), (1000, 1000), (999, 1000)):
            counts, shares = one_run(
                lambda pid: counts_by_perf(where, pid, frequency), period_us)
            z, _ = deviations(counts, shares) if sum(counts) else ([0], 0)
            off = [100 * (c / max(1, sum(counts)) - s) for c, s in zip(counts, shares)]
            print(f'  perf -F {frequency}, loop {period_us} us: worst {max(map(abs, z)):.1f} SE, '
                  f'{max(map(abs, off)):.1f} percentage points', flush=True)


if __name__ == '__main__':
    support.main(globals())
