# SPDX-License-Identifier: GPL-2.0-or-later
"""What system tests share: the built programs, a perfd on a private socket, real services under
load. Each test is a program of its own: `support.main(globals())` runs its functions that begin
with `test_`, in order of their definition, and exits 77 where the machine cannot run them. After
each of them none of our processes may be left: no perfctl, no perfd, no helper."""

import atexit
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket as sockets
import subprocess
import sys
import tempfile
import threading
import time
import traceback

BUILD = pathlib.Path(os.environ.get('PERFCTL_BUILD') or sys.argv[1]).resolve()


def links():
    """A directory with the programs as links of this test's own: another test that runs beside it has
    others, so that what one leaves behind is told from what another is at. Where nothing can be
    written, nobody runs beside it."""
    if not os.access(BUILD, os.W_OK):
        return BUILD
    where = pathlib.Path(tempfile.mkdtemp(prefix='run-', dir=BUILD))
    where.chmod(0o755)
    for program in BUILD.glob('perf*'):
        if program.is_file() and os.access(program, os.X_OK):
            os.link(program, where / program.name)
    atexit.register(shutil.rmtree, where, ignore_errors=True)
    return where


LINKS = links()
PERFCTL = LINKS / 'perfctl'
PERFD = LINKS / 'perfd'
WORKER = LINKS / 'perfd-elf-worker'
PROGRAMS = BUILD / 'tests' / 'system' / 'programs'
# Who is not root and owns nothing on this host, nor has a part in the tests beside this one; so the
# next three. None is of those that systemd and containers give to passers-by.
STRANGER = 20000 + 4 * (os.getpid() % 10000)
# With PERFCTL_UNIT recordings go by the perfd that systemd runs, with all that its unit forbids it.
UNIT = os.environ.get('PERFCTL_UNIT')
UNIT_SOCKET = pathlib.Path('/run/perfd/org.perfctl.profiler')


# A private perfd of a perfctl under test keeps no tables: each test finds the same, whatever ran
# before it. Those about the cache give a directory.
os.environ['CACHE_DIRECTORY'] = ''


class Skip(Exception):
    pass


def check(condition, what):
    """An assertion that also holds under python -O, with a sentence."""
    if not condition:
        raise AssertionError(what)


def run(*command, expect=0, timeout=200, **options):
    """Runs a program to its end; its exit status must be `expect` (None: any)."""
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, stdin=subprocess.DEVNULL, **options)
    done.out = done.stdout.decode(errors='replace')
    done.err = done.stderr.decode(errors='replace')
    if expect is not None and done.returncode != expect:
        raise AssertionError(f'{command} exited with {done.returncode}, not {expect}:\n'
                             f'{done.out[-2000:]}\n{done.err[-4000:]}')
    return done


def before_other_load():
    """This program and what it starts come before all else that runs. Sessions take turns with each
    other before niceness counts (sched(7), "The autogroup feature"), so the session of it comes first
    too, until the end."""
    os.nice(-10)
    group = pathlib.Path('/proc/self/autogroup')
    with contextlib.suppress(OSError):
        before = group.read_text().split()[-1]
        group.write_text('-20')
        atexit.register(group.write_text, before)
        # What is told to end restores it too: who comes later in the session would go on first.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))


def perfctl(*arguments, **options):
    return run(PERFCTL, *arguments, **options)


def wait_until(condition, what, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f'waited {seconds} s in vain: {what}')


