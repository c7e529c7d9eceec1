# SPDX-License-Identifier: GPL-2.0-or-later
"""Code that a program makes while it runs: named by what it tells of it, and by nothing that somebody
else put there."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import threading
import time

import support
from support import PROGRAMS, STRANGER, check, record, started

JIT = PROGRAMS / 'jit'


def map_of(pid):
    return pathlib.Path(f'/tmp/perf-{pid}.map')


@contextlib.contextmanager
def jit(mode, seconds, *before, **options):
    """The program, and its files gone afterwards."""
    with started(*before, JIT, mode, seconds, **options) as program:
        try:
            time.sleep(0.2)
            yield program
        finally:
            support.end(program)
            map_of(program.pid).unlink(missing_ok=True)
            pathlib.Path(f'/tmp/jit-{program.pid}.dump').unlink(missing_ok=True)


def record_whole(where, mode, seconds):
    """From the beginning of the program's work, which is when it is being recorded, to its end."""
    with support.daemon() as daemon, jit(mode, seconds, stdin=subprocess.PIPE) as program:
        def begin():
            support.wait_until(daemon.recordings, 'it is recorded')
            program.stdin.close()

        beginning = threading.Thread(target=begin)
        beginning.start()
        recorded = record(where, '-p', program.pid, '-F', 499, daemon=daemon)
        beginning.join()
        check(program.wait(30) == 0, 'it failed')
    return recorded


def test_a_map_names_code_and_stacks_go_on_behind_it():
    with support.directory() as where, jit('map', 20) as program:
        recorded = record(where, '-p', program.pid, '-F', 499, '-d', 1)
    recorded.has('jit', 'main', 'c_calls_outer', 'jit_outer', 'c_leaf')
    recorded.has('jit', 'main', 'c_calls_loop', 'jit_loop')
    recorded.mostly(recorded.count('main'))
    check('[anon]' not in recorded.frames and '[jit]' not in recorded.frames, recorded.text)


def test_code_in_a_memfd_is_named_too():
    with support.directory() as where, jit('memfd', 20) as program:
        recorded = record(where, '-p', program.pid, '-F', 499, '-d', 1)
    recorded.has('jit', 'main', 'c_calls_outer', 'jit_outer', 'c_leaf')
    recorded.mostly(recorded.count('main', 'jit_outer') + recorded.count('main', 'jit_loop'))


def test_code_without_a_frame_pointer_that_is_known_by_its_end_is_unwound():
    """As CPython's trampolines are, whose callers are not compiled for frame pointers either."""
    with support.directory() as where, jit('bare', 20) as program:
        recorded = record(where, '-p', program.pid, '-F', 499, '-d', 1)
    recorded.has('jit', 'main', 'work', 'c_calls_bare', 'jit_outer', 'c_leaf')
    recorded.mostly(recorded.count('main'))


def test_a_map_that_grows_is_read_again():
    with support.directory() as where:
        recorded = record_whole(where, 'grow', 2)
    recorded.mostly(recorded.count('c_calls_outer') + recorded.count('jit_loop'))
    check('[jit]' not in recorded.frames, recorded.text)


def test_a_map_written_at_the_end_names_what_has_gone():
    with support.directory() as where:
        recorded = record_whole(where, 'late', 2)
    recorded.has('jit', 'main', 'c_calls_loop', 'jit_loop')
    check('[anon]' not in recorded.frames and '[jit]' not in recorded.frames, recorded.text)


def test_code_at_the_address_of_other_code_has_its_own_name():
    with support.directory() as where:
        recorded = record_whole(where, 'reuse', 3)
    first, second = recorded.count('jit_loop'), recorded.count('jit_second')
    # The map does not say when: what was sampled between two looks at it may count for either.
    # Each half gets as much CPU time as the rest of the machine leaves it.
    check(0.15 < first / second < 6, f'{first} {second}')


