#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Unwind tables: kept over a restart, shared by those who map the same, and counted."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time

import loads
import support
from support import check


@contextlib.contextmanager
def spinning(*command):
    with support.started(*(command or ('/usr/bin/python3', '-c', 'while True: sum(range(1000))'))) \
            as process:
        support.wait_until(lambda: 'libc' in maps(process.pid), 'it has loaded its libraries')
        yield process.pid


def maps(pid):
    return pathlib.Path(f'/proc/{pid}/maps').read_text()


def record(daemon, where, *pids):
    daemon.perfctl('record', *(word for pid in pids for word in ('-p', pid)), '-d', 0.3, '-q',
                   '-o', where / 'out.folded')
    return daemon.status()


def is_settled(status):
    return status['unwindTablesCompiled'] + status['cacheHits'] >= status['unwindTables']


def test_a_restart_compiles_nothing_twice():
    with support.directory() as where, spinning() as pid:
        cache = where / 'cache'
        with support.daemon('--cache-directory', cache) as daemon:
            first = record(daemon, where, pid)
        check(first['unwindTablesCompiled'] >= 5 and not first['cacheHits'], first)
        kept = {path.name for path in cache.iterdir()}
        check(len(kept) == first['unwindTablesCompiled'], kept)
        check(all(path.stat().st_mode & 0o7777 == 0o600 for path in cache.iterdir()), kept)
        with support.daemon('--cache-directory', cache) as daemon:
            again = record(daemon, where, pid)
        check(not again['unwindTablesCompiled'], again)
        check(again['cacheHits'] == first['unwindTablesCompiled'], again)
        check(again['unwindRows'] == first['unwindRows'], (first, again))


def test_damaged_cache_files_are_replaced_and_counted():
    with support.directory() as where, spinning() as pid:
        cache = where / 'cache'
        with support.daemon('--cache-directory', cache) as daemon:
            first = record(daemon, where, pid)
        files = sorted(cache.iterdir())
        files[0].write_bytes(b'')
        files[1].write_bytes(os.urandom(1000))
        whole = files[2].read_bytes()
        files[2].write_bytes(whole[:-8])
        files[3].write_bytes(whole)
        with support.daemon('--cache-directory', cache) as daemon:
            second = record(daemon, where, pid)
        check(second['cacheBad'] == second['unwindTablesCompiled'] == 4, second)
        check(second['unwindRows'] == first['unwindRows'], (first, second))
        with support.daemon('--cache-directory', cache) as daemon:
            third = record(daemon, where, pid)
        check(not third['cacheBad'] and not third['unwindTablesCompiled'], third)


def test_without_a_cache_it_works_all_the_same():
    with support.directory() as where, spinning() as pid:
        for cache in ('', where / 'no' / 'such', where):  # the last one is open to all
            with support.daemon('--cache-directory', cache) as daemon:
                status = record(daemon, where, pid)
            check(status['unwindTablesCompiled'] >= 5 and not status['cacheBytes'], status)


def test_a_process_whose_objects_are_known_costs_no_new_table():
    with support.directory() as where, support.daemon() as daemon, spinning() as one:
        before = record(daemon, where, one)
        with spinning() as other:
            after = record(daemon, where, one, other)
        check(is_settled(after), after)
        for key in ('unwindTables', 'unwindRows', 'unwindTableBytes', 'unwindTablesCompiled'):
            check(after[key] == before[key], (key, before, after))


def test_a_copy_of_a_file_has_the_table_of_the_other():
    with support.directory() as where, support.daemon() as daemon:
        copy = where / 'sleep'
        shutil.copy('/usr/bin/sleep', copy)
        with spinning('/usr/bin/sleep', 60) as one, spinning(copy, 60) as other:
            before = record(daemon, where, one)
            after = record(daemon, where, one, other)
        check(after['unwindTablesCompiled'] == before['unwindTablesCompiled'] + 1, after)
        check(after['unwindTablesShared'] == before['unwindTablesShared'] + 1, after)
        check(after['unwindTables'] == before['unwindTables'], after)


FRAMES = """
#include <stdint.h>
#include <stdio.h>
#define KEPT __attribute__((noipa))
static volatile uint64_t sink;
KEPT void inner(uint64_t n) { for (uint64_t i = 0; i < n; i++) sink = sink * 7 + i; }
KEPT void middle(uint64_t n) { uint64_t a[9] = {n}; inner(n + sink % 3); sink += a[sink % 9]; }
KEPT void outer(uint64_t n) { uint64_t a[33] = {n}; middle(n); sink += a[sink % 33]; }
int main(void) { for (;;) outer(20000); }
"""


def frames_program(where):
    """A program whose frames are described in its separate debug file only."""
    source, program, debug = where / 'frames.c', where / 'frames', where / 'frames.debug'
    source.write_text(FRAMES)
    support.run('gcc', '-g', '-O2', '-fomit-frame-pointer', '-fno-asynchronous-unwind-tables',
                '-fno-unwind-tables', '-Wl,--compress-debug-sections=zlib', '-o', program, source)
    support.run('objcopy', '--only-keep-debug', program, debug)
    support.run('strip', '--strip-debug', program)
    support.run('objcopy', f'--add-gnu-debuglink={debug}', program)
    return program


def test_frames_that_only_the_debug_file_describes():
    with support.directory() as where:
        program = frames_program(where)
        cache = where / 'cache'
        time.sleep(2.5)  # what was changed a moment ago is not kept
        for n_compiled in (True, False):
            with support.daemon('--cache-directory', cache) as daemon, \
                    support.started(program) as target:
                recording = support.record(where, '-p', target.pid, '-d', 1, '-F', 499,
                                           daemon=daemon)
                status = daemon.status()
            check(bool(status['unwindTablesCompiled']) == n_compiled, status)
            recording.mostly(recording.count('main', 'outer', 'middle', 'inner'))
            recording.mostly(recording.ledger['complete'])


