# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels of Debian 12 and its backports, each in an emulated machine: what inside.py finds
there. And the verifier's work for the kernel that runs here. With PERFCTL_BASELINE=yes the counts
become the new baseline."""

import json
import os

import machine
import support
import verifier
from support import check

SECONDS = 900


def baseline_write(found):
    if 'PERFCTL_BASELINE' not in os.environ:
        return
    baseline = json.loads(verifier.BASELINE.read_text()) if verifier.BASELINE.exists() else {}
    baseline |= found
    verifier.BASELINE.write_text(json.dumps(baseline, indent=1, sort_keys=True) + '\n')


def call_tree(where):
    source, pairs, program = where / 'tree.c', where / 'tree-pairs', where / 'tree'
    support.run('python3', machine.TESTS / 'make-call-tree.py', 200, 1, source, pairs)
    support.run('gcc', '-O2', '-fomit-frame-pointer', '-D_GNU_SOURCE', '-o', program, source,
                '-pthread')
    return {'/tree': program, '/tree-pairs': pairs}


def on(series):
    with support.directory() as where:
        kernel = machine.kernel(series, where)
        machine.image(where / 'initial', call_tree(where))
        said = machine.boot(kernel, where / 'initial', SECONDS)
    print('\n'.join(said), flush=True)
    counts = [line.partition('verified: ')[2] for line in said if line.startswith('  verified: ')]
    for line in counts:
        baseline_write(json.loads(line))
    check(counts, 'no count of the verifier')
    check('inside: exit 0' in said, f'failed on {kernel.name}: see above')


def test_the_kernel_that_runs_here():
    for way in ('kernel', 'mirror'):
        baseline_write(verifier.judge('--mappings', way))


def test_linux_6_1():
    on('6.1')


def test_linux_6_12():
    on('6.12')


if __name__ == '__main__':
    support.main(globals())