def test_a_jitdump_tells_what_was_there_at_which_time():
    with support.directory() as where, jit('dump', 20) as program:
        recorded = record(where, '-p', program.pid, '-F', 997, '-d', 3)
        support.perfctl('convert', recorded.profile, where / 'recorded.speedscope.json')
        table = (where / 'recorded.speedscope.json').read_text()
    even, odd = recorded.count('jit_even'), recorded.count('jit_odd')
    recorded.mostly(even + odd)
    # Sixty turns of 50 ms; only those of the first look at the file may be mistaken.
    check(0.6 < even / odd < 1.7, f'{even} {odd}')
    check('source.jit' in table, 'source lines are missing')


def plant_link(path, where):
    (where / 'elsewhere').write_text('0 7fffffffffff planted\n')
    path.symlink_to(where / 'elsewhere')


def plant_hard_link(path, where):
    (where / 'elsewhere').write_text('0 7fffffffffff planted\n')
    os.link(where / 'elsewhere', path)


def plant_foreign(path, where):
    path.write_text('0 7fffffffffff planted\n')
    os.chown(path, STRANGER, STRANGER)


def plant_endless(path, where):
    with open(path, 'w') as file:
        file.write('0 7fffffffffff planted\n')
        file.truncate(1 << 42)


def plant_fifo(path, where):
    os.mkfifo(path)


def plant_nothing(path, where):
    pass


def test_what_is_planted_names_nothing_and_says_why():
    plants = {plant_nothing: 'no-jit-map', plant_link: 'jit-map-irregular',
              plant_hard_link: 'jit-map-irregular', plant_foreign: 'jit-map-foreign',
              plant_fifo: 'jit-map-irregular', plant_endless: 'jit-map-too-large'}
    with support.directory() as where, contextlib.ExitStack() as stack:
        programs = [stack.enter_context(jit('none', 30)) for _ in plants]
        for plant, program in zip(plants, programs):
            plant(map_of(program.pid), where)
        recorded = record(where, '-p', ','.join(str(p.pid) for p in programs), '-F', 499, '-d', 2)
        whole = recorded.ledger['unnamed']
        reasons = {}
        for plant, program in zip(plants, programs):
            text = support.perfctl('convert', '--pid', program.pid, recorded.profile, '-').out
            check(support.frames_of(text).get('[anon]', 0) > 10, f'{plant.__name__}: {text}')
            check('planted' not in text, text)
            reasons[plants[plant]] = reasons.get(plants[plant], 0) + 1
    check(set(whole) == set(reasons), whole)
    # Each of them has these two functions, at a few addresses.
    for reason, n in reasons.items():
        check(whole[reason]['frames'] >= 2 * n, whole)


def test_a_map_as_python_writes_it():
    """From 3.12 on, with -X perf: each function has a trampoline, told as py::FUNCTION:FILE."""
    with support.directory() as where, jit('map', 20) as program:
        text = map_of(program.pid).read_text()
        text = text.replace('jit_outer', 'py::handle:/srv/app.py')
        map_of(program.pid).write_text(text.replace('jit_loop', 'py::<module>:/srv/app.py'))
        recorded = record(where, '-p', program.pid, '-F', 499, '-d', 1)
        picture = recorded.picture.read_text()
    recorded.has('jit', 'main', 'c_calls_outer', 'py::handle:/srv/app.py', 'c_leaf')
    recorded.has('jit', 'main', 'c_calls_loop', 'py::<module>:/srv/app.py')
    check('<path class="p ' in picture and '<path class="j ' not in picture, 'they are drawn otherwise')


HOT_SCRIPT = '''
function hotSpin(n) { let s = 0; for (let i = 0; i < n; i++) s = (s + i * i) | 0; return s; }
let total = 0;
for (;;) total += hotSpin(100000);
'''
HOT_CLASS = '''
public class Hot {
    static int hotSpin(int n) { int s = 0; for (int i = 0; i < n; i++) s += i * i ^ n; return s; }
    public static void main(String[] a) { long t = 0; for (int k = 0; ; k++) t += hotSpin(100000 + k % 8); }
}
'''


