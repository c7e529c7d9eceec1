#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
How many stacks are complete, beside perf: by frame pointers (perf record -g) and by copies of the
stack (--call-graph dwarf), on the same process one after another. Judged is what we promise.

perf's stacks count as complete when the outermost frame is where programs and threads begin; what
begins in a stripped program is told by its entry address.

usage: completeness.py BUILD
"""

import pathlib
import re
import shutil
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'system'))
import loads  # noqa: E402
import support  # noqa: E402

FREQUENCY = 997
SECONDS = 4
BEGINNINGS = re.compile(r'(_start|_?_?(GI_)?_?_?clone3?|runtime\.(goexit|mstart|rt0_go|systemstack|'
                        r'mcall|morestack)[.\w]*|_rt0_amd64\w*)$')
# Bytes: code that begins a program is short.
ENTRY_BYTES = 48


def entry(pid):
    """The address with which the program of a process begins, as the file has it. perf says where a
    frame without a name is in its file."""
    with open(f'/proc/{pid}/exe', 'rb') as program:
        address = struct.unpack_from('<Q', program.read(64), 24)[0]
    return range(address, address + ENTRY_BYTES)


def is_complete(frames, beginning):
    """Of one sample in perf script's text: `ADDRESS SYMBOL (FILE)`, outermost last."""
    address, symbol = frames[-1]
    return bool(BEGINNINGS.match(symbol)) or address in beginning


def perf(where, pid, *call_graph):
    """(samples with a user stack, those that are complete) of perf record."""
    data = where / 'perf.data'
    support.run('perf', 'record', '-F', FREQUENCY, *call_graph, '-B', '--no-bpf-event', '-e',
                'cpu-clock', '-p', pid, '-o', data, '--', 'sleep', SECONDS, expect=None)
    beginning = entry(pid)
    text = support.run('perf', 'script', '--no-inline', '-F', 'ip,sym', '-i', data,
                       timeout=300).out
    n = n_complete = 0
    for sample in text.split('\n\n'):
        frames = []
        for line in sample.splitlines():
            address, _, symbol = line.strip().partition(' ')
            if address and int(address, 16) < 1 << 63:
                frames.append((int(address, 16), symbol))
        if frames:
            n += 1
            n_complete += is_complete(frames, beginning)
    return n, n_complete


def ours(where, pid):
    ledger = support.record(where, '-p', pid, '-F', FREQUENCY, '-d', SECONDS).ledger
    return ledger['kept'] - sum(ledger['no_user_stack'].values()), ledger['complete']


def test_completeness():
    if not shutil.which('perf'):
        raise support.Skip('linux-perf is not installed')
    failed = []
    print('program     perfctl          perf -g          perf --call-graph dwarf   (complete of all)')
    for name, load, least in (
            ('redis', support.redis, 0.999), ('nginx', loads.nginx, 0.999),
            ('postgres', loads.postgres_backend, 0.999), ('python3', loads.python, 0.995),
            ('go', loads.go, 0.995), ('rust', loads.rust, 0.995), ('c++', loads.cplusplus, 0.995)):
        with load() as pid, support.directory() as where:
            results = [ours(where, pid), perf(where, pid, '-g'),
                       perf(where, pid, '--call-graph', 'dwarf')]
        print(f'{name:10}', *(f'{complete / n:7.2%} of {n:5}' for n, complete in results),
              sep='  ', flush=True)
        n, complete = results[0]
        if n - complete > max(1, (1 - least) * n):
            failed.append(f'{name}: {complete} of {n}')
    support.check(not failed, failed)


if __name__ == '__main__':
    support.main(globals())
