# SPDX-License-Identifier: GPL-2.0-or-later
"""What can be aimed at: the whole system, threads, names, users, and what of these a user who is no
admin gets. Whatever is recorded is the target's, and nobody else's."""

import contextlib
import os
import re
import signal
import subprocess
import time

import support
from support import PERFCTL, PROGRAMS, as_stranger, check, record, started


def tasks(recorded):
    """{(comm, pid, tid): samples}, out of the native file."""
    text = recorded.profile.with_suffix('').with_suffix('.perf')
    support.perfctl('convert', recorded.profile, text)
    found = {}
    for comm, pid, tid in re.findall(r'^(\S.*?)\s+(\d+)/(\d+)\s', text.read_text(), re.MULTILINE):
        key = comm, int(pid), int(tid)
        found[key] = found.get(key, 0) + 1
    check(sum(found.values()) == recorded.ledger['kept'], f'{found}\n{recorded.ledger}')
    return found


def pids(recorded):
    return {pid for _, pid, _ in tasks(recorded)}


@contextlib.contextmanager
def spinning(*wrapper, name='spin', seconds=20):
    with started(*wrapper, PROGRAMS / name, seconds) as program:
        support.wait_until(lambda: support.comm(program.pid) == name, 'it runs')
        yield program


def test_the_whole_system():
    with support.directory() as where, spinning() as one, spinning(name='spin-alpha') as other:
        recorded = record(where, '-a', '-d', 3, '-F', 199)
        recorded.has('spin', 'spin_leaf')
        recorded.has('spin-alpha', 'alpha_leaf')
        check({one.pid, other.pid} <= pids(recorded), pids(recorded))
        check(0 not in pids(recorded), 'idle CPUs were sampled')
        target = recorded.summary['conditions']['target']
        check(target == 'the whole system', target)


def test_the_whole_system_has_kernel_threads_with_kernel_stacks():
    """Writing through a loop of discarded pages keeps kernel threads busy on any host."""
    if support.UNIT:
        raise support.Skip('kernel threads are not in the pid namespace of a container')
    with support.directory() as where:
        with started('sh', '-c', 'while :; do head -c 64M /dev/zero > $0/x; sync $0/x; '
                                 'rm $0/x; done', where):
            recorded = record(where, '-a', '-d', 5, '-F', 999)
        threads = recorded.ledger['no_user_stack'].get('kernel-thread', 0)
        check(threads, recorded.ledger)
        names = [stack for stack, _ in recorded.stacks if 'ret_from_fork_asm' in stack]
        check(names, 'no stack of a kernel thread')


def test_a_thread_alone():
    with support.directory() as where:
        with started(PROGRAMS / 'threads', 2, 20000, 20, stdout=subprocess.PIPE) as program:
            tid = int(program.stdout.readline().split()[0])
            recorded = record(where, '-t', tid, '-d', 2, '-F', 199)
        found = tasks(recorded)
        check({t for _, _, t in found} == {tid}, f'{tid}: {found}')
        check({p for _, p, _ in found} == {program.pid}, found)
        recorded.has('thread_work')


def test_a_thread_that_ends_ends_its_recording():
    with support.directory() as where, support.daemon() as daemon:
        with started(PROGRAMS / 'threads', 1, 1500, 1.5, stdout=subprocess.PIPE) as program:
            tid = int(program.stdout.readline().split()[0])
            start = time.monotonic()
            record(where, '-t', tid, '-d', 60, daemon=daemon)
            check(time.monotonic() - start < 30, 'the recording outlived its thread')


@support.only_full
def test_the_scheduler_says_what_each_kind_of_target_has_used():
    """Its figure beside ours: as many samples as that CPU time has ticks, give or take five standard
    errors and what an interrupt takes."""
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups, spinning(), \
            spinning(*support.in_group(groups / 'web.service', *as_stranger()),
                     name='spin-alpha') as one:
        for target in (['-p', one.pid], ['-t', one.pid], ['--uid', support.STRANGER],
                       ['--comm', 'spin-alpha'], ['-u', 'web.service'], ['-a'],
                       ['--uid', support.STRANGER, '-u', 'web.service']):
            recorded = record(where, *target, '-d', 1.5, '-F', 997, daemon=daemon)
            used = recorded.summary['conditions']['scheduler_ns']
            expected = used * 997 / 1e9
            check(used > 0, f'{target}: unknown')
            check(abs(recorded.ledger['taken'] - expected) <
                  0.15 * expected + 5 * expected ** 0.5,
                  f'{target}: {recorded.ledger["taken"]} samples in {used / 1e9} s')