N_TABLES_MAX = 4095  # bpf/abi.h, ABI_TABLES_MAX
N_FILES = 4400
# Maps the code of every file of a directory, then sums for ever.
MAPPER = """
import mmap, os, sys
kept = []
for name in sorted(os.listdir(sys.argv[1])):
    with open(os.path.join(sys.argv[1], name), "rb") as file:
        kept.append(mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE,
                              mmap.PROT_READ | mmap.PROT_EXEC))
print("ready", flush=True)
while True:
    sum(range(1000))
"""


def make_libraries(where, n):
    """Libraries whose tables differ: their one function is of another size in each."""
    source = where / 'one.c'
    source.write_text('void one(void) { __asm__(".fill 32768, 1, 0x90"); }\n')
    support.run('gcc', '-shared', '-O0', '-nostdlib', '-o', where / 'one.so', source)
    image = bytearray((where / 'one.so').read_bytes())
    size = support.run('readelf', '--debug-dump=frames', where / 'one.so').out
    begin, end = (int(word, 16) for word in re.findall(r'pc=(\w+)\.\.(\w+)', size)[-1])
    at = image.rindex((end - begin).to_bytes(4, 'little') + b'\x00\x41\x0e\x10')
    directory = where / 'libraries'
    directory.mkdir()
    for i in range(n):
        image[at:at + 4] = (end - begin - i).to_bytes(4, 'little')
        (directory / f'{i}.so').write_bytes(image)
    return directory


def is_full(daemon):
    status = daemon.status()
    return status['unwindTablesDropped'] and status['unwindTablesCompiled'] >= N_FILES and status


@support.only_full
def test_more_files_than_there_is_room_for():
    """The oldest tables go; what is in use comes back at once."""
    with support.directory() as where, support.daemon() as daemon:
        libraries = make_libraries(where, N_FILES)
        with support.started('/usr/bin/python3', '-c', MAPPER, libraries,
                             stdout=subprocess.PIPE) as target:
            check(target.stdout.readline() == b'ready\n', 'the mapper ended')
            with support.started(support.PERFCTL, 'record', '--socket', daemon.socket, '-p',
                                 target.pid, '-o', where / 'long.folded'):
                # The opener's queue is shorter than that: what it refused is asked for anew.
                support.wait_until(lambda: daemon.status()['unwindTablesCompiled'] > 4000,
                                   'the first tables', 20)
                record(daemon, where, target.pid)
                support.wait_until(lambda: is_full(daemon), 'tables are dropped', 20)
                recording = support.record(where, '-p', target.pid, '-d', 1, '-F', 499,
                                           daemon=daemon)
                status = daemon.status()
        print(f"  {status['unwindTables']} tables, {status['unwindTablesDropped']} dropped")
        check(status['unwindTablesDropped'], status)
        check(N_TABLES_MAX // 2 < status['unwindTables'] <= N_TABLES_MAX, status)
        check(not status['unwindTablesRefused'], status)
        recording.mostly(recording.ledger['complete'])


def seconds_to_sampling(daemon, pid):
    """From the call to the reply that says that it samples."""
    call = {'method': 'org.perfctl.profiler.Record', 'more': True,
            'parameters': {'target': {'pids': [pid]}, 'durationMs': 50}}
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(daemon.socket))
        start = time.monotonic()
        client.sendall(json.dumps(call).encode() + b'\0')
        replies = b''
        while b'"recording",' not in replies:
            more = client.recv(1 << 16)
            check(more and b'"error"' not in replies, replies)
            replies += more
        took = time.monotonic() - start
        # What is said before, while it prepares, counts the time from the call on.
        for reply in replies.split(b'\0')[:-1]:
            check(json.loads(reply)['parameters']['elapsedMs'] < 60000, reply)
        return took


def test_a_warm_target_is_sampled_at_once():
    """The best of a few: the machine may be busy with something else."""
    with support.directory() as where, support.postgres() as pid:
        with support.daemon('--cache-directory', where / 'cache') as daemon:
            cold = seconds_to_sampling(daemon, pid)
            warm = min(seconds_to_sampling(daemon, pid) for _ in range(5))
            check(daemon.status()['unwindTables'] > 30, daemon.status())
        with support.daemon('--cache-directory', where / 'cache') as daemon:
            cached = seconds_to_sampling(daemon, pid)
            check(not daemon.status()['unwindTablesCompiled'], daemon.status())
        print(f'  cold {cold * 1e3:.0f} ms, warm {warm * 1e3:.0f} ms, from the cache by a new perfd '
              f'{cached * 1e3:.0f} ms')
        check(warm < 0.1, f'{warm} s')


def test_tables_of_four_services_are_small():
    """redis, nginx, postgres and python3 with all their libraries, in the kernel's memory."""
    with support.directory() as where, support.daemon() as daemon, support.redis() as redis, \
            loads.nginx() as nginx, support.postgres() as postgres, loads.python() as python:
        status = record(daemon, where, redis, nginx, postgres, python)
        print(f"  {status['unwindTables']} tables, {status['unwindRows'] * 8 >> 10} KiB of rows, "
              f"{status['unwindTableBytes'] >> 10} KiB of maps")
        check(status['unwindTables'] >= 30, status)
        check(status['unwindTableBytes'] <= 8 << 20, status)
        check(not status['unwindTablesFailed'] and not status['unwindTablesRefused'], status)


if __name__ == '__main__':
    support.main(globals())
