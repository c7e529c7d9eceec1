# SPDX-License-Identifier: GPL-2.0-or-later
"""perfctl's own behaviour around a recording: the status of the command that it started, signals
that end it and keep what was taken, recordings that go on without it."""

import contextlib
import os
import re
import signal
import subprocess
import time

import support
from support import PERFCTL, PROGRAMS, check, record, started


def run_command(where, *command, expect, **options):
    return support.perfctl('record', '--no-daemon', '-o', where / 'x.folded', '--', *command,
                           expect=expect, **options)


def test_the_exit_status_of_the_command_passes_through():
    with support.directory() as where:
        for status in (0, 1, 42, 255):
            run_command(where, 'sh', '-c', f'exit {status}', expect=status)
        run_command(where, 'sh', '-c', 'kill -SEGV $$', expect=128 + signal.SIGSEGV)
        run_command(where, 'sh', '-c', 'kill -KILL $$', expect=128 + signal.SIGKILL)
        support.nothing_is_left(where)


def test_a_command_that_cannot_be_run_is_126_or_127():
    with support.directory() as where:
        done = run_command(where, 'no-such-program-here', expect=127)
        check('no-such-program-here' in done.err, done.err)
        done = run_command(where, '/etc/passwd', expect=126)
        check('/etc/passwd' in done.err, done.err)
        check(not list(where.iterdir()), 'an output without a recording')


def test_perfctls_own_failure_is_125():
    with support.directory() as where:
        run_command(where / 'missing', 'true', expect=125)
        support.perfctl('record', '--socket', where / 'no-socket', '-o', where / 'x.folded', '--',
                        'touch', where / 'ran', expect=125)
        check(not list(where.iterdir()), 'something was run or written')


def test_output_of_the_command_is_its_own():
    with support.directory() as where:
        done = run_command(where, 'sh', '-c', 'echo out; echo err >&2', expect=0)
        check(done.out == 'out\n', done.out)
        check('err\n' in done.err, done.err)


def test_a_command_is_sampled_from_its_start():
    """Most of the CPU time of a short program is in its first milliseconds: exec, ld.so."""
    with support.directory() as where, support.daemon() as daemon:
        recorded = record(where, '-F', 5000, '--', PROGRAMS / 'spin', 0.3, daemon=daemon)
        recorded.has('spin', 'spin_leaf')
        early = [frame for frame in recorded.frames
                 if re.fullmatch(r'_?dl_\w+|begin_new_exec|load_elf_binary|ret_from_fork\w*|'
                                 r'\[ld-linux.*|do_lookup_x|_start', frame)]
        check(early, f'nothing before main: {sorted(recorded.frames)}')
        # Nothing of perfctl, in whose image the child waited.
        names = {stack[0] for stack, _ in recorded.stacks}
        check(names == {'spin'}, names)