@support.only_full
def test_a_recording_ends_though_the_end_of_its_target_was_not_told():
    """perfd stands still while more events come than the ring holds: the end is among the lost."""
    with support.directory() as where, support.daemon() as daemon:
        with started('sh', '-c', 'sleep 1.5; i=0; while [ $i -lt 6000 ]; do (:); i=$((i+1)); done'
                     ) as target:
            with started(PERFCTL, 'record', '--socket', daemon.socket, '-p', target.pid, '-o',
                         where / 'x.folded') as recording:
                support.wait_until(lambda: '"state":"recording"' in support.run(
                    PERFCTL, 'list', '--socket', daemon.socket, '--json').out.replace(' ', ''),
                    'it records')
                os.kill(daemon.pid, signal.SIGSTOP)
                try:
                    target.wait(60)
                finally:
                    os.kill(daemon.pid, signal.SIGCONT)
                recording.wait(10)


def test_no_such_thread():
    with support.directory() as where:
        done = support.perfctl('record', '--no-daemon', '-t', 2 ** 22 + 1, '-d', 1, '-o',
                               where / 'x.folded', expect=5)
        check(str(2 ** 22 + 1) in done.err, done.err)


def test_processes_by_name_also_those_that_come():
    with support.directory() as where, support.daemon() as daemon:
        with spinning() as before, spinning(name='spin-beta') as other:
            with started('sh', '-c', f'sleep 1; exec {PROGRAMS}/spin 10') as after:
                recorded = record(where, '--comm', 'spin', '-d', 3, '-F', 199, daemon=daemon)
            found = tasks(recorded)
            check({pid for _, pid, _ in found} == {before.pid, after.pid}, (other.pid, found))
            check({name for name, _, _ in found} == {'spin'}, found)


def test_what_named_processes_start_is_in_unless_asked_otherwise():
    with support.directory() as where, support.daemon() as daemon:
        with started('sh', '-c', f'{PROGRAMS}/spin-alpha 8; {PROGRAMS}/spin-beta 8') as shell:
            name = support.comm(shell.pid)
            time.sleep(0.3)
            recorded = record(where, '--comm', name, '-p', shell.pid, '-d', 2, daemon=daemon)
            recorded.has('alpha_leaf')
            support.perfctl('record', '--socket', daemon.socket, '-p', shell.pid,
                            '--no-children', '-d', 1, '-o', where / 'x.folded')
            check('alpha_leaf' not in (where / 'x.folded').read_text(), 'a child was in')


def test_nobody_has_this_name():
    with support.directory() as where:
        done = support.perfctl('record', '--no-daemon', '--comm', 'no-such-name', '-d', 1, '-o',
                               where / 'x.folded', expect=5)
        check('no-such-name' in done.err, done.err)


def test_a_users_processes():
    with support.directory() as where, support.daemon() as daemon:
        with spinning() as ours, spinning(*as_stranger()) as theirs:
            recorded = record(where, '--uid', support.STRANGER, '-d', 2, '-F', 199, daemon=daemon)
            check(pids(recorded) == {theirs.pid}, (ours.pid, theirs.pid, tasks(recorded)))
            recorded = record(where, '--uid', 'root', '--comm', 'spin', '-d', 2, '-F', 199,
                              daemon=daemon)
            check(pids(recorded) == {ours.pid}, (ours.pid, theirs.pid, tasks(recorded)))


def stranger_record(daemon, where, *arguments, **options):
    return support.run(*as_stranger(PERFCTL, 'record', '--socket', daemon.socket, '-o',
                                    where / 'recorded.pb.gz', '-o', where / 'recorded.folded',
                                    '-o', where / 'recorded.svg', '--json', *arguments), **options)


def test_of_a_set_a_user_gets_what_is_theirs():
    with support.directory(0o777) as where, support.daemon() as daemon:
        with spinning() as ours, spinning(*as_stranger()) as theirs:
            for target in (['-a'], ['--comm', 'spin'], ['--uid', support.STRANGER]):
                done = stranger_record(daemon, where, *target, '-d', 2, '-F', 199)
                recorded = support.Recording(done, where)
                found = {pid for name, pid, _ in tasks(recorded) if name != 'perfctl'}
                check(found == {theirs.pid},
                      f'{target}: {ours.pid} {theirs.pid} {tasks(recorded)}')
                check(recorded.ledger['not_permitted'] == 0, recorded.ledger)
                notes = recorded.summary['conditions'].get('notes') or ''
                is_narrowed = target[0] != '--uid'
                check(bool(re.search(r'\d+ process(es)? left out', notes)) == is_narrowed, notes)


