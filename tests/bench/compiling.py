#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
How long unwind tables take, in CPU time, against what is promised: those of postgres and all its
libraries compiled anew and out of the cache on disk, and the largest library that there is.

usage: compiling.py BUILD COMPILE-TIMES
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import support  # noqa: E402

LARGE = "libLLVM-14.so.1"
SAID = re.compile(r": ([\d.]+) ms, from the cache ([\d.]+) ms, .* at most (\d+) MiB of memory")


def measure(*files):
    """(ms to compile, ms out of the cache, MiB at most)"""
    out = support.run(sys.argv[2], *files).out
    print(out.strip(), flush=True)
    return tuple(float(word) for word in SAID.search(out).groups())


def below(what, value, limit, unit):
    print(f"  {what}: {value:.1f} {unit} of {limit}: {'ok' if value <= limit else 'TOO MUCH'}")
    support.check(value <= limit, f"{what}: {value} {unit}, and {limit} are promised")


def test_postgres():
    program = support.postgres_bin() / "postgres"
    libraries = re.findall(r"(/\S+) \(0x", support.run("ldd", program).out)
    support.check(len(libraries) > 10, libraries)
    compiled, cached, _ = measure(program, *libraries)
    below("compiled", compiled, 200, "ms")
    below("out of the cache", cached, 20, "ms")


def test_a_large_library():
    if support.run(sys.argv[2], LARGE, expect=None).returncode:
        raise support.Skip(f"{LARGE} is not installed")
    compiled, _, memory = measure(LARGE)
    below("compiled", compiled, 150, "ms")
    below("memory", memory, 100, "MiB")


if __name__ == "__main__":
    support.main(globals())
