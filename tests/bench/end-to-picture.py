#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
How long a person waits after a recording: from its end until the picture, with names, is on disk.
Beside it, in the same run and of the same seconds, `perf script --no-inline` alone, which is the
first of the steps from perf.data to a flame graph. Medians of five; ours may take at most as long.

usage: end-to-picture.py BUILD CATALOGUE
"""

import contextlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import support  # noqa: E402

ROUNDS = int(os.environ.get("PERFCTL_BENCH_ROUNDS", "5"))
SECONDS = 5
FREQUENCY = 999


@contextlib.contextmanager
def catalogue():
    with support.started(sys.argv[2]) as process:
        time.sleep(0.3)
        yield [process.pid]


@contextlib.contextmanager
def redis():
    with support.redis() as pid:
        yield [pid]


@contextlib.contextmanager
def postgres():
    with support.postgres() as pid:
        yield [pid] + support.children(pid)


def measure(pids, where):
    """(our seconds, perf's seconds, samples of ours) of one recording by both at once."""
    pids = ",".join(str(pid) for pid in pids)
    picture, data = where / "picture.svg", where / "perf.data"
    picture.unlink(missing_ok=True)
    perf = subprocess.Popen(
        ["perf", "record", "-q", "-F", str(FREQUENCY), "-g", "--call-graph", "fp", "-B",
         "--no-bpf-event", "-p", pids, "-o", data, "--", "sleep", str(SECONDS)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )
    done = support.perfctl("record", "--no-daemon", "-p", pids, "-F", FREQUENCY, "-d", SECONDS,
                           "-o", picture, "--json")
    said = perf.communicate()[1].decode(errors="replace")
    support.check(perf.returncode == 0, f"perf record failed: {said}")
    conditions = json.loads(done.out)["conditions"]
    end_ns = conditions["start_realtime_ns"] + conditions["duration_ns"]
    # The file is renamed into place after its last byte: its time is when it was there.
    ours = (picture.stat().st_mtime_ns - end_ns) / 1e9
    samples = json.loads(done.out)["ledger"]["kept"]
    support.check(samples > SECONDS * FREQUENCY / 20, f"{samples} samples are no load")

    start = time.monotonic()
    with open(where / "script", "wb") as script:
        subprocess.run(["perf", "script", "--no-inline", "-i", data], stdin=subprocess.DEVNULL,
                       stdout=script, stderr=subprocess.DEVNULL, check=True)
    return ours, time.monotonic() - start, samples


def bench(name, service):
    with service() as pids, support.directory() as where:
        rounds = [measure(pids, where) for _ in range(ROUNDS)]
    ours, perfs, samples = ([row[i] for row in rounds] for i in range(3))
    ratio = statistics.median(ours) / statistics.median(perfs)
    print(f"{name}: perfctl {statistics.median(ours):.3f} s ({min(ours):.3f} to {max(ours):.3f}), "
          f"perf script {statistics.median(perfs):.3f} s ({min(perfs):.3f} to {max(perfs):.3f}), "
          f"ratio {ratio:.2f}, {statistics.median(samples):.0f} samples", flush=True)
    support.check(ratio <= 1, f"{name}: takes {ratio:.2f} times as long as perf script alone")


def needs_perf():
    if not shutil.which("perf"):
        raise support.Skip("linux-perf is not installed")


def test_redis():
    needs_perf()
    bench("redis-server", redis)


def test_postgres():
    needs_perf()
    bench("postgres", postgres)


def test_program_with_debug_information():
    needs_perf()
    bench("C++ program with debug information", catalogue)


if __name__ == "__main__":
    support.main(globals())