def test_a_set_without_anything_of_theirs_is_refused_to_a_user():
    with support.directory(0o777) as where, support.daemon() as daemon:
        with spinning(), spinning(name='spin-alpha'):
            done = stranger_record(daemon, where, '--comm', 'spin', '-d', 2, expect=4)
            check(re.search('all of it belongs to others', done.err), done.err)
            stranger_record(daemon, where, '--uid', 'root', '-d', 2, expect=4)
            stranger_record(daemon, where, '-t', os.getpid(), '-d', 2, expect=4)
            check('denied' in daemon.said(), 'no trace in the log')


def test_a_unit_and_all_that_lies_below_it():
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups:
        with spinning(*support.in_group(groups / 'web.service')) as one, \
                spinning(*support.in_group(groups / 'web.service' / 'worker')) as two, \
                spinning(*support.in_group(groups / 'other.service')), \
                started(*support.in_group(groups / 'web.service', 'sleep', 1.2)) as late:
            unit = ['-u', 'web', '-d', 3, '-F', 199]
            with started('sh', '-c', 'mkdir $0/late; sleep 1; echo $$ > $0/late/cgroup.procs; '
                                     f'exec {PROGRAMS}/spin 10', groups / 'web.service') as moved:
                recorded = record(where, *unit, daemon=daemon)
            check(pids(recorded) - {late.pid} == {one.pid, two.pid, moved.pid},
                  f'{one.pid} {two.pid} {moved.pid}: {tasks(recorded)}')
            for target in (['-G', groups / 'web.service'], ['-G', f'/{groups.name}/web.service'],
                           ['-u', groups.name, '--comm', 'spin', '-G', '/']):
                recorded = record(where, *target, '-d', 1, '-F', 199, daemon=daemon)
                check({one.pid, two.pid} <= pids(recorded), (target, tasks(recorded)))


