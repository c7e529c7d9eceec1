# SPDX-License-Identifier: GPL-2.0-or-later
"""What cannot work is refused: with the right exit status, with a message that names the thing and
the cause, in bounded time, with nothing left behind and nothing damaged."""

import contextlib
import os
import pathlib
import re
import socket
import stat
import subprocess
import time

import support
from support import PERFCTL, PROGRAMS, as_stranger, check, started


def refused(status, words, *arguments, **options):
    done = support.perfctl(*arguments, expect=status, **options)
    check(re.search(words, done.err), f'{words!r} is not in {done.err!r}')
    check(done.err.startswith('perfctl: ') or '\nperfctl: ' in done.err, done.err)
    check('Traceback' not in done.err and done.out == '', done.out)
    return done


@contextlib.contextmanager
def everywhere():
    """The way to a private daemon, and the way to a running one."""
    with support.daemon() as daemon:
        yield daemon, (['--no-daemon'], ['--socket', str(daemon.socket)])
        support.nothing_is_left(but=daemon.family())


def free_pid():
    """A pid that nobody has."""
    with started('true') as process:
        process.wait()
        return process.pid


def test_no_such_pid():
    with support.directory() as where, everywhere() as (_, ways):
        for way in ways:
            refused(5, r'no such process|no process', 'record', *way, '-p', free_pid(), '-d', 1,
                    '-o', where / 'x.folded')
        check(not list(where.iterdir()), 'a file was written')


def test_a_thread_id_is_no_pid():
    with support.directory() as where, everywhere() as (_, ways), \
            started(PROGRAMS / 'threads', 1, 1, 20, stdout=subprocess.PIPE) as program:
        tid = int(program.stdout.readline().split()[0])
        check(tid != program.pid, tid)
        for way in ways:
            refused(5, f'thread.*{program.pid}', 'record', *way, '-p', tid, '-d', 1, '-o',
                    where / 'x.folded')
        check(not list(where.iterdir()), 'a file was written')


def kernel_thread():
    for entry in pathlib.Path('/proc').iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and (entry / 'comm').read_text().startswith('ksoftirqd'):
                return int(entry.name)
    raise support.Skip('no kernel thread is to be seen')


def test_a_kernel_thread_is_no_target():
    with support.directory() as where, everywhere() as (_, ways):
        for way in ways:
            refused(5, 'kernel thread', 'record', *way, '-p', kernel_thread(), '-d', 1, '-o',
                    where / 'x.folded')
        check(not list(where.iterdir()), 'a file was written')


def strangers_can_run_us():
    if support.run(*as_stranger('test', '-x', PERFCTL), expect=None).returncode:
        raise support.Skip('the build directory is not open to others')


def test_somebody_elses_process_is_not_permitted():
    strangers_can_run_us()
    with support.directory(0o777) as where, support.daemon() as daemon:
        done = support.run(*as_stranger(PERFCTL, 'record', '--socket', daemon.socket, '-p',
                                        os.getpid(), '-d', 1, '-o', where / 'x.folded'), expect=4)
        check(re.search(rf'pid {os.getpid()}|\({os.getpid()}\)', done.err), done.err)
        check(re.search('uid|user', done.err), f'the rule is not named: {done.err}')
        check(not list(where.iterdir()), 'a file was written')
        support.nothing_is_left(but=daemon.family())


def test_without_rights_and_without_a_daemon_there_is_nothing_to_reach():
    strangers_can_run_us()
    with support.directory(0o777) as where:
        done = support.run(*as_stranger(PERFCTL, 'record', '--socket', where / 'none', '-p',
                                        os.getpid(), '-d', 1, '-o', where / 'x.folded'), expect=6)
        check(str(where / 'none') in done.err, done.err)
        check(not list(where.iterdir()), 'a file was written')


