# SPDX-License-Identifier: GPL-2.0-or-later
"""Debug files from a server of debuginfo on this host: only where one is configured, and behind
everybody's back. Servers that hang, lie or send without end cost nobody anything."""

import contextlib
import http.server
import os
import re
import shutil
import socket
import stat
import statistics
import threading
import time

import support
from support import check, record, started

SOURCE = '''
volatile unsigned long sink;
static inline __attribute__((always_inline)) void inner(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sink += i * i;
}
__attribute__((noinline)) void outer(unsigned long n)
{
	inner(n);
}
int main(void)
{
	for (;;)
		outer(100000);
}
'''
LINE = SOURCE.splitlines().index('\t\tsink += i * i;') + 1
MEGABYTE = 1 << 20


def build(where, name):
    """A stripped program with a build-id of its own, and its debug file. Returns the build-id."""
    build_id = name.encode().hex().ljust(40, '0')
    (where / 'work.c').write_text(SOURCE)
    support.run('gcc', '-g', '-O1', f'-Wl,--build-id=0x{build_id}', '-o', name, 'work.c', cwd=where)
    support.run('objcopy', '--only-keep-debug', name, name + '.debug', cwd=where)
    support.run('strip', name, cwd=where)
    return build_id


@contextlib.contextmanager
def daemon(where, *urls, more=''):
    (where / 'perfd.conf').write_text(
        f'[symbols]\ndebuginfod-urls = {" ".join(urls)}\ndebuginfod-max-size = 4M\n{more}')
    with support.daemon('--config', where / 'perfd.conf', '--cache-directory', where / 'cache') as d:
        yield d


def cached(where):
    """{file: size} of what was fetched."""
    directory = where / 'cache-debuginfod'
    return {path.name: path.stat().st_size for path in directory.glob('*')}


