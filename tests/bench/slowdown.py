#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What being recorded costs a program that only computes: interleaved pairs of runs, recorded and not
at 99 Hz, recorded by us and by `perf record -g` at 4999 Hz. The upper 95 % bound of the ratio is held
against its limit, of the time by the clock and of the program's own CPU time, into which interrupts
count but not the turns of other programs; of the latter also by the median of the pieces that a run
has, each of which has its share of the ticks, so that a moment in which the machine was slow counts for
nothing. The machine must be quiet for the bound to mean something, so nothing fails by it unless
PERFCTL_BENCH_STRICT=1. PERFCTL_TEST takes one of the two alone: each lasts some two minutes.

usage: slowdown.py BUILD FIXED-WORK
"""

import contextlib
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402
import support  # noqa: E402

PAIRS = int(os.environ.get("PERFCTL_BENCH_PAIRS", "40"))
STRICT = os.environ.get("PERFCTL_BENCH_STRICT") == "1"
PIECES = 10  # of a run
WHATS = ("time", "CPU time", "CPU time of the middle piece")
# From the start of a recorder until it samples surely.
SETTLING = 0.4


@contextlib.contextmanager
def worker():
    """A function that has the program do its work once: seconds by each of WHATS."""
    process = subprocess.Popen([sys.argv[2]], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def piece():
        process.stdin.write(b"\n")
        process.stdin.flush()
        return [int(word) / 1e9 for word in process.stdout.readline().split()]

    def work():
        times, cpu_times = zip(*(piece() for _ in range(PIECES)))
        return sum(times), sum(cpu_times), statistics.median(cpu_times)

    try:
        work()
        yield process.pid, work
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def recorder(*command):
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        time.sleep(SETTLING)
        yield
        support.check(process.poll() is None, f"{command[0]} ended: {process.returncode}")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    support.check(process.returncode in (0, -signal.SIGINT, 130),
                  said.decode(errors="replace"))


def nothing(*_):
    return contextlib.nullcontext()


def by_us(where, daemon, pid, frequency):
    return recorder(support.PERFCTL, "record", "--socket", daemon.socket, "-p", pid, "-F", frequency,
                    "-q", "-o", where / "ours.folded")


def by_perf(where, _, pid, frequency):
    return recorder("perf", "record", "-q", "-g", "-e", "cpu-clock", "-F", frequency, "-B",
                    "--no-bpf-event", "-p", pid, "-o", where / "perf.data")


def compare(name, first, second, frequency, limit):
    """Which of a pair comes first changes from pair to pair."""
    with support.directory() as where, support.daemon() as daemon, worker() as (pid, work):
        pairs = []
        for i in range(PAIRS):
            times = {}
            for way in (first, second) if i % 2 else (second, first):
                with way(where, daemon, pid, frequency):
                    times[way] = work()
            pairs.append((times[first], times[second]))
    for i, what in enumerate(WHATS):
        middle, bound = bounds.ratio_bounds([(a[i], b[i]) for a, b in pairs])
        said = f"{what} {name} at {frequency} Hz, {len(pairs)} pairs: {middle:.4f}, " \
               f"95 % below {bound:.4f}; {bounds.verdict(bound, limit)}"
        print(said, flush=True)
        support.check(bound <= limit or not STRICT, said)


def test_recorded_and_not():
    compare("recorded / not", by_us, nothing, 99, 1.01)


def test_by_us_and_by_perf():
    if not shutil.which("perf"):
        raise support.Skip("linux-perf is not installed")
    compare("recorded by us / by perf -g", by_us, by_perf, 4999, 1.05)


if __name__ == "__main__":
    support.before_other_load()  # the service, the recorders and their helpers alike
    support.main(globals())
