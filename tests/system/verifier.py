# SPDX-License-Identifier: GPL-2.0-or-later
"""How many instructions the verifier goes through for each of perfd's BPF programs. They are held
against verifier-baseline.json, by series of kernels, since their verifiers differ: where a million are
reached the program does not load, and nothing else warns before. With PERFCTL_BASELINE=yes nothing is
held against it: test_kernels.py writes it anew."""

import json
import os
import pathlib
import re

import support
from support import PROGRAMS, check

BASELINE = pathlib.Path(__file__).with_name('verifier-baseline.json')
TOLERANCE = 1.25
# The limit of all kernels (BPF_COMPLEXITY_LIMIT_INSNS), with room for what the next version adds.
MOST = 500000


def series():
    return '.'.join(re.match(r'(\d+)\.(\d+)', os.uname().release).groups())


def loaded():
    """{id: (name, instructions)} of all BPF programs on this machine."""
    rows = [line.split() for line in support.run(PROGRAMS / 'bpf-programs').out.splitlines()]
    return {row[0]: (row[1], int(row[2])) for row in rows}


def count(*arguments):
    """{program: instructions} of a perfd that is started with these arguments."""
    before = loaded()
    with support.daemon(*arguments):
        return dict(row for number, row in loaded().items() if number not in before)


def judge(*arguments):
    """`arguments` are perfd's, and part of what the baseline is for. What was found, as it is there."""
    name = ' '.join((series(), *arguments))
    found = count(*arguments)
    check(found, 'perfd has loaded no program')
    print(f'  verified: {json.dumps({name: found})}', flush=True)
    too_many = {program: n for program, n in found.items() if n > MOST}
    check(not too_many, f'too near to the limit of the verifier: {too_many}')
    if 'PERFCTL_BASELINE' in os.environ:
        return {name: found}
    baseline = json.loads(BASELINE.read_text()).get(name, {})
    grown = {program: (n, baseline[program]) for program, n in found.items()
             if program in baseline and n > TOLERANCE * baseline[program]}
    check(not grown, f'more than {TOLERANCE} times what it was in {BASELINE.name}: {grown}; if that '
          'has a reason, write the baseline anew: PERFCTL_BASELINE=yes tests/system/test_kernels.py')
    return {name: found}
