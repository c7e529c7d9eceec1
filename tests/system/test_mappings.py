# SPDX-License-Identifier: GPL-2.0-or-later
"""The mirror of mappings, which stands in where the kernel's own tree cannot be read: forced here. What
is complete by the tree has to be complete by the mirror; programs that execute others, fork, and map
libraries while they are recorded have to be followed."""

import contextlib
import shutil

import loads
import support
from support import PROGRAMS, check, record, started

FREQUENCY = 997
SECONDS = 3


@contextlib.contextmanager
def mirroring():
    with support.daemon('--mappings', 'mirror') as daemon:
        yield daemon


def complete(daemon, pid, least=0.999):
    with support.directory() as where:
        recorded = record(where, '-p', pid, '-d', SECONDS, '-F', FREQUENCY, daemon=daemon)
    ledger = recorded.ledger
    n = ledger['kept'] - sum(ledger['no_user_stack'].values())
    print(f'  {ledger["complete"]} of {n} complete, truncated: {ledger["truncated"]}', flush=True)
    check(n > 100 and n - ledger['complete'] <= max(1, (1 - least) * n), ledger)


@support.only_full
def test_services_are_complete():
    with mirroring() as daemon:
        for load in (support.redis, loads.nginx, loads.python):
            with load() as pid:
                complete(daemon, pid)


def test_status_and_doctor_tell_of_it():
    with mirroring() as daemon:
        status = daemon.perfctl('status').out
        check('Mappings by             mirror' in status, status)
        doctor = daemon.perfctl('doctor').out
        check('mappings by mirror' in doctor and 'nothing to do' in doctor, doctor)
    with support.daemon() as daemon:
        check('Mappings by             maple-tree' in daemon.perfctl('status').out, 'auto')
        check('mappings by maple-tree' in daemon.perfctl('doctor').out, 'auto')


def test_an_unknown_way_is_refused():
    done = support.run(support.PERFD, '--mappings', 'magic', expect=2)
    check("--mappings 'magic' is not one of auto, kernel, mirror" in done.err, done.err)


def test_a_library_that_takes_the_place_of_another_is_told_from_it():
    with support.directory() as where, mirroring() as daemon:
        libraries = []
        for name in ('first', 'second'):
            libraries.append(where / f'{name}.so')
            shutil.copy(PROGRAMS / f'libplugin-{name}.so', libraries[-1])
        with started(PROGRAMS / 'load-twice', *libraries, 1.5) as program:
            recorded = record(where, '-p', program.pid, '-d', 3, '-F', FREQUENCY, daemon=daemon)
        recorded.has('second_phase', 'second_plugin_work', at_least=50)
        wrong = recorded.count('second_phase', 'first_plugin_work')
        check(wrong <= 0.05 * recorded.count('second_phase'), f'{wrong} samples in a library that has gone:\n{recorded.text}')


@support.only_full
def test_a_program_that_executes_another_is_never_taken_for_it():
    """Two programs at the same addresses, executing each other: between the exec and the mirror's
    reading there is nothing to be found, which costs samples, and never a wrong name."""
    with support.directory() as where, mirroring() as daemon:
        with started(PROGRAMS / 'exec-loop-alpha', 0, PROGRAMS / 'exec-loop-beta') as program:
            recorded = record(where, '-p', program.pid, '-d', SECONDS, '-F', 4999, daemon=daemon)
    n = 0
    for stack, count in recorded.stacks:
        own, other = {'exec-loop-alpha': ('alpha', 'beta'),
                      'exec-loop-beta': ('beta', 'alpha')}[stack[0]]
        check(f'{other}_only' not in stack, stack)
        check(not [f for f in stack if f.startswith(f'[exec-loop-{other}+')], stack)
        n += count if f'{own}_only' in stack else 0
    print(f'  {n} of {recorded.ledger["kept"]} samples in the programs themselves, truncated: '
          f'{recorded.ledger["truncated"]}', flush=True)
    check(n > 50, recorded.ledger)


def test_children_are_followed():
    with support.directory() as where, mirroring() as daemon:
        script = 'for i in 1 2 3 4 5 6; do /usr/bin/python3 -c "for i in range(3000000): pass"; done'
        done = daemon.perfctl('record', '--json', '-F', FREQUENCY, '-o', where / 'sh.folded', '--',
                              'sh', '-c', script)
        ledger = support.ledger_adds_up(support.load_json(done.out))
    n = ledger['kept'] - sum(ledger['no_user_stack'].values())
    print(f'  {ledger["complete"]} of {n} complete, truncated: {ledger["truncated"]}', flush=True)
    late = sum(ledger['truncated'].get(word, 0)
               for word in ('not-mirrored', 'no-mapping', 'mapping-race'))
    # Each of them lives for a few tens of milliseconds, and the mirror comes after their starts.
    check(n > 50 and late < 0.5 * n, ledger)


if __name__ == '__main__':
    support.main(globals())
