# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's redis-server and postgres under their load generators: the outputs of one recording
agree with each other to the sample, and a pprof that we did not write reads the native file."""

import os
import re
import shutil
import xml.etree.ElementTree

import loads
import support

SECONDS = 5


def ranking(profile):
    return support.load_json(support.perfctl('hotspots', '--json', '--all', profile).out)['hotspots']


def hotspots(profile):
    """{function: (self, total)} of all rows."""
    rows = {}
    for row in ranking(profile):
        before = rows.get(row['name'], (0, 0))
        rows[row['name']] = (before[0] + row['self'], before[1] + row['total'])
    return rows


def pprof_top(profile, where):
    """{function: (self, total)} by go's pprof."""
    if not shutil.which('go'):
        raise support.Skip('golang-go is not installed')
    environment = {**os.environ, 'HOME': str(where), 'GOCACHE': str(where / 'cache'),
                   'GOFLAGS': '-mod=mod', 'GOTOOLCHAIN': 'local'}
    done = support.run('go', 'tool', 'pprof', '-symbolize=none', '-sample_index=samples',
                       '-nodefraction=0', '-edgefraction=0', '-nodecount=1000000', '-top', profile,
                       env=environment, timeout=120)
    rows = {}
    for line in done.out.splitlines():
        found = re.match(r'\s*(\d+) +[\d.]+% +[\d.]+% +(\d+) +[\d.]+% +(.+)$', line)
        if found:
            name = found[3].removesuffix(' (inline)').removesuffix(' (partial-inline)')
            before = rows.get(name, (0, 0))
            rows[name] = (before[0] + int(found[1]), before[1] + int(found[2]))
    support.check(rows, f'pprof said nothing:\n{done.out}\n{done.err}')
    return rows


def outputs_agree(recorded):
    ours = hotspots(recorded.profile)
    self_sum = sum(row[0] for row in ours.values())
    support.check(self_sum == recorded.ledger['kept'],
                  f'hotspots have {self_sum} of {recorded.ledger["kept"]} samples')
    leaves = {}
    for stack, count in recorded.stacks:
        leaves[stack[-1]] = leaves.get(stack[-1], 0) + count
    named = {name: row[0] for name, row in ours.items() if row[0]}
    # In folded stacks ';' in a name is ':'; these services' names have none.
    support.check(named == leaves, f'hotspots and folded differ: '
                  f'{set(named.items()) ^ set(leaves.items())}')
    with support.directory() as where:
        theirs = pprof_top(recorded.profile, where)
    # Functions of one name in two modules: the sum of their totals is no count of samples.
    for name in ours.keys() | theirs.keys():
        support.check(ours.get(name, (0, 0))[0] == theirs.get(name, (0, 0))[0],
                      f'{name}: self {ours.get(name)} here, {theirs.get(name)} by pprof')
    different = {name: (ours[name], theirs[name]) for name in ours if ours[name] != theirs[name]}
    support.check(not different, f'totals differ: {different}')


def picture_says(recorded, title):
    tree = xml.etree.ElementTree.parse(recorded.picture)
    support.check(tree.getroot().tag == '{http://www.w3.org/2000/svg}svg', tree.getroot().tag)
    text = ' '.join(tree.getroot().itertext())
    # Digits are in groups, parted by a narrow space.
    plain = text.replace('\u202f', '')
    support.check(title in plain, f'the picture has not {title!r}')
    for said in (f'{recorded.ledger["taken"]} taken', f'{recorded.ledger["kept"]} kept'):
        support.check(said in plain, f'the picture has not {said!r}')


def names_are_there(recorded):
    """Of the kernel, and of libc, whose exported functions have names."""
    rows = ranking(recorded.profile)
    for module, pattern in (('[kernel]', r'do_syscall_64|__x64_sys_\w+|x64_sys_call'),
                            ('libc.so.6', r'[a-z_]\w+')):
        names = [row['name'] for row in rows if row['module'].rpartition('/')[2] == module]
        support.check([name for name in names if re.fullmatch(pattern, name)],
                      f'{module} has only {names}')


def judge(pid, name, daemon=None):
    with support.directory() as where:
        recorded = support.record(where, '-p', pid, '-d', SECONDS, daemon=daemon)
        support.check(recorded.ledger['taken'] > 30, recorded.ledger)
        outputs_agree(recorded)
        picture_says(recorded, f'{name} ({pid})')
        names_are_there(recorded)
        support.nothing_is_left(where, but=daemon.family() if daemon else ())


def test_redis_by_a_private_daemon():
    with support.redis() as pid:
        judge(pid, 'redis-server')


def test_redis_by_a_running_daemon():
    with support.daemon() as daemon, support.redis() as pid:
        judge(pid, 'redis-server', daemon)


def test_postgres_by_a_private_daemon():
    with support.postgres() as postmaster:
        judge(loads.busiest_child(postmaster), 'postgres')


def test_postgres_by_a_running_daemon():
    with support.daemon() as daemon, support.postgres() as postmaster:
        judge(loads.busiest_child(postmaster), 'postgres', daemon)


if __name__ == '__main__':
    support.main(globals())
