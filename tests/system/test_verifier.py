# SPDX-License-Identifier: GPL-2.0-or-later
"""
How many instructions the kernel's verifier walks through for each program of the kernel side. It gives
up at a million, and how many paths it takes differs from kernel to kernel: what grows is to be seen
here first. verifier-baseline.txt has what is usual, as verifier-counts prints it.
"""

import pathlib

import support
from support import check, run

BASELINE = pathlib.Path(__file__).with_name('verifier-baseline.txt')
# A change of a program's own making shows; another kernel's way to count does not.
GROWTH_MAX = 1.5
SLACK = 1000
LIMIT = 500_000


def counts(text):
    return {name: int(count) for name, count in (line.split() for line in text.splitlines()
                                                 if line and not line.startswith('#'))}


def test_programs_are_verified_in_about_as_many_steps_as_usual():
    usual = counts(BASELINE.read_text())
    found = counts(run(support.BUILD / 'tests' / 'system' / 'verifier-counts').out)
    for name, count in found.items():
        print(f'  {name}: {count} (usual: {usual.get(name, "none")})', flush=True)
    check(set(found) == set(usual), f'{BASELINE.name} has other programs: '
          f'{sorted(set(found) ^ set(usual))}')
    over = [name for name, count in found.items()
            if count > usual[name] * GROWTH_MAX + SLACK or count > LIMIT]
    check(not over, f'far more than usual: {over}; if that must be, change {BASELINE.name}')


if __name__ == '__main__':
    support.main(globals())
