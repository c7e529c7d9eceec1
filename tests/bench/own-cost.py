#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What we cost: the daemon's CPU for each sample of a steady recording at 4999 Hz; all of our CPU from
the command to folded stacks on disk, and the bytes of a sample, beside `perf record --call-graph
dwarf` and `perf script --no-inline` on the same load. Each with its limit; nothing fails by a limit
unless PERFCTL_BENCH_STRICT=1, since other load makes each wake-up dearer.

usage: own-cost.py BUILD ATTRIBUTION-BENCH
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402
import support  # noqa: E402

STRICT = os.environ.get("PERFCTL_BENCH_STRICT") == "1"
ROUNDS = 3
STEADY_SECONDS = 5
SECONDS = 10
HEAD_BYTES = 40 + 8  # struct abi_sample, and the ring's own head of a record

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


def steady(where, daemon, pid):
    """(microseconds of perfd's CPU per sample, samples per second)."""
    recording = subprocess.Popen(
        [support.PERFCTL, "record", "--socket", daemon.socket, "-p", str(pid), "-F", "4999", "-d",
         str(STEADY_SECONDS), "--json", "-o", where / "out.folded"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(1)
    used, start = runtime_ns(daemon.pid), time.monotonic()
    time.sleep(STEADY_SECONDS - 2)
    used, seconds = runtime_ns(daemon.pid) - used, time.monotonic() - start
    out, said = recording.communicate(timeout=60)
    support.check(recording.returncode == 0, said.decode(errors="replace"))
    rate = json.loads(out)["ledger"]["kept"] / STEADY_SECONDS
    return used / seconds / rate / 1e3, rate


def test_attribution():
    """Without a kernel and without the clock: what a sample costs in the daemon."""
    print(support.run(sys.argv[2]).out.strip(), flush=True)


def test_steady():
    with support.redis() as pid, support.directory() as where, support.daemon() as daemon:
        steady(where, daemon, pid)
        rounds = sorted(steady(where, daemon, pid) for _ in range(ROUNDS))
    cost, rate = rounds[0]
    print(f"best of {ROUNDS}, {rate:.0f} samples in a second")
    judge("perfd at 4999 Hz, us per sample", cost, 0.5)


def bytes_per_sample(text):
    """Of perf-script text: frames that are no inlined ones came out of the kernel."""
    samples = sum(line.endswith(": ") or line.rstrip().endswith(":") for line in text.splitlines()
                  if line and not line.startswith("\t"))
    frames = sum(line.startswith("\t") and not line.endswith("(inlined)")
                 for line in text.splitlines())
    return HEAD_BYTES + 8 * frames / samples


def test_beside_dwarf():
    if not shutil.which("perf"):
        raise support.Skip("linux-perf is not installed")
    with support.redis() as pid, support.directory() as where:
        ours, out = cpu_of(where, support.PERFCTL, "record", "--no-daemon", "-p", pid, "-F", 997,
                           "-d", SECONDS, "--json", "-o", where / "ours.folded")
        n_ours = json.loads(out)["ledger"]["kept"]
        data = where / "perf.data"
        record, _ = cpu_of(where, "perf", "record", "-q", "-F", 997, "--call-graph", "dwarf", "-e",
                           "cpu-clock", "-p", pid, "-o", data, "--", "sleep", SECONDS)
        with open(where / "script", "wb") as script:
            convert, _ = cpu_of(where, "perf", "script", "--no-inline", "-i", data, stdout=script)
        n_perf = len(support.run("perf", "script", "-F", "pid", "-i", data).out.splitlines())
        size = data.stat().st_size / n_perf
        support.perfctl("record", "--no-daemon", "-p", pid, "-F", 997, "-d", 2, "-q", "-o",
                        where / "ours.perf")
        own_size = bytes_per_sample((where / "ours.perf").read_text())
    print(f"ours {ours:.3f} s of CPU for {n_ours} samples; perf {record:.3f} + {convert:.3f} s for "
          f"{n_perf}; {own_size:.0f} and {size:.0f} bytes per sample")
    judge("all CPU from start to folded, of perf's per sample",
          ours / n_ours / ((record + convert) / n_perf), 0.1)
    judge("bytes per sample, of perf's", own_size / size, 0.05)


if __name__ == "__main__":
    os.nice(-10)  # the service, the recorders and their helpers alike: before other load
    support.main(globals())