class Server(http.server.ThreadingHTTPServer):
    """Answers to a build-id with what `behave` does; counts who asked for what."""

    daemon_threads = True

    def __init__(self, behave):
        self.behave, self.asked, self.sent = behave, [], 0
        self.over = threading.Event()
        super().__init__(('127.0.0.1', 0), Handler)
        self.url = f'http://127.0.0.1:{self.server_port}'

    def handle_error(self, request, client_address):
        pass


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        build_id = self.path.split('/')[2]
        self.server.asked.append(build_id)
        self.server.behave(self, build_id)

    do_HEAD = do_GET

    def log_message(self, *arguments):
        pass

    def give(self, path):
        content = path.read_bytes()
        self.send_response(200)
        self.send_header('Content-Length', str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def hang(self):
        self.server.over.wait(60)

    def fail(self):
        self.send_error(500)

    def give_endless(self):
        self.send_response(200)
        self.end_headers()
        while not self.server.over.is_set():
            self.wfile.write(bytes(MEGABYTE))
            self.server.sent += MEGABYTE


@contextlib.contextmanager
def serving(behave):
    server = Server(behave)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@contextlib.contextmanager
def debuginfod(where, port):
    """Debian's own, over the debug files in a directory."""
    if not shutil.which('debuginfod'):
        raise support.Skip('debuginfod is not installed')
    environment = {**os.environ, 'HOME': str(where)}
    with open(where / 'debuginfod.log', 'wb') as log, \
            started('debuginfod', '-p', port, '-d', where / 'index', '-F', '-t', '1', where / 'served',
                    env=environment, stdout=log, stderr=log) as server:
        yield server


def is_indexed(port, build_id):
    with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', port), 1) as s:
        s.sendall(f'GET /buildid/{build_id}/debuginfo HTTP/1.0\r\n\r\n'.encode())
        return b' 200 ' in s.recv(100)


def has_lines(recorded):
    rows = support.load_json(support.perfctl('hotspots', '--by', 'line', '--json', recorded.profile).out)
    return any((row['name'], row['line']) == ('inner', LINE) for row in rows['hotspots'])


def test_what_this_host_lacks_is_fetched_and_kept():
    with support.directory() as where:
        build_id, port = build(where, 'work'), free_port()
        (where / 'served').mkdir()
        shutil.move(where / 'work.debug', where / 'served')
        url = f'http://127.0.0.1:{port}'
        with debuginfod(where, port), started(where / 'work') as program:
            support.wait_until(lambda: is_indexed(port, build_id), 'debuginfod has it', 20)
            with daemon(where, url) as d:
                record(where, '-p', program.pid, '-d', 0.5, daemon=d)
                support.wait_until(lambda: d.status()['debugFilesFetched'] == 1, 'it is fetched')
                recorded = record(where, '-p', program.pid, '-F', 499, '-d', 0.5, daemon=d)
        recorded.has('work', 'main', 'outer', 'inner')
        check(has_lines(recorded), recorded.text)
        file = where / 'cache-debuginfod' / f'{build_id}.debug'
        owner = file.stat()
        check(owner.st_uid != 0 and stat.S_IMODE(owner.st_mode) & 0o077 == 0, owner)
        check(cached(where).keys() == {file.name}, cached(where))
        # From the disk, without a server, and in the first recording.
        with started(where / 'work') as program, daemon(where, url) as d:
            recorded = record(where, '-p', program.pid, '-F', 499, '-d', 0.5, daemon=d)
            check(has_lines(recorded), recorded.text)
            check(d.status()['debugFilesFetched'] == 0, d.status())


def timed(where, pids, daemon):
    start = time.monotonic()
    recorded = record(where, '-p', pids, '-F', 499, '-d', 0.5, daemon=daemon)
    return time.monotonic() - start, recorded


def test_bad_servers_cost_nobody_anything():
    """One file hangs, one is another program's, one has no end, one fails, and one is good."""
    kinds = ('good', 'hang', 'lie', 'endless', 'fail')
    with support.directory() as where, contextlib.ExitStack() as stack:
        ids = {build(where, kind): kind for kind in kinds}

        def behave(handler, build_id):
            kind = ids.get(build_id)
            if kind in ('good', 'lie'):
                handler.give(where / 'good.debug')
            elif kind in ('hang', 'endless', 'fail'):
                {'hang': handler.hang, 'fail': handler.fail,
                 'endless': handler.give_endless}[kind]()
            else:
                handler.send_error(404)

        server = stack.enter_context(serving(behave))
        programs = {kind: stack.enter_context(started(where / kind)) for kind in kinds}
        pids = ','.join(str(program.pid) for program in programs.values())
        with daemon(where) as d:
            usual, _ = timed(where, pids, d)
        d = stack.enter_context(daemon(where, server.url))
        took, recorded = timed(where, pids, d)
        # The one that hangs is given up after twenty.
        check(took < usual + 8, f'it took {took:.1f} s, and {usual:.1f} s where nothing is fetched')
        check('gave-up' not in recorded.ledger['unnamed'], recorded.ledger)
        check('no-symbols' in recorded.ledger['unnamed'], recorded.ledger)
        files = {kind: f'{build_id}.debug' for build_id, kind in ids.items()}

        def is_settled():
            sizes = {kind: cached(where).get(name) for kind, name in files.items()}
            return sizes['good'] and sizes['lie'] == sizes['fail'] == 0 and \
                d.status()['debugFilesFailed'] >= 1

        support.wait_until(is_settled, 'but for the one that hangs, all is got or given up', 25)
        check(server.sent < 100 * MEGABYTE, server.sent)
        check(files['endless'] not in cached(where), cached(where))
        check(sum(file.startswith('work.') for file in cached(where)) <= 1, cached(where))
        recorded = record(where, '-p', pids, '-F', 499, '-d', 1, daemon=d)
        by_kind = {kind: {f for stack_, _ in recorded.stacks if stack_[0] == kind for f in stack_}
                   for kind in kinds}
        for kind in kinds:
            check(('outer' in by_kind[kind]) == (kind == 'good'), by_kind)
        # Nobody is asked again for what was not to be had.
        check(all(server.asked.count(build_id) <= 2 for build_id in ids), server.asked)


@support.only_full
def test_a_recording_never_waits_for_a_server():
    """In turn with one that asks nobody, each by a perfd of its own: the medians are the same."""
    rounds = 7
    with support.directory() as where:
        build(where, 'work')
        took = {'nobody': [], 'hangs': []}
        for _ in range(rounds):
            for kind, times in took.items():
                with serving(lambda handler, build_id: handler.hang()) as server, \
                        started(where / 'work') as program:
                    shutil.rmtree(where / 'cache-debuginfod', ignore_errors=True)
                    with daemon(where, *([server.url] if kind == 'hangs' else [])) as d:
                        # What perfd learns of the C library is none of the server's doing.
                        record(where, '-p', os.getpid(), '-d', 0.3, daemon=d)
                        times.append(timed(where, program.pid, d)[0])
                        if kind == 'hangs':
                            support.wait_until(lambda: server.asked, 'it is asked')
        nobody, hangs = (statistics.median(times) for times in took.values())
        print(f'  a recording of 0.5 s takes {nobody:.3f} s, and {hangs:.3f} s where a server hangs')
        check(hangs < nobody + 0.1, took)


def test_a_fetch_that_hangs_ends_with_perfd_and_leaves_nothing():
    with support.directory() as where:
        build(where, 'work')
        with serving(lambda handler, build_id: handler.hang()) as server, \
                started(where / 'work') as program:
            with daemon(where, server.url) as d:
                record(where, '-p', program.pid, '-d', 0.3, daemon=d)
                support.wait_until(lambda: server.asked, 'it is asked')
                left = [pid for pid in d.children() if support.comm(pid) == 'perfd-fetch']
                check(left, 'nobody fetches')
            for pid in left:
                check(not os.path.exists(f'/proc/{pid}'), f'{pid} is left behind')


def test_nothing_is_fetched_unless_it_is_configured():
    """Neither an address in perfd's environment nor one in the target's counts."""
    with support.directory() as where, serving(lambda handler, build_id: handler.fail()) as server:
        build(where, 'work')
        environment = {**os.environ, 'DEBUGINFOD_URLS': server.url}
        with started(where / 'work', env=environment) as program:
            os.environ['DEBUGINFOD_URLS'] = server.url
            try:
                with daemon(where) as d:
                    recorded = record(where, '-p', program.pid, '-F', 499, '-d', 1, daemon=d)
            finally:
                del os.environ['DEBUGINFOD_URLS']
        check(not server.asked, server.asked)
        check(not (where / 'cache-debuginfod').exists(), 'there is a cache')
        check(any(re.fullmatch(r'\[work\+0x[0-9a-f]+\]', f) for f in recorded.frames), recorded.text)


if __name__ == '__main__':
    support.main(globals())
