# SPDX-License-Identifier: GPL-2.0-or-later
"""More programs of this host under load, as support.redis() and support.postgres() are."""

import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import time

import support


def busiest_child(pid):
    """Of postgres: the backend that serves pgbench."""
    def ticks(child):
        with open(f'/proc/{child}/stat') as stat:
            return sum(int(word) for word in stat.read().rpartition(')')[2].split()[11:13])

    return max(support.children(pid), key=ticks)


@contextlib.contextmanager
def postgres_backend():
    """The backend of Debian's postgres that serves pgbench. Yields its pid."""
    with support.postgres() as postmaster:
        yield busiest_child(postmaster)


@contextlib.contextmanager
def nginx_server(n_workers):
    """Debian's nginx with a page of its own: the command that starts it, and its port of the loopback."""
    if not pathlib.Path('/usr/sbin/nginx').exists() or not shutil.which('ab'):
        raise support.Skip('nginx-light or apache2-utils is not installed')
    with support.directory() as where:
        with socket.create_server(('127.0.0.1', 0)) as free:
            port = free.getsockname()[1]
        (where / 'index.html').write_text('<p>text</p>\n' * 200)
        (where / 'nginx.conf').write_text(
            f'daemon off; worker_processes {n_workers}; pid {where}/pid; error_log {where}/error.log;\n'
            'events { worker_connections 100; }\n'
            f'http {{ access_log {where}/access.log; gzip on; gzip_types text/css;\n'
            f'server {{ listen 127.0.0.1:{port}; root {where}; }} }}\n')
        yield ['/usr/sbin/nginx', '-e', where / 'error.log', '-c', where / 'nginx.conf'], port


@contextlib.contextmanager
def nginx():
    """One worker of it, under ab. Yields the worker."""
    with nginx_server(1) as (command, port), support.started(*command) as server:
        support.wait_until(lambda: support.children(server.pid), 'nginx')
        # ab keeps a record of each request.
        with support.started('ab', '-q', '-k', '-c', '4', '-t', '3600', '-n', '9000000', '-H',
                             'Accept-Encoding: gzip', f'http://127.0.0.1:{port}/'):
            time.sleep(0.5)
            yield support.children(server.pid)[0]


PYTHON_LOAD = r"""
import hashlib, json, re
data, text = b'x' * 20000, 'some words 12 and numbers 345 ' * 50
while True:
    for name in ('md5', 'sha1', 'sha256', 'sha512', 'sha3_256', 'blake2b'):
        hashlib.new(name, data).hexdigest()
    json.loads(json.dumps({str(i): [i, i / 3, text[:i]] for i in range(200)}, indent=1))
    re.sub(r'(\w+) (\d+)', r'\2 \1', text)
"""


@contextlib.contextmanager
def python():
    """Debian's python3, hashing, in JSON, and with regular expressions."""
    if not pathlib.Path('/usr/bin/python3').exists():
        raise support.Skip('there is no /usr/bin/python3')
    with support.started('/usr/bin/python3', '-c', PYTHON_LOAD) as process:
        time.sleep(0.3)
        yield process.pid


GO_SOURCE = pathlib.Path(__file__).parent / 'programs' / 'work.go'


@contextlib.contextmanager
def go(*flags):
    """programs/work.go, built as `go build` does with these flags. Yields its pid."""
    if not shutil.which('go'):
        raise support.Skip('golang-go is not installed')
    with support.directory() as where:
        support.run('go', 'build', *flags, '-o', where / 'work', GO_SOURCE, timeout=120,
                    env={**os.environ, 'GOCACHE': str(where / 'cache'), 'GO111MODULE': 'off'})
        with support.started(where / 'work') as process:
            time.sleep(0.3)
            yield process.pid


@contextlib.contextmanager
def rust():
    """Debian's ripgrep, which is written in Rust, searching words without end. Yields its pid."""
    if not shutil.which('rg'):
        raise support.Skip('ripgrep is not installed')
    with support.started('yes', 'some words 12 and numbers 345 and more of them z',
                         stdout=subprocess.PIPE) as words:
        with support.started('rg', '-c', r'(\w+) (\d+) [a-z]+z', stdin=words.stdout) as process:
            words.stdout.close()
            time.sleep(0.3)
            yield process.pid


@contextlib.contextmanager
def cplusplus():
    """programs/serve.cpp. Yields its pid."""
    with support.started(support.PROGRAMS / 'serve', 600) as process:
        time.sleep(0.3)
        yield process.pid
