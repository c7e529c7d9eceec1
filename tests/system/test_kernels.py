# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernels of Debian 12 and its backports, each in an emulated machine: what inside.py finds
there. And the same for the kernel that runs here, without the emulation. With PERFCTL_BASELINE=yes the
verifier's counts become the new baseline, and the figures the table in the README."""

import contextlib
import io
import json
import os
import re

import inside
import machine
import support
import verifier
from support import check

SECONDS = 900
README = machine.TESTS.parents[1] / 'README.md'
HEAD = """| kernel | mappings by | loads | complete: redis | nginx | python3 | time in the kernel per sample |
| --- | --- | --- | --- | --- | --- | --- |
"""
# Each line: a kernel, and a way of finding mappings.
ROW = re.compile(r'^\| (\d+)\.(\d+)\S* .*\| (kernel|mirror) \|.*\n', re.MULTILINE)


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


def rows(found, note):
    """Lines of the table, {(series, way): line}."""
    lines = {}
    for way in inside.WAYS:
        mine = {row['load']: row for row in found if row['way'] == way}
        check(set(mine) == {'redis', 'nginx', 'python'}, f'{way}: figures of {sorted(mine)} alone')
        release = mine['redis']['release']
        # What builders append is of interest where the package can be had.
        release = release if note else release.partition('-')[0]
        shares = [f'{100 * row["complete"] / row["n"]:.2f} % of {row["n"]}'
                  for row in (mine[name] for name in ('redis', 'nginx', 'python'))]
        times = [row['ns'] / 1000 for row in mine.values() if row['ns']]
        series = tuple(map(int, re.match(r'(\d+)\.(\d+)', release).groups()))
        lines[series + (way,)] = (f'| {release}{note} | {way} | yes | {" | ".join(shares)} | '
                                  f'{min(times):.1f} to {max(times):.1f} µs |\n')
    return lines


def table_write(lines):
    """Puts these lines into the README's table, in the place of those of the same kernel and way."""
    print(HEAD + ''.join(line for _, line in sorted(lines.items())), flush=True)
    if 'PERFCTL_BASELINE' not in os.environ:
        return
    text = README.read_text()
    before, _, rest = text.partition(HEAD)
    body = re.match(r'(\|.*\n)*', rest)[0]
    for match in ROW.finditer(body):
        lines.setdefault((int(match[1]), int(match[2]), match[3]), match[0])
    README.write_text(before + HEAD + ''.join(line for _, line in sorted(lines.items())) +
                      rest[len(body):])


def figures_of(said):
    return [json.loads(line.partition('figures: ')[2]) for line in said
            if line.startswith('  figures: ')]


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
    table_write(rows(figures_of(said), ', emulated'))


def test_the_kernel_that_runs_here():
    for way in ('kernel', 'mirror'):
        baseline_write(verifier.judge('--mappings', way))
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        for load in (inside.redis, inside.nginx, inside.python):
            inside.in_each_way(load)
    table_write(rows(figures_of(said.getvalue().splitlines()), ''))


def test_the_readme_has_each_kernel():
    """The table is of the kernels that are tried here."""
    body = re.match(r'(\|.*\n)*', README.read_text().partition(HEAD)[2])[0]
    found = {(int(m[1]), int(m[2]), m[3]) for m in ROW.finditer(body)}
    missing = {(6, minor, way) for minor in (1, 12, 18) for way in inside.WAYS} - found
    check(not missing, f'the README has no row of {missing}')


def test_linux_6_1():
    on('6.1')


def test_linux_6_12():
    on('6.12')


if __name__ == '__main__':
    support.main(globals())