def end(process):
    """Ends a process that a test started, and reaps it."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for stream in (process.stdout, process.stderr):
        if stream:
            stream.close()


@contextlib.contextmanager
def started(*command, **options):
    options.setdefault('stdout', subprocess.DEVNULL)
    options.setdefault('stderr', subprocess.DEVNULL)
    options.setdefault('stdin', subprocess.DEVNULL)
    process = subprocess.Popen([str(c) for c in command], **options)
    try:
        yield process
    finally:
        end(process)


@contextlib.contextmanager
def directory(mode=0o755):
    path = pathlib.Path(tempfile.mkdtemp(prefix='perfctl-test-'))
    path.chmod(mode)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class Daemon:
    """A perfd of our own on a private socket."""

    def __init__(self, where, *options):
        self.socket = where / 'socket'
        self.log = where / 'perfd.log'
        with open(self.log, 'wb') as log:
            self.process = subprocess.Popen([str(PERFD), '--socket', str(self.socket),
                                             *map(str, options)],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        # In an emulated machine that has little of its host's time.
        wait_until(lambda: self.socket.exists() or self.process.poll() is not None, 'perfd', 60)
        check(self.process.poll() is None, f'perfd ended: {self.log.read_text()}')

    @property
    def pid(self):
        return self.process.pid

    def is_alive(self):
        return self.process.poll() is None

    def said(self):
        return self.log.read_text()

    def family(self):
        """The daemon and its helpers."""
        return {self.pid, *self.children()}

    def n_fds(self):
        return len(os.listdir(f'/proc/{self.pid}/fd'))

    def children(self):
        return children(self.pid)

    def status(self):
        return load_json(self.perfctl('status', '--json').out)

    def recordings(self):
        """Those under way."""
        listed = load_json(self.perfctl('list', '--json').out)['recordings']
        return [each for each in listed if each['state'] == 'recording']

    def perfctl(self, command, *arguments, **options):
        return perfctl(command, '--socket', self.socket, *arguments, **options)


class Service:
    """The perfd of the unit, started anew with these options, and otherwise as its unit says."""

    plain = None

    @staticmethod
    def current():
        """The one that runs, if it has no options of its own."""
        return Service.plain if Service.plain and Service.plain.is_alive() else Service()

    def __init__(self, *options):
        if any(isinstance(option, pathlib.Path) for option in options):
            raise Skip('the unit has directories of its own')
        has_own = bool(options)
        options = options or ('--cache-directory', '')
        self.socket = UNIT_SOCKET
        unit = run('systemctl', 'cat', UNIT).out
        program = re.search(r'^ExecStart=(\S+)', unit, re.MULTILINE)[1]
        where = pathlib.Path(f'/run/systemd/system/{UNIT}.d')
        where.mkdir(parents=True, exist_ok=True)
        (where / 'test.conf').write_text(
            '[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart=\nExecStart=' +
            ' '.join([program, *[str(option) or '""' for option in options]]) + '\n')
        run('systemctl', 'daemon-reload')
        run('systemctl', 'restart', UNIT)
        self.pid = self.main_pid()
        Service.plain = None if has_own else self

    def main_pid(self):
        return int(run('systemctl', 'show', '-P', 'MainPID', UNIT).out)

    def is_alive(self):
        return self.main_pid() == self.pid

    def said(self):
        return run('journalctl', '-b', '-u', UNIT, '-o', 'cat', '-n', 30).out

    def __getattr__(self, name):
        if name in ('process', 'log'):
            raise Skip('of the unit there is no such thing')
        if name not in vars(Daemon):
            raise AttributeError(name)
        member = vars(Daemon)[name]
        return member.fget(self) if isinstance(member, property) else member.__get__(self)


@contextlib.contextmanager
def daemon(*options):
    if UNIT:
        service = Service(*options)
        try:
            yield service
        except Skip:
            raise
        except BaseException:
            print(f'--- perfd said:\n{service.said()}', file=sys.stderr)
            raise
        return
    with directory() as where:
        d = Daemon(where, *options)
        try:
            yield d
        finally:
            end(d.process)
            if sys.exc_info()[0]:
                print(f'--- perfd said:\n{d.said()}', file=sys.stderr)


@contextlib.contextmanager
def meanwhile(function):
    """Calls it, over and over, beside what is done within; where it fails, so does the whole."""
    over, failures = threading.Event(), []

    def repeat():
        try:
            while not over.wait(0.02):
                function()
        except Exception as failure:
            failures.append(failure)

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
    if failures:
        raise failures[0]


def children(pid):
    found = []
    for task in pathlib.Path(f'/proc/{pid}/task').glob('*/children'):
        with contextlib.suppress(OSError):
            found += [int(c) for c in task.read_text().split()]
    return found


def comm(pid):
    return pathlib.Path(f'/proc/{pid}/comm').read_text().strip()


def folded(text):
    """[(frames root first, count)]"""
    lines = []
    for line in text.splitlines():
        stack, _, count = line.rpartition(' ')
        lines.append((stack.split(';'), int(count)))
    return lines


def frames_of(text):
    """Each frame's name, with the number of samples that have it."""
    total = {}
    for stack, count in folded(text):
        for frame in set(stack):
            total[frame] = total.get(frame, 0) + count
    return total