def sampling(where, *arguments, **options):
    """A perfctl whose private perfd samples."""
    process = subprocess.Popen(
        [str(word) for word in (PERFCTL, 'record', '-o', where / 'x.folded', *arguments)],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def has_begun():
        check(process.poll() is None, f'perfctl ended with {process.returncode}')
        for child in support.children(process.pid):
            with contextlib.suppress(OSError):
                if any('perf_event' in os.readlink(fd) for fd in os.scandir(f'/proc/{child}/fd')):
                    return True
        return False

    support.wait_until(has_begun, 'it samples')
    return process


def finish(process, expect):
    out, err = process.communicate(timeout=30)
    check(process.returncode == expect,
          f'exit {process.returncode}, not {expect}: {out.decode()}{err.decode()}')
    return err.decode()


def count_of(where, function):
    return support.frames_of((where / 'x.folded').read_text()).get(function, 0)


def kept(where, function, at_least=10):
    count = count_of(where, function)
    check(count >= at_least, f'{count} samples of {function}')
    support.nothing_is_left(where)


def test_signals_end_a_recording_and_keep_what_was_taken():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with support.directory() as where, started(PROGRAMS / 'spin', 20) as program:
            process = sampling(where, '--no-daemon', '-F', 997, '-p', program.pid)
            time.sleep(0.5)
            process.send_signal(number)
            # As timeout(1) does: to the process, and to its group.
            time.sleep(0.01)
            process.send_signal(number)
            finish(process, 0)
            kept(where, 'spin_leaf')
            check(program.poll() is None, 'the target was ended too')


def test_timeout_ends_a_recording_and_keeps_what_was_taken():
    with support.directory() as where, started(PROGRAMS / 'spin', 20) as program:
        # Of its time, what the start of a private perfd takes here.
        for seconds in (2, 10):
            support.run('timeout', '--preserve-status', seconds, PERFCTL, 'record', '--no-daemon', '-o',
                        where / 'x.folded', '-F', 997, '-p', program.pid)
            if count_of(where, 'spin_leaf') >= 10:
                break
        kept(where, 'spin_leaf')


def test_ctrl_c_on_the_group_ends_command_and_recording():
    with support.directory() as where:
        process = sampling(where, '--no-daemon', '-F', 997, '--', PROGRAMS / 'spin', '20',
                           process_group=0)
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        finish(process, 128 + signal.SIGINT)
        kept(where, 'spin_leaf')


def test_sigterm_reaches_the_command():
    with support.directory() as where:
        process = sampling(where, '--no-daemon', '-F', 997, '--', PROGRAMS / 'spin', '20')
        time.sleep(0.5)
        process.terminate()
        finish(process, 128 + signal.SIGTERM)
        kept(where, 'spin_leaf')


def test_detach_list_stop():
    with support.directory() as where, support.daemon() as daemon, \
            started(PROGRAMS / 'spin', 30) as program:
        identity = daemon.perfctl('record', '--detach', '-p', program.pid).out.strip()
        check(re.fullmatch(r'\w+', identity), identity)
        time.sleep(1.5)
        listed = support.load_json(daemon.perfctl('list', '--json').out)['recordings']
        check([r['recording'] for r in listed] == [identity], listed)
        check(listed[0]['state'] == 'recording' and listed[0]['elapsedMs'] > 1000, listed)
        check(identity in daemon.perfctl('list').out, 'the list has it not')
        daemon.perfctl('stop', identity, '-o', where / 'x.folded')
        kept_by_detached = support.frames_of((where / 'x.folded').read_text())
        check(kept_by_detached.get('spin_leaf', 0) > 10, kept_by_detached)
        listed = support.load_json(daemon.perfctl('list', '--json').out)['recordings']
        check(not listed, f'what was fetched is listed still: {listed}')
        daemon.perfctl('record', '-q', '-p', program.pid, '-d', 0.1, '-o', where / 'y.folded')
        check('No recordings under way' in daemon.perfctl('list').out, 'what was fetched is listed')
        (where / 'y.folded').unlink()
        daemon.perfctl('stop', 'nonsense', '-o', where / 'y.folded', expect=1)
        support.nothing_is_left(where, but=daemon.family())


def test_without_output_a_native_file_and_a_table():
    with support.directory() as where, started(PROGRAMS / 'spin', 20) as program:
        done = support.perfctl('record', '--no-daemon', '-p', program.pid, '-d', 1, cwd=where)
        check('spin_leaf' in done.out, done.out)
        files = [p.name for p in where.iterdir()]
        check(len(files) == 1 and
              re.fullmatch(rf'spin-{program.pid}-\d{{8}}-\d{{6}}\.pb\.gz', files[0]), files)
        again = support.perfctl('hotspots', where / files[0])
        check('spin_leaf' in again.out, again.out)


def test_an_idle_target_is_no_failure_and_is_said():
    with support.directory() as where, started('sleep', 30) as program:
        done = support.perfctl('record', '--no-daemon', '-p', program.pid, '-d', 1, '-o',
                               where / 'x.folded')
        check('used no CPU' in done.err, done.err)
        check((where / 'x.folded').read_text() == '', 'samples of a sleeping program')


def test_the_summary_says_what_was_asked_and_what_was_got():
    with support.directory() as where, started(PROGRAMS / 'spin', 20) as program:
        recorded = record(where, '-p', program.pid, '-d', 2, '-F', 200)
        conditions = recorded.summary['conditions']
        check(conditions['target'] == f'spin ({program.pid})', conditions)
        check(conditions['frequency_asked'] == 200, conditions)
        check(conditions['event_asked'] == 'cpu', conditions)
        check(conditions['event'] in ('cycles', 'cpu-clock'), conditions)
        check(1.8e9 < conditions['duration_ns'] < 4e9, conditions)
        check(120 < conditions['frequency_reached'] < 280, conditions)


if __name__ == '__main__':
    support.main(globals())
