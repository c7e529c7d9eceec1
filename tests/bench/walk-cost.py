#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What a sample costs in the kernel, by the frames of its stack: with unwind tables, without
(--call-graph fp), and what the kernel's own bpf_get_stack() takes for the same stack, in the same
minutes. Whatever else the machine does only adds to it: of many short recordings, taken in turn, the
least counts; how much they differ is told. The other CPUs are kept awake. It is judged.

usage: walk-cost.py BUILD DEEP DEEP-FP KERNEL-STACK AWAKE
"""

import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import support  # noqa: E402
import unwinding  # noqa: E402

FREQUENCY = 4999
FRAMES = (5, 20, 60, 120)
# Below what `deep` is told: main, two functions of libc, _start.
FRAMES_OF_MAIN = 4
ROUNDS = 8
SECONDS = 1
CPU = 0
# What a sample may cost.
SLOPE_OF_KERNEL_MAX = 3
FIXED_NS_MAX = 1000
FRAME_NS_MAX = 100


@contextlib.contextmanager
def on_one_cpu(*command):
    with support.started("taskset", "-c", CPU, *command) as process:
        time.sleep(0.1)
        yield process.pid


def record(where, daemon, pid, call_graph):
    """(nanoseconds in the kernel, runs, samples, frames of each), of the middle of a recording."""
    recording = subprocess.Popen(
        [support.PERFCTL, "record", "--socket", daemon.socket, "-p", str(pid), "-F", str(FREQUENCY),
         "-d", str(SECONDS), "--call-graph", call_graph, "--json", "-o", where / "out.folded"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.3 * SECONDS)
    runs, spent = unwinding.program_cost(daemon)
    start = time.monotonic()
    time.sleep(0.5 * SECONDS)
    runs_after, spent_after = unwinding.program_cost(daemon)
    seconds = time.monotonic() - start
    out, said = recording.communicate(timeout=60)
    support.check(recording.returncode == 0, said.decode(errors="replace"))
    stacks = support.folded((where / "out.folded").read_text())
    n = sum(n for _, n in stacks)
    frames = sum((len(stack) - 1) * n for stack, n in stacks) / max(1, n)
    kept = json.loads(out)["ledger"]["kept"]
    return spent_after - spent, runs_after - runs, kept / SECONDS * seconds, frames


def other_tick(where, daemon):
    """Nanoseconds of a tick that falls on something else."""
    with support.started("sleep", 60) as sleeper:
        spent, runs, _, _ = record(where, daemon, sleeper.pid, "auto")
    return spent / runs


def per_sample(where, daemon, pid, call_graph, n_frames, other):
    """Nanoseconds, without the ticks that fell on something else."""
    spent, runs, samples, frames = record(where, daemon, pid, call_graph)
    support.check(samples > FREQUENCY / 10, f"{samples} samples")
    # By frame pointers libc's are missing.
    support.check(abs(frames - n_frames) < 0.5 or call_graph == "fp", f"{frames} frames")
    return (spent - max(0, runs - samples) * other) / samples


def kernel_stack(pid):
    """Nanoseconds of bpf_get_stack() for each sample."""
    return float(support.run(sys.argv[4], pid, FREQUENCY, 0.5 * SECONDS).out)


def measure(costs, where, daemon, n_frames):
    depth = n_frames - FRAMES_OF_MAIN
    with on_one_cpu(sys.argv[2], depth) as pid:
        other = other_tick(where, daemon)
        costs["tables"][n_frames].append(
            per_sample(where, daemon, pid, "auto", n_frames, other))
    with on_one_cpu(sys.argv[3], depth) as pid:
        costs["frame pointers"][n_frames].append(
            per_sample(where, daemon, pid, "fp", n_frames, other))
        costs["bpf_get_stack"][n_frames].append(kernel_stack(pid))


def slope(least):
    """Nanoseconds for each frame more, between the depths at both ends."""
    return (least[FRAMES[-1]] - least[FRAMES[0]]) / (FRAMES[-1] - FRAMES[0])


def say(costs):
    """The least, by way and frames."""
    print(f"ns a sample, least (median) of {ROUNDS}, by frames:" +
          "".join(f"{frames:14}" for frames in FRAMES))
    for way, by_frames in costs.items():
        print(f"  {way:46}" + "".join(f"{min(values):7.0f} ({statistics.median(values):.0f})"
                                      for values in by_frames.values()))
    return {way: {frames: min(values) for frames, values in by_frames.items()}
            for way, by_frames in costs.items()}


def test_frames():
    costs = {way: {frames: [] for frames in FRAMES}
             for way in ("tables", "frame pointers", "bpf_get_stack")}
    with unwinding.statistics(), support.directory() as where, support.daemon() as daemon, \
            support.started(sys.argv[5], CPU + 1, os.cpu_count() - 1):
        for _ in range(ROUNDS):
            for frames in FRAMES:
                measure(costs, where, daemon, frames)
    least = say(costs)
    ratio = slope(least["tables"]) / slope(least["bpf_get_stack"])
    over = [f"{frames} frames: {cost:.0f} ns" for frames, cost in least["tables"].items()
            if cost > FIXED_NS_MAX + FRAME_NS_MAX * frames]
    print(f"a frame costs {slope(least['tables']):.1f} ns, {ratio:.2f} times what it costs "
          f"bpf_get_stack (at most {SLOPE_OF_KERNEL_MAX}): "
          f"{'pass' if ratio <= SLOPE_OF_KERNEL_MAX else 'FAIL'}")
    print(f"a sample costs at most {FIXED_NS_MAX} + {FRAME_NS_MAX} ns a frame: "
          f"{'FAIL, ' + ', '.join(over) if over else 'pass'}", flush=True)
    support.check(ratio <= SLOPE_OF_KERNEL_MAX and not over, "a walk costs too much")


if __name__ == "__main__":
    support.main(globals())