def ledger_adds_up(summary):
    """The summary of `record --json`: taken = kept + lost + not permitted, and so on. A key that is
    missing is an error, so that another spelling cannot pass for zero."""
    ledger = summary['ledger']

    def total(key):
        value = ledger[key]
        return sum(value.values()) if isinstance(value, dict) else value

    check(total('taken') == total('kept') + total('lost') + total('not_permitted'), ledger)
    check(total('kept') == total('complete') + total('truncated') + total('no_user_stack'), ledger)
    return ledger


def load_json(text):
    return json.loads(text)


class Recording:
    """What one `perfctl record --json` brought: the summary, the folded stacks, the files."""

    def __init__(self, done, where, is_on_time=True):
        self.error_text = done.err
        self.summary = load_json(done.out)
        self.ledger = ledger_adds_up(self.summary)
        self.profile = where / 'recorded.pb.gz'
        self.picture = where / 'recorded.svg'
        self.text = (where / 'recorded.folded').read_text()
        self.stacks = folded(self.text)
        self.frames = frames_of(self.text)
        check(sum(count for _, count in self.stacks) == self.ledger['kept'],
              f'folded counts are not the samples kept: {self.ledger}\n{self.text}')
        if is_on_time:
            self.is_enough()

    def count(self, *names):
        """Samples whose stack holds all these functions."""
        return sum(count for stack, count in self.stacks if set(names) <= set(stack))

    def has(self, *names, at_least=10):
        """How many there are depends on how much else the machine does: a few must be."""
        check(self.count(*names) >= at_least,
              f'{self.count(*names)} samples with {names}:\n{self.text[:4000]}')

    def mostly(self, count):
        """Nearly all that the target did is in these samples."""
        check(count >= 0.85 * self.ledger['kept'],
              f'{count} of {self.ledger["kept"]} samples:\n{self.text[:4000]}')

    def is_enough(self):
        """As many as the CPU time that the scheduler says it used allows for; the number of ticks
        is random, with a standard error of its root."""
        conditions = self.summary['conditions']
        expected = conditions['scheduler_ns'] * conditions['frequency_asked'] / 1e9
        check(self.ledger['taken'] > 0.8 * expected - 5 * expected ** 0.5,
              f'{self.ledger["taken"]} samples where about {expected:.0f} should be')


def record(where, *arguments, daemon=None, expect=0, is_on_time=True, **options):
    """Records into `where`: by a private daemon, or by the given one; if no frequency is given, with so
    many samples that there are some on a busy machine too. Where time itself is slow, as on an emulated
    machine, nothing can be said of how many samples there should be."""
    if UNIT and not daemon:
        daemon = Service.current()
    way = ['--socket', daemon.socket] if daemon else ['--no-daemon']
    outputs = [word for suffix in ('folded', 'pb.gz', 'svg')
               for word in ('-o', where / f'recorded.{suffix}')]
    rate = [] if '-F' in arguments else ['-F', 499]
    done = perfctl('record', *way, '--json', *outputs, *rate, *arguments, expect=expect, **options)
    return Recording(done, where, is_on_time)


@contextlib.contextmanager
def control_groups():
    """A slice of our own in the unified hierarchy, which is mounted where it is not."""
    mounts = [line.split() for line in pathlib.Path('/proc/mounts').read_text().splitlines()]
    found = [pathlib.Path(m[1]) for m in mounts if m[2] == 'cgroup2']
    with directory() as where:
        if not found:
            run('mount', '-t', 'cgroup2', 'none', where)
        root = found[0] if found else where
        ours = root / f'perfctl{os.getpid()}.slice'
        ours.mkdir()
        try:
            yield ours
        finally:
            for path in sorted(ours.rglob('cgroup.procs'), reverse=True):
                path.parent.rmdir()
            with contextlib.suppress(FileNotFoundError):
                ours.rmdir()
            if not found:
                run('umount', where)


def in_group(group, *command):
    """`command` inside of a control group, which is made for it."""
    group.mkdir(parents=True, exist_ok=True)
    return ['sh', '-c', 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group),
            *[str(c) for c in command]]