def test_a_unit_that_is_started_again_five_times():
    """Each life has a group of its own with the same path. Its first instruction is in: what is
    sampled is what the scheduler says that it used, and nobody else is in."""
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups, spinning():
        unit = groups / 'nested.slice' / 'web.service'
        unit.mkdir(parents=True)
        recording = subprocess.Popen(
            [str(a) for a in (PERFCTL, 'record', '--socket', daemon.socket, '--json', '-u',
                              'web.service', '-F', 997, '-o', where / 'recorded.pb.gz', '-o',
                              where / 'recorded.folded', '-o', where / 'recorded.svg')],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        support.wait_until(lambda: '"state":"recording"' in support.run(
            PERFCTL, 'list', '--socket', daemon.socket, '--json').out.replace(' ', ''), 'it runs')
        lives, used = set(), 0
        for life in range(5):
            with started(*support.in_group(unit, PROGRAMS / 'spin-alpha', 0.5)) as process:
                process.wait()
                lives.add(process.pid)
            stat = (unit / 'cpu.stat').read_text()
            used += int(re.search(r'usage_usec (\d+)', stat)[1]) / 1e6
            support.wait_until(lambda: not (unit / 'cgroup.procs').read_text(), 'it is empty')
            # Its slice goes with it, every other time.
            unit.rmdir()
            if life % 2:
                unit.parent.rmdir()
            unit.mkdir(parents=True)
        recording.terminate()
        out, err = recording.communicate(timeout=30)
        done = type('Done', (), {'out': out.decode(), 'err': err.decode()})
        recorded = support.Recording(done, where)
        check(pids(recorded) == lives, f'{lives}: {tasks(recorded)}')
        expected = used * 997
        check(abs(recorded.ledger['taken'] + recorded.ledger['missed'] - expected)
              < 0.15 * expected + 30, f'{recorded.ledger} for {used} s')
        check({stack[0] for stack, _ in recorded.stacks} <= {'spin-alpha', 'sh'}, recorded.text)


def test_a_container_by_the_beginning_of_its_id_and_its_end():
    number = '3b1f0d6c5e9a87421122334455667788990011aabbccddeeff00112233445566'
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups:
        group = groups / f'docker-{number}.scope'
        start = time.monotonic()
        with spinning(*support.in_group(group), seconds=2) as program:
            with started('sh', '-c', f'sleep 2.5; until rmdir {group}; do sleep 0.1; done'):
                recorded = record(where, '--container', number[:10], '-d', 30, daemon=daemon)
        check(pids(recorded) == {program.pid}, tasks(recorded))
        check(time.monotonic() - start < 12, 'the recording outlived its container')


def test_groups_that_are_not_there():
    with support.directory() as where, support.control_groups():
        for target, word in ((['-u', 'no-such.service'], 'no-such.service'),
                             (['-G', '/no/such'], '/no/such'), (['-G', '/../x'], "'..'"),
                             (['--container', 'abcdef'], 'abcdef')):
            done = support.perfctl('record', '--no-daemon', *target, '-d', 1, '-o',
                                   where / 'x.folded', expect=5)
            check(word in done.err, done.err)


def test_of_a_unit_a_user_gets_what_is_theirs():
    with support.directory(0o777) as where, support.daemon() as daemon, \
            support.control_groups() as groups:
        with spinning(*support.in_group(groups / 'web.service')), \
                spinning(*support.in_group(groups / 'web.service', *as_stranger())) as theirs, \
                spinning(*support.in_group(groups / 'other.service')):
            done = stranger_record(daemon, where, '-u', 'web', '-d', 2, '-F', 199)
            recorded = support.Recording(done, where)
            check(pids(recorded) == {theirs.pid}, tasks(recorded))
            check('1 process' in recorded.summary['conditions']['notes'],
                  recorded.summary['conditions'])
            stranger_record(daemon, where, '-u', 'other', '-d', 2, expect=4)


def test_recordings_with_overlapping_targets_each_get_their_own():
    """Two processes; one alone, the other alone, both, and everything, at four rates at once. All
    that the two do they do while all four record, so that each must have as many samples of each
    process as its rate says, and the four agree on how long that was."""
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups:
        waiting = ['sh', '-c', f'until test -e {where}/go; do sleep 0.05; done; exec "$@"', 'sh',
                   PROGRAMS / 'spin', 4]
        with started(*support.in_group(groups / 'one.service', *waiting)) as one, \
                started(*support.in_group(groups / 'two.service', *waiting)) as two:
            wanted = {'one': (['-p', one.pid], 99), 'two': (['-u', 'two'], 250),
                      'both': (['-u', groups.name], 499), 'all': (['-a'], 997)}
            ids = {name: daemon.perfctl('record', '--detach', *target, '-F', rate).out.strip()
                   for name, (target, rate) in wanted.items()}
            (where / 'go').touch()
            one.wait()
            two.wait()
            seconds = {}
            for name, (_, rate) in wanted.items():
                path, text = where / f'{name}.pb.gz', where / f'{name}.perf'
                daemon.perfctl('stop', ids[name], '-o', path)
                support.perfctl('convert', path, text)
                for pid in re.findall(r'^spin\s+(\d+)/\d+\s', text.read_text(), re.MULTILINE):
                    key = name, int(pid)
                    seconds[key] = seconds.get(key, 0) + 1 / rate
            mine = {'one': [one.pid], 'two': [two.pid], 'both': [one.pid, two.pid]}
            for (name, pid), _ in seconds.items():
                check(pid in mine.get(name, [pid]), seconds)
            for pid, names in ((one.pid, ('one', 'both')), (two.pid, ('two', 'both'))):
                length = seconds['all', pid]
                check(length > 0.1, seconds)
                for name in names:
                    # Five standard errors of both counts, and what chance owes each at the end.
                    error = 5 * (length / wanted[name][1] + length / 997) ** 0.5
                    check(abs(seconds[name, pid] - length) < error + 8 / wanted[name][1],
                          (name, pid, seconds))


def test_list_shows_units_and_containers_with_their_use():
    number = '3b1f0d6c5e9a87421122334455667788990011aabbccddeeff00112233445566'
    with support.daemon() as daemon, support.control_groups() as groups:
        group = groups / f'docker-{number}.scope' / 'web.service'
        with spinning(*support.in_group(group)) as program, \
                spinning(*support.in_group(group / 'worker')):
            shown = daemon.perfctl('list').out
            check(re.search(r'\d+\.\d %\s+\S.*\s2\s+web\.service', shown), shown)
            check(re.search(rf'\s2\s+{number}', shown), shown)
            told = support.load_json(daemon.perfctl('list', '--json').out)
            for kind, name in (('units', 'web.service'), ('containers', number)):
                found = [row for row in told[kind] if row['name'] == name]
                check(found and found[0]['processes'] == 2 and found[0]['cpuMs'] > 0, told[kind])
            for what, line in (('units', 'web.service'), ('containers', number),
                               ('pids', f'{program.pid}\tspin')):
                names = support.perfctl('list', '--names', what).out.splitlines()
                check(line in names, names)


def labels(profile, where):
    """The labels of a native file, [{key: text or number}], without a reader of ours."""
    tool = support.shutil.which('go')
    if not tool:
        raise support.Skip('go is not installed')
    return support.run(tool, 'tool', 'pprof', '-raw', profile, env={
        **os.environ, 'HOME': str(where), 'PPROF_TMPDIR': str(where)}).out


def test_samples_say_whose_they_are():
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups:
        number = '3b1f0d6c5e9a87421122334455667788990011aabbccddeeff00112233445566'
        inner = groups / f'docker-{number}.scope' / 'system.slice' / 'web.service'
        with spinning(*support.in_group(inner)) as program:
            recorded = record(where, '-p', program.pid, '-d', 2, daemon=daemon)
            text = labels(recorded.profile, where)
            for word in ('unit:[web.service]', f'container:[{number}]', 'comm:[spin]',
                         'thread:[spin]', f'exe:[{PROGRAMS}/spin]',
                         f'cgroup:[/{inner.relative_to(groups.parent)}]', f'pid:[{program.pid}]'):
                check(word in text, f'{word}: {text[:3000]}')
            table = support.perfctl('hotspots', '--by', 'unit', recorded.profile).out
            check(re.search(r'100\.0 %.*web\.service', table), table)
            narrowed = where / 'narrowed.folded'
            for unit, is_in in (('web', True), ('web.service', True), ('we', False)):
                support.perfctl('flame', '--unit', unit, recorded.profile, '-o', where / 'n.svg',
                                expect=None)
                table = support.perfctl('hotspots', '--unit', unit, recorded.profile,
                                        expect=None).out
                check(('spin_leaf' in table) == is_in, (unit, table))
            check(not narrowed.exists(), 'something else was written')


def test_what_stands_as_root_if_asked_for():
    with support.directory() as where, support.daemon() as daemon, spinning() as program:
        for per, root in (('thread', rf'spin \({program.pid}\)'),
                          ('process', rf'spin \({program.pid}\)'), ('cpu', r'cpu \d+')):
            recorded = record(where, '-p', program.pid, '-d', 1, '--per', per, daemon=daemon)
            check(recorded.stacks and all(re.fullmatch(root, stack[1])
                                          for stack, _ in recorded.stacks), recorded.text)
            recorded.has('spin_leaf')


def test_a_storm_of_processes_that_live_for_20_milliseconds():
    """Each is in a group that goes with it. All that is sampled is of the slice, each has its name
    and its unit, and what the rings could not hold is counted."""
    with support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups, spinning(name='spin-beta'):
        storm = ('i=0; while :; do i=$((i+1)); g=$0/short-$i.service; mkdir $g; '
                 f'(echo $(exec sh -c "echo \\$PPID") > $g/cgroup.procs; '
                 f'exec {PROGRAMS}/spin-alpha 0.02); rmdir $g; done')
        with started('sh', '-c', storm, groups):
            recorded = record(where, '-u', groups.name, '-d', 4, '-F', 997, daemon=daemon)
        text = recorded.profile.with_suffix('').with_suffix('.perf')
        found = tasks(recorded)
        named = {name for name, _, _ in found}
        check('spin-alpha' in named and named <= {'spin-alpha', 'sh'}, named)
        recorded.has('spin-alpha', 'alpha_outer', 'alpha_leaf')
        check(len({pid for name, pid, _ in found if name == 'spin-alpha'}) > 5, found)
        table = support.perfctl('hotspots', '--by', 'unit', '--all', '--comm', 'spin-alpha',
                                recorded.profile).out
        check('[no unit]' not in table and 'short-' in table, table)
        check(text.exists(), 'no text')


if __name__ == '__main__':
    support.main(globals())