def test_ones_own_process_through_the_daemon():
    strangers_can_run_us()
    paranoid = int(pathlib.Path('/proc/sys/kernel/perf_event_paranoid').read_text())
    with support.directory(0o777) as where, support.daemon() as daemon, \
            started(*as_stranger(PROGRAMS / 'ask-time', 20)) as mine, \
            started(*as_stranger('dd', 'if=/dev/zero', 'of=/dev/null', 'bs=1k')) as kernel_user:
        for program in (mine, kernel_user):
            support.wait_until(lambda: support.comm(program.pid) != 'setpriv', 'setpriv is done')
        time.sleep(0.2)
        support.run(*as_stranger(PERFCTL, 'record', '--socket', daemon.socket, '-p',
                                 f'{mine.pid},{kernel_user.pid}', '-F', 499, '-d', 2, '-o',
                                 where / 'x.folded'))
        text = (where / 'x.folded').read_text()
        frames = support.frames_of(text)
        check(frames.get('ask-time', 0) > 30 and frames.get('dd', 0) > 30, text)
        symbols = [name for name in frames if re.search('entry_SYSCALL|__x64_sys|do_syscall', name)]
        if paranoid >= 2:
            check(frames.get('[kernel]', 0) > 10, text)
            check(not symbols, f'kernel functions shown to a stranger: {symbols}')
        else:
            check(symbols, text)
        # What is another's is not to be seen, and not to be stopped.
        identity = daemon.perfctl('record', '--detach', '-p', os.getpid()).out.strip()
        listed = support.run(*as_stranger(PERFCTL, 'list', '--json', '--socket', daemon.socket))
        check(identity not in [r['recording'] for r in
                               support.load_json(listed.out)['recordings']], listed.out)
        support.run(*as_stranger(PERFCTL, 'stop', '--socket', daemon.socket, identity, '-o',
                                 where / 'y.folded'), expect=1)
        daemon.perfctl('stop', identity, '-o', where / 'z.folded')


def test_outputs_that_cannot_be_written_are_found_before_recording():
    with support.directory() as where, started(PROGRAMS / 'spin', 60) as program:
        (where / 'directory.folded').mkdir()
        os.mkfifo(where / 'fifo.folded')
        os.mknod(where / 'device.folded', stat.S_IFCHR | 0o666, os.makedev(1, 3))
        (where / 'link.folded').symlink_to(where / 'elsewhere')
        before = sorted(p.name for p in where.iterdir())
        start = time.monotonic()
        for path in (where / 'missing' / 'x.folded', where / 'directory.folded',
                     where / 'fifo.folded', where / 'device.folded', where / 'link.folded',
                     '/proc/x.folded'):
            refused(1, re.escape(str(path)), 'record', '--no-daemon', '-p', program.pid, '-d', 30,
                    '-o', path)
        check(time.monotonic() - start < 15, 'it recorded first')
        check(sorted(p.name for p in where.iterdir()) == before, 'something was made or removed')
        check(stat.S_ISFIFO((where / 'fifo.folded').lstat().st_mode), 'the FIFO is gone')


def test_an_unwritable_directory():
    strangers_can_run_us()
    with support.directory(0o755) as where, support.daemon() as daemon, \
            started(*as_stranger(PROGRAMS / 'spin', 60)) as program:
        done = support.run(*as_stranger(PERFCTL, 'record', '--socket', daemon.socket, '-p',
                                        program.pid, '-d', 30, '-o', where / 'x.folded'), expect=1)
        check('x.folded' in done.err and 'ermission denied' in done.err, done.err)


def test_a_full_disk_leaves_no_half_file_and_the_old_one_whole():
    with support.directory() as where, started(PROGRAMS / 'spin', 60) as program:
        support.run('mount', '-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', where)
        try:
            (where / 'x.svg').write_bytes(b'the old one')
            (where / 'filler').write_bytes(b'x' * 52 * 1024)
            refused(1, 'x.svg.*o space left', 'record', '--no-daemon', '-p', program.pid, '-d', 1,
                    '-o', where / 'x.svg')
            check((where / 'x.svg').read_bytes() == b'the old one', 'the old file is damaged')
            check(sorted(p.name for p in where.iterdir()) == ['filler', 'x.svg'],
                  [p.name for p in where.iterdir()])
            # What is made elsewhere is still made.
            with support.directory() as elsewhere:
                refused(1, 'o space left', 'record', '--no-daemon', '-p', program.pid, '-d', 1,
                        '-o', where / 'x.svg', '-o', elsewhere / 'y.folded')
                check('spin_leaf' in (elsewhere / 'y.folded').read_text(), 'the other output')
        finally:
            support.run('umount', where)


