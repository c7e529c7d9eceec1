# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens to a target while it is recorded: libraries come and go, programs execute others,
children are born, threads by the thousand, and the end. Names stay right in each phase."""

import pathlib
import signal
import subprocess
import time

import support
from support import PROGRAMS, check, record, started


def test_libraries_loaded_at_one_address_one_after_another():
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'load-twice', PROGRAMS / 'libplugin-first.so',
                     PROGRAMS / 'libplugin-second.so', 2, stdout=subprocess.PIPE) as program:
            time.sleep(0.5)
            recorded = record(where, '-p', program.pid, '-d', 10, daemon=daemon)
            addresses = program.stdout.read().decode().split()
        check(len(addresses) == 2, addresses)
        print(f'  the libraries lay at {addresses[0]} and {addresses[1]}')
        recorded.has('first_phase', 'first_plugin_work')
        recorded.has('second_phase', 'second_plugin_work')
        recorded.mostly(recorded.count('first_plugin_work') + recorded.count('second_plugin_work'))
        check(not recorded.count('first_phase', 'second_plugin_work'), recorded.text)
        check(not recorded.count('second_phase', 'first_plugin_work'), recorded.text)


def test_a_program_that_executes_another_keeps_both_names_apart():
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'spin-alpha', 2.5, PROGRAMS / 'spin-beta', '1.5') as program:
            recorded = record(where, '-p', program.pid, '-d', 10, daemon=daemon)
        recorded.has('spin-alpha', 'alpha_outer', 'alpha_leaf')
        recorded.has('spin-beta', 'beta_outer', 'beta_leaf')
        recorded.mostly(recorded.count('alpha_leaf') + recorded.count('beta_leaf'))
        for stack, _ in recorded.stacks:
            other = {'spin-alpha': 'beta', 'spin-beta': 'alpha'}[stack[0]]
            check(not [f for f in stack[1:] if f.startswith(other)], stack)


def test_an_endless_exec_loop_never_pairs_one_image_with_the_other():
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'exec-loop-alpha', 0, PROGRAMS / 'exec-loop-beta') as program:
            recorded = record(where, '-p', program.pid, '-d', 5, '-F', 2000, daemon=daemon)
        check(recorded.ledger['taken'] > 300, recorded.ledger)
        recorded.has('exec-loop-alpha', 'alpha_only')
        recorded.has('exec-loop-beta', 'beta_only')
        for stack, count in recorded.stacks:
            other = {'exec-loop-alpha': 'beta_only', 'exec-loop-beta': 'alpha_only'}[stack[0]]
            check(other not in stack, f'{count} samples {stack}')
            modules = [f for f in stack if f.startswith(f'[exec-loop-{other.split("_")[0]}+')]
            check(not modules, stack)


def test_children_born_while_recording_are_in():
    with support.directory() as where:
        with started(PROGRAMS / 'forks', 10) as program:
            time.sleep(0.2)
            recorded = record(where, '-p', program.pid, '-d', 3)
        recorded.has('parent_work')
        recorded.has('child_work')
        recorded.mostly(recorded.count('parent_work') + recorded.count('child_work'))
        check(not recorded.count('parent_work', 'child_work'), recorded.text)


def test_no_children_leaves_them_out():
    with support.directory() as where:
        with started(PROGRAMS / 'forks', 10) as program:
            time.sleep(0.2)
            recorded = record(where, '-p', program.pid, '-d', 3, '--no-children')
        recorded.has('parent_work')
        check(not recorded.count('child_work'), recorded.text)


def test_a_thousand_threads():
    with support.directory() as where, support.daemon() as daemon:
        recording = subprocess.Popen(
            [str(support.PERFCTL), 'record', '--socket', str(daemon.socket), '--json', '-o',
             str(where / 'recorded.folded'), '--', str(PROGRAMS / 'threads'), '1000', '5', '4'],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = recording.communicate(timeout=60)
        check(recording.returncode == 0, err)
        done = type('Done', (), {'out': out.decode().partition('\n')[2], 'err': err.decode()})
        check(out.split()[1] == b'1000', out[:100])
        recorded = support.Recording(done, where)
        recorded.has('thread_work')
        check(recorded.ledger['lost'] == {}, recorded.ledger)
        check(daemon.is_alive(), 'perfd ended')


def test_a_target_that_ends_ends_its_recording():
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'spin', 1.5) as program:
            start = time.monotonic()
            recorded = record(where, '-p', program.pid, '-d', 30, daemon=daemon)
            check(time.monotonic() - start < 10, 'the recording outlived its target')
        recorded.has('spin_outer', 'spin_middle', 'spin_leaf')
        check(recorded.summary['conditions']['duration_ns'] < 5e9, recorded.summary['conditions'])


def test_a_target_that_is_killed_ends_its_recording():
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'spin', 20) as program:
            with started('sh', '-c', f'sleep 2; kill -KILL {program.pid}'):
                recorded = record(where, '-p', program.pid, '-d', 30, daemon=daemon)
        recorded.has('spin_leaf')


if __name__ == '__main__':
    support.main(globals())
