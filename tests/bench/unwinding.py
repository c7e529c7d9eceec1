#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a user stack costs on services: time in the kernel for each sample; the daemon's own CPU and
bytes per sample beside perf's; how long tables take to compile, and what memory they have. Numbers,
with ratios of the same run. Nothing is judged but that there were enough samples; what a walk may
cost, see walk-cost.py.

usage: unwinding.py BUILD TABLE-TIMES
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import loads  # noqa: E402
import support  # noqa: E402

FREQUENCY = 4999
SECONDS = 3
STATS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
PERF_EVENT_PROGRAM = 7  # linux/bpf.h: BPF_PROG_TYPE_PERF_EVENT
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def statistics():
    before = STATS.read_text()
    STATS.write_text("1\n")
    try:
        yield
    finally:
        STATS.write_text(before)


def program_cost(daemon):
    """(runs, nanoseconds) of the daemon's program of ticks, by the kernel's statistics."""
    programs = {}
    for path in pathlib.Path(f"/proc/{daemon.pid}/fdinfo").iterdir():
        with contextlib.suppress(OSError):
            words = dict(line.split(":", 1) for line in path.read_text().splitlines())
            if int(words.get("prog_type", 0)) == PERF_EVENT_PROGRAM:
                programs[int(words["prog_id"])] = (int(words["run_cnt"]),
                                                   int(words["run_time_ns"]))
    support.check(programs, "perfd has no program of ticks")
    return tuple(sum(column) for column in zip(*programs.values()))


def cpu_seconds(pids):
    """What these processes used so far."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as stat:
            total += sum(int(word) for word in stat.read().rpartition(")")[2].split()[11:13])
    return total / TICKS_PER_SECOND


def record(where, daemon, pid, call_graph, least=FREQUENCY / 10, frequency=FREQUENCY):
    """(nanoseconds in the kernel, runs, samples, CPU seconds of perfd), of the same seconds."""
    support.perfctl("record", "--socket", daemon.socket, "-p", pid, "-F", frequency, "-d", 0.5,
                    "-q", "-o", where / "warm.folded")
    recording = subprocess.Popen(
        [support.PERFCTL, "record", "--socket", daemon.socket, "-p", str(pid), "-F",
         str(frequency), "-d", str(SECONDS), "--call-graph", call_graph, "--json",
         "-o", where / "out.folded"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.5)
    used = cpu_seconds(daemon.family())
    runs, spent = program_cost(daemon)
    time.sleep(SECONDS - 1)
    runs_after, spent_after = program_cost(daemon)
    used = cpu_seconds(daemon.family()) - used
    out, said = recording.communicate(timeout=60)
    support.check(recording.returncode == 0, said.decode(errors="replace"))
    ledger = json.loads(out)["ledger"]
    support.check(ledger["kept"] >= least, f"{ledger['kept']} samples")
    share = (SECONDS - 1) / SECONDS
    return (spent_after - spent, runs_after - runs, ledger["kept"] * share, used)


def empty_tick(where, daemon, frequency=FREQUENCY):
    """Nanoseconds of a tick that falls on something else, with what the machine does just now."""
    with support.started("sleep", 60) as sleeper:
        spent, runs, _, _ = record(where, daemon, sleeper.pid, "auto", 0, frequency)
    return spent / runs


def perf_cost(where, pid, *call_graph):
    """(samples, bytes per sample, CPU seconds per sample) of perf record."""
    data = where / "perf.data"
    before = os.times()
    done = support.run("perf", "record", "-F", FREQUENCY, *call_graph, "-B", "--no-bpf-event", "-e",
                       "cpu-clock", "-p", pid, "-o", data, "--", "sleep", SECONDS, expect=None)
    after = os.times()
    used = (after.children_user + after.children_system - before.children_user -
            before.children_system)
    support.check(done.returncode == 0, done.err)
    samples = len(support.run("perf", "script", "-F", "pid", "-i", data).out.splitlines())
    return samples, data.stat().st_size / samples, used / samples


def test_services():
    """Beside perf: its two ways, on the same service one after another."""
    if not shutil.which("perf"):
        raise support.Skip("linux-perf is not installed")
    with statistics():
        for name, load in (("redis", support.redis), ("nginx", loads.nginx),
                           ("python", loads.python)):
            with load() as pid, support.directory() as where, support.daemon() as daemon:
                empty = empty_tick(where, daemon)
                spent, runs, samples, used = record(where, daemon, pid, "auto")
                kernel = (spent - max(0, runs - samples) * empty) / samples
                frames = [len(s) - 1 for s, n in support.folded(
                    (where / "out.folded").read_text()) for _ in range(n)]
                depth = sum(frames) / len(frames)
                print(f"{name}: {kernel:.0f} ns in the kernel, perfd {used / samples * 1e6:.2f} µs "
                      f"of CPU, {40 + 8 * depth:.0f} bytes per sample of {depth:.1f} frames")
                for way in (("-g",), ("--call-graph", "dwarf")):
                    cost = perf_cost(where, pid, *way)
                    print(f"  perf {' '.join(way)}: {cost[2] * 1e6:.2f} µs of CPU, "
                          f"{cost[1]:.0f} bytes per sample ({cost[0]}); ours takes "
                          f"{used / samples / cost[2]:.2f} of its CPU, "
                          f"{(40 + 8 * depth) / cost[1]:.3f} of its bytes", flush=True)


def test_tables():
    """Compile times, and the memory of all tables of four services at once."""
    for name in ("postgres", "libLLVM-14.so.1", "libc.so.6"):
        name = str(support.postgres_bin() / "postgres") if name == "postgres" else name
        done = support.run(sys.argv[2], name, expect=None)
        print(done.out.strip() or f"{name} is not installed", flush=True)
    with support.redis() as redis, loads.nginx() as nginx, support.postgres() as postgres, \
            loads.python() as python:
        files = set()
        for pid in (redis, nginx, postgres, python):
            for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
                words = line.split(maxsplit=5)
                if "x" in words[1] and words[-1].startswith("/"):
                    files.add(words[5])
        # Files of data have no table.
        said = [support.run(sys.argv[2], file, expect=None).out for file in files]
    sizes = [int(size) for text in said for size in re.findall(r"(\d+) KiB", text)]
    print(f"redis, nginx, postgres and python at once: {len(files)} files, {sum(sizes)} KiB",
          flush=True)


if __name__ == "__main__":
    support.main(globals())
