# SPDX-License-Identifier: GPL-2.0-or-later
"""What test_kernels.py runs inside of the emulated machine: does everything load, what does doctor
say, how many stacks are complete, how much work is it for the verifier?"""

import json
import os
import pathlib
import shutil

import loads
import support
import test_stacks as stacks
import verifier
from support import check

WAYS = ('kernel', 'mirror')
SECONDS = 6
WARM_UPS = 10


def record(daemon, pid, seconds):
    with support.directory() as where:
        return support.record(where, '-p', pid, '-d', seconds, '-F', 997, daemon=daemon,
                              is_on_time=False)


def complete(daemon, pid, least=0.999):
    # Starting and compiling tables take long here: what is judged comes after.
    for _ in range(WARM_UPS):
        if not record(daemon, pid, 2).ledger['truncated'].get('no-table'):
            break
    recorded = record(daemon, pid, SECONDS)
    ledger = recorded.ledger
    n = ledger['kept'] - sum(ledger['no_user_stack'].values())
    print(f'  {ledger["complete"]} of {n} complete, truncated: {ledger["truncated"]}', flush=True)
    check(n > 300, f'{n} stacks are no load')
    check(n - ledger['complete'] <= max(1, (1 - least) * n), ledger)
    return recorded


def redis(daemon):
    with support.redis() as pid:
        return complete(daemon, pid)


def nginx(daemon):
    with loads.nginx() as pid:
        return complete(daemon, pid)


def python(daemon):
    with loads.python() as pid:
        maps = pathlib.Path(f'/proc/{pid}/maps')
        support.wait_until(lambda: '/_json.' in maps.read_text(), 'python loads its modules', 60)
        return complete(daemon, pid)


def libraries(daemon):
    """The second comes to the addresses of the first: what is remembered of that one is wrong."""
    with support.directory() as where:
        paths = []
        for name in ('first', 'second'):
            paths.append(where / f'{name}.so')
            shutil.copy(support.PROGRAMS / f'libplugin-{name}.so', paths[-1])
        with support.started(support.PROGRAMS / 'load-twice', *paths, 8) as program:
            recorded = record(daemon, program.pid, 16)
    n = recorded.count('second_phase')
    print(f'  {recorded.count("second_phase", "second_plugin_work")} of {n} in the second library, '
          f'truncated: {recorded.ledger["truncated"]}', flush=True)
    check(n > 50 and recorded.count('second_phase', 'second_plugin_work') > 0.5 * n, n)
    wrong = recorded.count('second_phase', 'first_plugin_work')
    check(wrong <= 0.05 * n, f'{wrong} samples in a library that has gone')


def call_tree(daemon):
    pairs = {tuple(line.split()) for line in pathlib.Path('/tree-pairs').read_text().splitlines()}
    with support.started('/tree') as process:
        # Around clone's system call libc has no rules: there are no frames of the program beside it.
        recorded = complete(daemon, process.pid, least=0)
    lost = 0
    for stack, count in recorded.stacks:
        wrong = stacks.unlawful(stack, pairs)
        check(not wrong, f'{wrong}: {";".join(stack)}')
        if stack[1].startswith('[truncated') and any(map(stacks.is_own, stack)):
            lost += count
    check(lost <= max(1, 0.001 * recorded.ledger['kept']), f'{lost}: {recorded.ledger}')


def figures(load, way, daemon, ledger):
    """What a row of the README's table is made of. The daemon's own time is timed by itself."""
    n = ledger['kept'] - sum(ledger['no_user_stack'].values())
    found = {'release': os.uname().release, 'way': way, 'load': load.__name__, 'n': n,
             'complete': ledger['complete'], 'ns': daemon.status().get('kernelNsPerSample')}
    print(f'  figures: {json.dumps(found)}', flush=True)


def in_each_way(load):
    for way in WAYS:
        with support.daemon('--mappings', way) as daemon:
            print(f'  mappings by: {way}', flush=True)
            recorded = load(daemon)
            if recorded:
                figures(load, way, daemon, recorded.ledger)


def test_doctor_is_content():
    print(f'  {os.uname().release}', flush=True)
    with support.daemon() as daemon:
        done = daemon.perfctl('doctor', expect=None)
        print(done.out, flush=True)
        check(done.returncode == 0 and 'Recording can work here' in done.out, done.err)


def test_the_verifier_has_no_more_to_do_than_it_had():
    for way in WAYS:
        verifier.judge('--mappings', way)


def test_redis_is_complete():
    in_each_way(redis)


def test_nginx_is_complete():
    in_each_way(nginx)


def test_python_is_complete():
    in_each_way(python)


def test_a_library_that_takes_the_place_of_another_is_told_from_it():
    in_each_way(libraries)


def everything(daemon):
    with support.directory() as where, support.redis():
        recorded = support.record(where, '-a', '-d', 3, '-F', 199, daemon=daemon, is_on_time=False)
    check(recorded.count('redis-server') > 10, recorded.ledger)


def test_the_whole_system_is_recorded():
    in_each_way(everything)


def test_every_caller_is_lawful():
    in_each_way(call_tree)


if __name__ == '__main__':
    support.main(globals())