def as_stranger(*command):
    """`command` as somebody who is neither root nor anybody else on this host."""
    return ['setpriv', f'--reuid={STRANGER}', f'--regid={STRANGER}', '--clear-groups', *command]


def ours(but=()):
    """Processes, {pid: path}, that run what was built here, but for those given."""
    found = {}
    for entry in pathlib.Path('/proc').iterdir():
        if not entry.name.isdigit() or int(entry.name) in but:
            continue
        with contextlib.suppress(OSError):
            path = os.readlink(entry / 'exe').removesuffix(' (deleted)')
            if path in (str(PERFCTL), str(PERFD), str(WORKER)):
                found[int(entry.name)] = path
    return found


def nothing_is_left(*directories, but=()):
    """No process of ours (but for those given), and no temporary file in these directories."""
    try:
        wait_until(lambda: not ours(but), 'our processes end', 5)
    except AssertionError:
        raise AssertionError(f'left behind: {ours(but)}') from None
    for where in directories:
        left = [p.name for p in where.iterdir() if p.name.startswith('.')]
        check(not left, f'left behind in {where}: {left}')


@contextlib.contextmanager
def redis():
    """Debian's redis-server on a private Unix socket, under redis-benchmark."""
    with directory() as where:
        socket = where / 'redis.sock'
        with started('redis-server', '--port', '0', '--unixsocket', socket, '--save', '',
                     '--dir', where, '--daemonize', 'no') as server:
            wait_until(socket.exists, 'redis')
            with started('redis-benchmark', '-s', socket, '-n', '1000000000', '-c', '10', '-q',
                         '-t', 'set,get,lpush,lrange_100'):
                time.sleep(0.3)
                yield server.pid


def postgres_bin():
    found = sorted(pathlib.Path('/usr/lib/postgresql').glob('*/bin/postgres'))
    if not found:
        raise Skip('postgresql is not installed')
    return found[-1].parent


@contextlib.contextmanager
def postgres():
    """Debian's postgres with a database of its own, under pgbench. Yields the postmaster's pid."""
    binaries = postgres_bin()
    with directory(0o777) as where:
        data = where / 'data'

        def as_postgres(*command):
            return ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups',
                    *[str(c) for c in command]]

        run(*as_postgres(binaries / 'initdb', '-D', data, '-A', 'trust', '--no-sync'))
        with started(*as_postgres(binaries / 'postgres', '-D', data, '-k', where, '-h', '',
                                  '-c', 'fsync=off')) as server:
            client = ['-h', str(where), '-U', 'postgres']
            wait_until(lambda: run(binaries / 'pg_isready', *client, expect=None).returncode == 0,
                       'postgres', 30)
            run(binaries / 'pgbench', *client, '-i', '-s', '2', '-q', 'postgres', timeout=120)
            with started(binaries / 'pgbench', *client, '-S', '-c', '2', '-T', '3600', 'postgres'):
                time.sleep(0.5)
                yield server.pid


@contextlib.contextmanager
def listener(path, behave):
    """A socket on which somebody behaves to each who connects."""
    with sockets.socket(sockets.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        held = []

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    peer, _ = server.accept()
                    held.append(peer)
                    with contextlib.suppress(OSError):
                        behave(peer)

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield
        finally:
            server.shutdown(sockets.SHUT_RDWR)
            for peer in held:
                peer.close()


def only_full(test):
    """For tests that are too long for every run."""
    test.is_only_full = True
    return test


def main(names, as_root=True):
    if as_root and os.geteuid() != 0:
        print('SKIP: root is needed')
        sys.exit(77)
    failed = skipped = passed = 0
    only = os.environ.get('PERFCTL_TEST')
    for name, function in list(names.items()):
        if not name.startswith('test_') or (only and only not in name):
            continue
        if getattr(function, 'is_only_full', False) and not os.environ.get('PERFCTL_FULL'):
            continue
        start = time.monotonic()
        try:
            function()
            if as_root:
                nothing_is_left()
            word, passed = 'ok', passed + 1
        except Skip as reason:
            word, skipped = f'SKIP: {reason}', skipped + 1
        except Exception:
            traceback.print_exc()
            word, failed = 'FAILED', failed + 1
        print(f'{name}: {word} ({time.monotonic() - start:.1f} s)', flush=True)
    sys.exit(1 if failed else 77 if skipped and not passed else 0)
