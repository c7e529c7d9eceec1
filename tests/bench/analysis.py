#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranking and comparing recordings with a million different stacks: alone, and as whole commands, which
also read the files. Each with its limit; nothing fails by a limit unless PERFCTL_BENCH_STRICT=1, for a
machine may be slow.

usage: analysis.py BUILD MILLION-STACKS-PROGRAM
"""

import json
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402
import support  # noqa: E402

STRICT = os.environ.get("PERFCTL_BENCH_STRICT") == "1"
ROUNDS = 3


def judge(name, value, limit):
    said = f"{name}: {value:.3g} s; {bounds.verdict(value, limit)}"
    print(said, flush=True)
    support.check(value <= limit or not STRICT, said)


def command(*words):
    """(seconds, seconds of CPU, MiB) of perfctl: the quickest of some runs."""
    found = []
    for _ in range(ROUNDS):
        start = time.monotonic()
        process = subprocess.Popen([str(support.PERFCTL), *[str(word) for word in words]],
                                   stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        support.check(process.returncode == 0, f"{words[0]} failed")
        found.append((time.monotonic() - start, usage.ru_utime + usage.ru_stime,
                      usage.ru_maxrss / 1024))
    return min(found)


def main():
    with support.directory() as where:
        done = support.run(sys.argv[2], where, timeout=300)
        alone = json.loads(done.out)
        size = (where / "before.pb.gz").stat().st_size / 2**20
        print(f'{alone["stacks"]} stacks, {alone["depth"]} frames deep in the mean; files of '
              f"{size:.1f} MiB")
        judge("ranking alone", alone["ranking_s"], 1)
        judge("comparing alone", alone["diff_s"], 1)
        for name, words, limit in [("hotspots", ["hotspots", where / "before.pb.gz"], 2.5),
                                   ("diff", ["diff", where / "before.pb.gz",
                                             where / "after.pb.gz"], 5)]:
            seconds, cpu, mib = command(*words)
            judge(f"perfctl {name}, which reads and decodes first ({cpu:.2f} s of CPU, "
                  f"{mib:.0f} MiB)", seconds, limit)


if __name__ == "__main__":
    main()
