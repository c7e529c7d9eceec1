#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Debian's programs under load, stopped at random moments: the unwinder against libdwfl.

usage: test_services.py BUILD TEST-UNWIND
"""

import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'system'))
import loads  # noqa: E402
import support  # noqa: E402

STACKS = 300


def compare(*what):
    print(support.run(sys.argv[2], STACKS, *what, timeout=100).out, end='', flush=True)


def test_redis():
    if not shutil.which('redis-server'):
        raise support.Skip('redis-server is not installed')
    with support.redis() as pid:
        compare('-p', pid)


def test_nginx():
    with loads.nginx() as pid:
        compare('-p', pid)


def test_postgres():
    with support.postgres() as postmaster:
        compare('-p', loads.busiest_child(postmaster))


def test_python():
    with loads.python() as pid:
        compare('-p', pid)


if __name__ == '__main__':
    support.main(globals())