def test_broken_profiles_are_refused_by_name():
    with support.directory() as where, started(PROGRAMS / 'spin', 30) as program:
        support.perfctl('record', '--no-daemon', '-p', program.pid, '-d', 1, '-o',
                        where / 'whole.pb.gz', '-o', where / 'whole.folded')
        whole = (where / 'whole.pb.gz').read_bytes()
        broken = {
            'cut.pb.gz': whole[:len(whole) // 2],
            'cut-header.pb.gz': whole[:5],
            'random.pb.gz': os.urandom(10000),
            'random-gzip.pb.gz': whole[:10] + os.urandom(3000),
            'turned.pb.gz': whole[:-20] + bytes(b ^ 0xff for b in whole[-20:]),
            'zeros.pb.gz': bytes(5000),
            'binary.folded': b'\x7fELF' + os.urandom(2000),
        }
        for name, content in broken.items():
            path = where / name
            path.write_bytes(content)
            refused(1, re.escape(name), 'hotspots', path)
            refused(1, re.escape(name), 'flame', path, '-o', where / 'x.svg')
            refused(1, re.escape(name), 'convert', path, where / 'x.folded')
        refused(1, 'missing', 'hotspots', where / 'missing.pb.gz')
        refused(1, 'irectory', 'hotspots', where)
        check(not (where / 'x.svg').exists() and not (where / 'x.folded').exists(), 'half a file')
        support.perfctl('hotspots', where / 'whole.pb.gz')
        support.nothing_is_left(where)


def rubbish(peer):
    peer.recv(1)
    peer.sendall(b'HTTP/1.1 400 Bad Request\r\n\r\n\0' * 100)


def json_that_is_no_reply(peer):
    peer.recv(1)
    peer.sendall(b'[1, 2, 3]\0')


def endless(peer):
    while True:
        peer.sendall(b'a' * 65536)


def half_a_reply(peer):
    peer.recv(1)
    peer.sendall(b'{"parameters": {"state": "reco')
    peer.shutdown(socket.SHUT_RDWR)


def closed_at_once(peer):
    peer.shutdown(socket.SHUT_RDWR)


def test_what_is_no_daemon_is_not_reached():
    with support.directory() as where, started('sleep', 120) as program:
        output = where / 'x.folded'
        record = ['-p', program.pid, '-d', '1', '-o', output]

        refused(6, re.escape(str(where / 'none')), 'record', '--socket', where / 'none', *record)
        (where / 'file').write_text('')
        refused(6, re.escape(str(where / 'file')), 'record', '--socket', where / 'file', *record)
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(where / 'dead'))
        refused(6, re.escape(str(where / 'dead')), 'record', '--socket', where / 'dead', *record)
        refused(6, 'none', 'record', *record, env={**os.environ,
                                                   'PERFCTL_SOCKET': str(where / 'none')})
        for behave in (rubbish, json_that_is_no_reply, endless, half_a_reply, closed_at_once):
            path = where / behave.__name__
            with support.listener(path, behave):
                start = time.monotonic()
                refused(6, '.', 'record', '--socket', path, *record, timeout=20)
                refused(6, '.', 'status', '--socket', path, timeout=20)
                support.perfctl('list', '--socket', path, timeout=20, expect=6)
                check(time.monotonic() - start < 15, f'{behave.__name__}: too long')
        check(not output.exists(), 'a file was written')


def test_wrong_options_are_2():
    for words in ([], ['-p'], ['-p', '0'], ['-p', '-1'], ['-p', 'redis'], ['-p', '1', 'extra'],
                  ['-p', '1', '--no-such'], ['-p', '1', '-F', '0'], ['-p', '1', '-F', 'fast'],
                  ['-p', '1', '-d', 'long'], ['-p', '1', '-d', '-3'], ['-p', '1', '--', 'true'],
                  ['-p', '1', '-o', 'x.unknown'], ['-p', '1', '-f', 'bmp'],
                  ['-p', '1', '--call-graph', 'maybe'], ['-p', '1', '--kernel', 'perhaps'],
                  ['-p', '99999999999'], ['--detach', '--', 'true'], ['-p', '1', '--json', '-o', '-']):
        refused(2, '.', 'record', *words, cwd='/proc')
    for words in (['hotspots'], ['hotspots', '--by', 'colour', 'x'], ['flame'], ['stop'],
                  ['no-such-command']):
        refused(2, '.', *words, cwd='/proc')


def test_limits_of_the_daemon_are_named():
    with support.directory() as where, support.daemon() as daemon, \
            started('sleep', 60) as program:
        done = daemon.perfctl('record', '-p', program.pid, '-F', 50000, '-d', 1, '-o',
                              where / 'x.folded', expect=1)
        check('limit' in done.err and '10000' in done.err, done.err)
        done = daemon.perfctl('record', '-p', program.pid, '-e', 'no-such-event', '-d', 1, '-o',
                              where / 'x.folded', expect=1)
        check('no-such-event' in done.err, done.err)
        check(not list(where.iterdir()), 'a file was written')


def test_one_user_leaves_recordings_for_others():
    strangers_can_run_us()
    with support.daemon() as daemon, started(*as_stranger('sleep', 60)) as program:
        support.wait_until(lambda: support.comm(program.pid) == 'sleep', 'setpriv is done')
        detach = as_stranger(PERFCTL, 'record', '--detach', '--socket', daemon.socket, '-p',
                             program.pid)
        for _ in range(8):
            support.run(*detach)
        done = support.run(*detach, expect=1)
        check('limit' in done.err and '8' in done.err, done.err)
        daemon.perfctl('record', '--detach', '-p', program.pid)


if __name__ == '__main__':
    support.main(globals())
