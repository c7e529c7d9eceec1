#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs to begin: from the request to the first tick, with 1000 processes of five threads each
on the machine, and perfd's CPU for each of them; and what a tick costs that falls on nobody's target,
by the kinds of filter that it has to be held against.

usage: seeding.py BUILD SLEEPERS
"""

import contextlib
import json
import pathlib
import re
import socket as sockets
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402
import support  # noqa: E402

PROCESSES, THREADS = 1000, 5
ROUNDS = 5
TARGETS = {"the whole system": {"all": True}, "a user": {"uids": [0]}}
STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")


def judge(name, value, limit):
    said = f"{name}: {value:.3g}; {bounds.verdict(value, limit)}"
    print(said, flush=True)
    support.check(value <= limit, said)


def runtime_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as text:
        return int(text.read().split()[0])


def begin(daemon, target):
    """(seconds until ticks come, perfd's CPU seconds until then) of one recording."""
    call = {"method": "org.perfctl.profiler.Record", "more": True,
            "parameters": {"target": target, "frequency": 99, "durationMs": 1000}}
    with sockets.socket(sockets.AF_UNIX) as peer:
        peer.connect(str(daemon.socket))
        used, start = runtime_ns(daemon.pid), time.monotonic()
        peer.sendall(json.dumps(call).encode() + b"\0")
        said = b""
        while b'"state":"recording"' not in said.replace(b" ", b""):
            more = peer.recv(65536)
            support.check(more and b'"error"' not in said, said)
            said += more
        return time.monotonic() - start, (runtime_ns(daemon.pid) - used) / 1e9


@contextlib.contextmanager
def sleepers(n):
    with support.started(sys.argv[2], n, THREADS, stdout=subprocess.PIPE) as program:
        support.check(program.stdout.readline() == b"ready\n", "they did not start")
        yield program


def test_the_first_tick():
    """The best of some rounds: other load on the machine only adds."""
    found = {}
    with support.daemon() as daemon:
        for n in (1, PROCESSES):
            with sleepers(n):
                for name, target in TARGETS.items():
                    rounds = [begin(daemon, target) for _ in range(ROUNDS)]
                    found[n, name] = [min(figure) for figure in zip(*rounds)]
                    print(f"{n} x {THREADS}, {name}: {found[n, name][0]:.3f} s, "
                          f"{found[n, name][1]:.3f} s of CPU; the first time {rounds[0][0]:.3f} s",
                          flush=True)
    for name in TARGETS:
        judge(f"{name}: seconds to the first tick", found[PROCESSES, name][0], 1)
        cost = (found[PROCESSES, name][1] - found[1, name][1]) / (PROCESSES - 1)
        judge(f"{name}: us of perfd's CPU for each process", cost * 1e6, 200)


def tick(daemon):
    """(runs, ns) of perfd's sampling program so far."""
    rows = [line.split() for line in support.run(support.PROGRAMS / "bpf-programs").out.splitlines()]
    ticks = {row[0] for row in rows if row[1] == "on_tick"}
    for path in pathlib.Path(f"/proc/{daemon.pid}/fdinfo").iterdir():
        text = path.read_text()
        number = re.search(r"prog_id:\s+(\d+)", text)
        ns = re.search(r"run_time_ns:\s+(\d+)", text)
        if number and ns and number[1] in ticks:
            return int(re.search(r"run_cnt:\s+(\d+)", text)[1]), int(ns[1])
    raise AssertionError("perfd's sampling program was not found")


def others_tick(where, daemon, load, *filters):
    """ns of a tick that falls on a program which is nobody's target."""
    with support.started(support.PERFCTL, "record", "--socket", daemon.socket, *filters, "-F", "4999",
                         "-d", "5", "-o", where / "x.folded"):
        support.wait_until(lambda: '"state":"recording"' in daemon.perfctl(
            "list", "--json").out.replace(" ", ""), "it records")
        time.sleep(0.3)
        before = tick(daemon)
        time.sleep(2)
        after = tick(daemon)
    support.check(after[0] > before[0] + 1000, f"{before} {after}: nothing ticked")
    return (after[1] - before[1]) / (after[0] - before[0])


def test_a_tick_on_somebody_else():
    before = STATISTICS.read_text()
    STATISTICS.write_text("1")
    kinds = {
        "0 kinds": [], "a uid": ["--uid", str(support.STRANGER)],
        "a name": ["--comm", "sleepers"], "a control group": ["-G"],
        "all kinds": ["--uid", str(support.STRANGER), "--comm", "sleepers", "-G"]}
    try:
        with support.directory() as where, support.daemon() as daemon, \
                support.control_groups() as groups, \
                support.started(*support.in_group(groups / "idle.service", *support.as_stranger(
                    sys.argv[2], "1", "1"))) as idle, support.started(
                    support.PROGRAMS / "spin", 200) as load:
            time.sleep(0.5)
            (sleeping,) = support.children(idle.pid)
            for name, words in kinds.items():
                words = [*words, groups / "idle.service"] if "-G" in words else words
                words = words or ["-p", str(sleeping)]
                cost = min(others_tick(where, daemon, load, *words) for _ in range(3))
                judge(f"a tick on nobody's target, {name}, ns", cost, 2000)
    finally:
        STATISTICS.write_text(before)


if __name__ == "__main__":
    support.main(globals())
