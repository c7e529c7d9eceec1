#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What we cost: the daemon's CPU for each sample of a steady recording at 4999 Hz, of a service and of a
program that never waits, what of that goes from the ring to the profile, and its wake-ups; all of our
CPU from the command to folded stacks on disk, and the bytes of a sample, beside `perf record --call-graph
dwarf` and `perf script --no-inline` on the same load: with a perfd that runs, and with a private one,
whose start is part of it, so that it is said from which length on that keeps the limit too; the first
time, and where tables are kept from the time before. Processes are held against processes; and once
more with what the kernel side takes of the recorded program's time counted as ours, while what perf's
takes is not known and does not count as perf's. Each with its limit; nothing fails by a limit unless
PERFCTL_BENCH_STRICT=1, since other load makes each wake-up dearer.

usage: own-cost.py BUILD ATTRIBUTION-BENCH DEEP (beside which is consume-time.so)
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402
import loads  # noqa: E402
import support  # noqa: E402
import unwinding  # noqa: E402

STRICT = os.environ.get("PERFCTL_BENCH_STRICT") == "1"
ROUNDS = 3
# A recording is steady when most of the stacks that come have come before.
STEADY_FROM_SECONDS = 5
STEADY_SECONDS = 15
SECONDS = 10
HEAD_BYTES = 32 + 8  # struct abi_sample, and the ring's own head of a record

# Runs a command with all that it starts, also what it does not wait for, and prints their CPU time.
MEASURE = """
import ctypes, os, resource, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
status = subprocess.call(sys.argv[2:], stdin=subprocess.DEVNULL)
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], 'w') as out:
    out.write(str(used.ru_utime + used.ru_stime))
sys.exit(status)
"""


def judge(name, value, limit):
    said = f"{name}: {value:.3g}; {bounds.verdict(value, limit)}"
    print(said, flush=True)
    support.check(value <= limit or not STRICT, said)