@support.only_full
def test_node_is_named_by_its_map():
    if not os.access('/usr/bin/node', os.X_OK):
        raise support.Skip('nodejs is not installed')
    with support.directory() as where:
        (where / 'hot.js').write_text(HOT_SCRIPT)
        with started('/usr/bin/node', '--perf-basic-prof', '--interpreted-frames-native-stack',
                     where / 'hot.js', cwd=where) as node:
            try:
                support.wait_until(map_of(node.pid).exists, 'its map', 20)
                time.sleep(2)
                recorded = record(where, '-p', node.pid, '-F', 499, '-d', 3)
            finally:
                support.end(node)
                map_of(node.pid).unlink(missing_ok=True)
    hot = [f for f in recorded.frames if 'hotSpin' in f and 'hot.js' in f]
    check(hot, recorded.text[:4000])
    recorded.mostly(sum(n for stack, n in recorded.stacks if any(f in stack for f in hot)))


@support.only_full
def test_java_is_named_by_the_map_that_jcmd_asks_for():
    if not shutil.which('jcmd'):
        raise support.Skip('openjdk-17-jdk-headless is not installed')
    with support.directory() as where:
        (where / 'Hot.java').write_text(HOT_CLASS)
        support.run('javac', 'Hot.java', cwd=where)
        with started('java', '-XX:+PreserveFramePointer', 'Hot', cwd=where) as java:
            try:
                time.sleep(4)
                support.run('jcmd', java.pid, 'Compiler.perfmap')
                recorded = record(where, '-p', java.pid, '-F', 499, '-d', 3)
            finally:
                support.end(java)
                map_of(java.pid).unlink(missing_ok=True)
    recorded.mostly(recorded.count('int Hot.hotSpin(int)'))
    check('[anon]' not in recorded.frames, recorded.text[:4000])


# Its own pids, its own /tmp.
INNER = '''
mount -t tmpfs tmpfs /var/tmp && cp "$0" /var/tmp/jit && mount -t tmpfs tmpfs /tmp &&
exec /var/tmp/jit "$@"
'''


def test_a_container_has_its_own_maps():
    with support.directory() as where, \
            started('unshare', '--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', INNER, JIT,
                    'map', 20) as outer:
        inner = support.wait_until(lambda: support.children(outer.pid), 'it begins')[0]
        support.wait_until(lambda: support.comm(inner) == 'jit', 'it runs')
        time.sleep(0.2)
        map_of(inner).write_text('0 7fffffffffff planted\n')
        map_of(1).write_text('0 7fffffffffff planted\n')
        try:
            recorded = record(where, '-p', inner, '-F', 499, '-d', 1)
        finally:
            map_of(inner).unlink()
            map_of(1).unlink()
            os.kill(inner, signal.SIGKILL)
    recorded.has('jit', 'main', 'c_calls_loop', 'jit_loop')
    check('planted' not in recorded.frames, recorded.text)


def test_doctor_says_what_names_a_process():
    with support.directory(0o755) as where, jit('none', 60) as program, support.daemon() as daemon:
        def checks():
            done = daemon.perfctl('doctor', '--json', '-p', program.pid)
            return {c['check']: c for c in support.load_json(done.out)['checks']}

        found = checks()
        check('functions' in found[str(JIT)]['found'], found)
        check('unwind table' in found[str(JIT)]['found'], found)
        check('no-jit-map' in found['code made at run time']['found'], found)
        check(any('libc.so' in name for name in found), found)
        plant_link(map_of(program.pid), where)
        irregular = checks()['code made at run time']
        check('jit-map-irregular' in irregular['found'] and irregular['mend'] == 'remove that', irregular)
        map_of(program.pid).unlink()
        map_of(program.pid).write_text('0 10 something\n')
        check(checks()['code made at run time']['state'] == 'ok', checks())
        daemon.perfctl('doctor', '-p', 0x7ffffff0, expect=5)
        daemon.perfctl('doctor', '-p', 'x', expect=2)
        # Another user's: as for recording it.
        daemon.socket.parent.chmod(0o755)
        done = support.run(*support.as_stranger(support.PERFCTL, 'doctor', '--socket', daemon.socket,
                                                '-p', program.pid), expect=4)
        check('cannot examine' in done.err, done.err)


support.main(globals())