def cpu_of(where, *command, stdout=None):
    """(seconds of CPU, what it printed) of a command and all that it started."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(where / "cpu"), *[str(word) for word in command]],
        stdin=subprocess.DEVNULL, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE,
        timeout=200)
    support.check(done.returncode == 0, done.stderr.decode(errors="replace")[-2000:])
    return float((where / "cpu").read_text()), done.stdout


def runtime_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as text:
        return int(text.read().split()[0])


@contextlib.contextmanager
def watched_daemon(where):
    """A daemon that says in a file of `where` what it spends on what comes out of the rings."""
    consumed = where / "consumed"
    consumed.write_bytes(bytes(16))
    os.environ |= {"CONSUME_TIME": str(consumed),
                   "LD_PRELOAD": str(pathlib.Path(sys.argv[3]).with_name("consume-time.so"))}
    with contextlib.ExitStack() as stack:
        try:
            daemon = stack.enter_context(support.daemon())
        finally:
            del os.environ["CONSUME_TIME"], os.environ["LD_PRELOAD"]
        yield daemon


def stolen_seconds():
    """What a host has taken from the CPUs of this machine: it counts as used by who ran there."""
    with open("/proc/stat", encoding="ascii") as text:
        return int(text.readline().split()[8]) / os.sysconf("SC_CLK_TCK")


def figures(where, daemon):
    """CPU, what of it went from the rings to the profile, what a host took, all in seconds; and how often
    it slept."""
    status = pathlib.Path(f"/proc/{daemon.pid}/status").read_text()
    wakeups = int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.MULTILINE)[1])
    consumed_ns, calls = struct.unpack("QQ", (where / "consumed").read_bytes())
    support.check(calls, "nothing came out of the rings, or nobody saw it")
    return runtime_ns(daemon.pid) / 1e9, consumed_ns / 1e9, stolen_seconds(), wakeups


def steady(where, daemon, pid):
    """(microseconds of perfd's CPU per sample, those from ring to profile, CPUs that a host took, wake-ups
    per second, samples per second)."""
    recording = subprocess.Popen(
        [support.PERFCTL, "record", "--socket", daemon.socket, "-p", str(pid), "-F", "4999", "-d",
         str(STEADY_SECONDS), "--json", "-o", where / "out.folded"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(STEADY_FROM_SECONDS)
    before, start = figures(where, daemon), time.monotonic()
    time.sleep(STEADY_SECONDS - STEADY_FROM_SECONDS - 1)
    after, seconds = figures(where, daemon), time.monotonic() - start
    out, said = recording.communicate(timeout=60)
    support.check(recording.returncode == 0, said.decode(errors="replace"))
    rate = json.loads(out)["ledger"]["kept"] / STEADY_SECONDS
    used, consumed, stolen, wakeups = ((b - a) / seconds for a, b in zip(before, after))
    return used / rate * 1e6, consumed / rate * 1e6, stolen, wakeups, rate


def test_attribution():
    """Without a kernel and without the clock: what a sample costs in the daemon."""
    print(support.run(sys.argv[2]).out.strip(), flush=True)


@contextlib.contextmanager
def computing():
    """A program that never waits, twenty frames deep."""
    with support.started(sys.argv[3], 20) as process:
        yield process.pid


def test_steady():
    for name, load in (("a service", support.redis), ("a program that computes", computing)):
        with load() as pid, support.directory() as where, watched_daemon(where) as daemon:
            rounds = sorted(steady(where, daemon, pid) for _ in range(ROUNDS))
        used, consumed, _, wakeups, rate = rounds[0]
        print(f"{name}, best of " +
              ", ".join(f"{each[0]:.3f} (the host took {each[2]:.0%} of a CPU)" for each in rounds) +
              f": in a second {rate:.0f} samples and {wakeups:.1f} wake-ups", flush=True)
        judge(f"perfd's CPU at 4999 Hz, {name}, us per sample", used, 0.5)
        judge("  of that from ring to profile", consumed, 0.5)


def bytes_per_sample(text):
    """Of perf-script text: frames that are no inlined ones came out of the kernel."""
    samples = sum(line.endswith(": ") or line.rstrip().endswith(":") for line in text.splitlines()
                  if line and not line.startswith("\t"))
    frames = sum(line.startswith("\t") and not line.endswith("(inlined)")
                 for line in text.splitlines())
    return HEAD_BYTES + 8 * frames / samples


def family_seconds(daemon):
    """CPU of the daemon, of its helpers, and, to a tick, of those that have ended."""
    total = 0
    for pid in daemon.family():
        with contextlib.suppress(OSError), \
                open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            ended = sum(int(word) for word in stat.read().rpartition(")")[2].split()[13:15])
            total += ended / os.sysconf("SC_CLK_TCK")
            total += sum(int((task / "schedstat").read_text().split()[0])
                         for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e9
    return total


def by_us(where, pid, frequency, seconds, *how):
    """(seconds of CPU, samples)."""
    used, out = cpu_of(where, support.PERFCTL, "record", *how, "-p", pid, "-F", frequency, "-d",
                       seconds, "--json", "-o", where / "ours.folded")
    return used, json.loads(out)["ledger"]["kept"]


def by_running(where, daemon, pid, frequency):
    """The same, with what the daemon used."""
    before = family_seconds(daemon)
    used, n = by_us(where, pid, frequency, SECONDS, "--socket", daemon.socket)
    return used + family_seconds(daemon) - before, n


def by_perf(where, pid, frequency):
    """(seconds of CPU to record, to print, samples, bytes for each)."""
    data = where / "perf.data"
    record, _ = cpu_of(where, "perf", "record", "-q", "-F", frequency, "--call-graph", "dwarf", "-e",
                       "cpu-clock", "-p", pid, "-o", data, "--", "sleep", SECONDS)
    with open(where / "script", "wb") as script:
        convert, _ = cpu_of(where, "perf", "script", "--no-inline", "-i", data, stdout=script)
    n = len(support.run("perf", "script", "-F", "pid", "-i", data).out.splitlines())
    return record, convert, n, data.stat().st_size / n


@contextlib.contextmanager
def cached(where):
    """What a perfd keeps from one recording to the next, as an installed one does; without, the tests'
    ones keep nothing."""
    (where / "cache").mkdir(0o700, exist_ok=True)
    before = os.environ.get("CACHE_DIRECTORY", "")
    os.environ["CACHE_DIRECTORY"] = str(where / "cache")
    try:
        yield
    finally:
        os.environ["CACHE_DIRECTORY"] = before


def kernel_seconds(where, daemon, pid, frequency):
    """A recording by the daemon, with what its program of ticks took for each of the samples: of its
    runs those that fell on something else are taken off. (seconds of CPU, samples, seconds in the
    kernel for each)."""
    with unwinding.statistics():
        empty = unwinding.empty_tick(where, daemon, frequency)
        runs, spent = unwinding.program_cost(daemon)
        used, n = by_running(where, daemon, pid, frequency)
        runs_after, spent_after = unwinding.program_cost(daemon)
    others = max(0, runs_after - runs - n)
    return used, n, (spent_after - spent - others * empty) / n / 1e9


def say_start(short, private, limit):
    """From which length on the processes of a private perfd keep the limit: `short` and `private` are
    (seconds, samples) of recordings of two lengths."""
    further = max(0, private[0] - short[0]) / max(1, private[1] - short[1])
    start = max(0, short[0] - short[1] * further)
    rate = private[1] / SECONDS
    if further >= limit:
        print("  a private perfd never takes a tenth of perf's", flush=True)
        return
    print(f"  a private perfd takes {start:.2f} s to start, look up names and end, and "
          f"{further * 1e6:.1f} us for each sample: a tenth of perf's from "
          f"{start / (limit - further) / rate:.0f} s of recording on", flush=True)


def beside_dwarf(where, daemon, name, pid, frequency):
    """Bytes of each of perf's samples."""
    by_running(where, daemon, pid, frequency)  # files, tables and names are known from here on
    running, n_running, in_kernel = kernel_seconds(where, daemon, pid, frequency)
    short = min(by_us(where, pid, frequency, 1, "--no-daemon") for _ in range(ROUNDS))
    private = by_us(where, pid, frequency, SECONDS, "--no-daemon")
    with cached(where):
        by_us(where, pid, frequency, 1, "--no-daemon")
        further = by_us(where, pid, frequency, SECONDS, "--no-daemon")
    record, convert, n_perf, size = by_perf(where, pid, frequency)
    limit = 0.1 * (record + convert) / n_perf
    print(f"{name} at {frequency} Hz, {SECONDS} s: perf {record:.3f} + {convert:.3f} s of CPU for "
          f"{n_perf} samples; with a running perfd {running:.3f} s for {n_running}, with a private "
          f"one {private[0]:.3f} s for {private[1]}, {further[0]:.3f} s for {further[1]} where tables "
          f"are kept; {in_kernel * 1e6:.2f} us a sample in the kernel besides", flush=True)
    for way, ours in (("a running", running / n_running), ("a private", private[0] / private[1]),
                      ("a further private", further[0] / further[1])):
        judge(f"  CPU of all processes, with {way} perfd, of perf's per sample",
              0.1 * ours / limit, 0.1)
        judge(f"  the same with our time in the kernel, {way} perfd", 0.1 * (ours + in_kernel) / limit,
              0.1)
    say_start(short, private, limit)
    return size


def has_perf():
    if not shutil.which("perf"):
        raise support.Skip("linux-perf is not installed")


def test_beside_dwarf():
    has_perf()
    with support.redis() as pid, support.directory() as where, support.daemon() as daemon:
        size = [beside_dwarf(where, daemon, "redis", pid, frequency)
                for frequency in (997, 4999)][0]
        support.perfctl("record", "--socket", daemon.socket, "-p", pid, "-F", 997, "-d", 2, "-q",
                        "-o", where / "ours.perf")
        own_size = bytes_per_sample((where / "ours.perf").read_text())
    print(f"{own_size:.0f} bytes per sample, perf's have {size:.0f}")
    judge("bytes per sample, of perf's", own_size / size, 0.05)


def test_beside_dwarf_of_deep_stacks():
    """A program that never waits, and a server whose stacks are deep."""
    has_perf()
    for name, load in (("python", loads.python), ("postgres", loads.postgres_backend)):
        with load() as pid, support.directory() as where, support.daemon() as daemon:
            beside_dwarf(where, daemon, name, pid, 4999)


if __name__ == "__main__":
    support.before_other_load()  # the service, the recorders and their helpers alike
    support.main(globals())
