# SPDX-License-Identifier: GPL-2.0-or-later
"""The process that reads foreign ELF files dies, hangs, or is fed what breaks it: the recording ends
normally, what could not be named is called after its module and counted with the reason, and the
next recording works."""

import contextlib
import os
import re
import shutil
import signal
import struct
import subprocess
import threading
import time

import support
from support import PROGRAMS, check, record, started


def workers(daemon):
    """The daemon's helpers that run the worker's program."""
    return [pid for pid, path in support.ours().items()
            if path == str(support.WORKER) and pid in daemon.children()]


def signal_all(daemon, number):
    pids = workers(daemon)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    return pids


def unnamed(recorded):
    """{reason: frames}"""
    return {reason: entry['frames'] if isinstance(entry, dict) else entry
            for reason, entry in recorded.ledger['unnamed'].items()}


def works_as_ever(where, daemon):
    """All the way to the outermost function, through libc."""
    with started(PROGRAMS / 'spin-beta', 20) as program:
        recorded = record(where, '-p', program.pid, '-d', 1, daemon=daemon)
    recorded.has('_start', 'main', 'beta_outer', 'beta_leaf')
    recorded.mostly(recorded.count('_start', 'beta_leaf'))


def test_a_worker_killed_once_is_replaced_and_nothing_is_missing():
    with support.directory() as where, support.daemon() as daemon, \
            started(PROGRAMS / 'load-twice', PROGRAMS / 'libplugin-first.so',
                    PROGRAMS / 'libplugin-second.so', 2) as program:
        killed = []

        def kill():
            killed.extend(signal_all(daemon, signal.SIGKILL))

        timer = threading.Timer(1, kill)
        timer.start()
        recorded = record(where, '-p', program.pid, '-d', 10, daemon=daemon)
        timer.join()
        check(killed, 'there was no worker to kill')
        recorded.has('first_plugin_work')
        recorded.has('second_phase', 'second_plugin_work')
        works_as_ever(where, daemon)


def test_workers_killed_without_end_cost_names_and_no_more():
    with support.directory() as where, support.daemon() as daemon, \
            started(PROGRAMS / 'spin', 30) as program:
        n_killed = 0

        def kill():
            nonlocal n_killed
            n_killed += len(signal_all(daemon, signal.SIGKILL))

        with support.meanwhile(kill):
            start = time.monotonic()
            recorded = record(where, '-p', program.pid, '-d', 2, daemon=daemon)
            check(time.monotonic() - start < 10, 'the recording did not end in time')
        check(n_killed > 0, 'there was no worker to kill')
        check(recorded.ledger['kept'] > 20, recorded.ledger)
        modules = [frame for frame in recorded.frames if re.fullmatch(r'\[spin\+0x[0-9a-f]+\]', frame)]
        check(modules or recorded.count('spin_leaf'), recorded.text)
        if modules:
            check(sum(unnamed(recorded).values()) > 0, recorded.ledger)
        # A program that dies that often counts as broken for some seconds.
        support.wait_until(lambda: try_again(where, daemon), 'names come back', 30)


def try_again(where, daemon):
    try:
        works_as_ever(where, daemon)
        return True
    except AssertionError:
        return False


@contextlib.contextmanager
def worker_that_stops(where, mark):
    """A perfd whose workers stop before they begin, as soon as there is a file of that name."""
    (where / 'bin').mkdir()
    shutil.copy(support.PERFD, where / 'bin')
    (where / 'bin' / 'perfd-store').symlink_to(support.PERFD.resolve().parent / 'perfd-store')
    worker = where / 'bin' / 'perfd-elf-worker'
    worker.write_text(f'#!/bin/sh\n[ -e {mark} ] && kill -STOP $$\nexec {support.WORKER.resolve()}\n')
    worker.chmod(0o755)
    before = support.PERFD
    support.PERFD = where / 'bin' / 'perfd'
    try:
        with support.daemon() as daemon:
            yield daemon
    finally:
        support.PERFD = before


def test_workers_that_hang_are_given_up_in_time():
    """From the middle of the recording on none of them runs; then a library is loaded."""
    with support.directory() as where, worker_that_stops(where, where / 'stop') as daemon:
        stopped = set()

        def stop_late():
            if time.monotonic() > start + 1.2:
                (where / 'stop').touch()
                stopped.update(signal_all(daemon, signal.SIGSTOP))

        with started(PROGRAMS / 'load-twice', PROGRAMS / 'libplugin-first.so',
                     PROGRAMS / 'libplugin-second.so', 2) as program:
            start = time.monotonic()
            with support.meanwhile(stop_late):
                recorded = record(where, '-p', program.pid, '-d', 3.5, daemon=daemon)
                took = time.monotonic() - start
        check(stopped, 'there was no worker to stop')
        check(took < 10, f'it took {took:.1f} s')
        recorded.has('first_plugin_work', at_least=5)
        check(not recorded.count('second_plugin_work'), recorded.text)
        check(any(f.startswith('[libplugin-second.so+0x') for f in recorded.frames), recorded.text)
        check(unnamed(recorded).get('gave-up', 0) > 0, recorded.ledger)
        hanging = {*stopped, *daemon.children()}
        support.wait_until(lambda: hanging - set(daemon.children()), 'one that hangs is ended', 20)
        # Those that were idle had nothing to be late with.
        (where / 'stop').unlink()
        for pid in {*hanging, *daemon.children()}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        support.wait_until(lambda: try_again(where, daemon), 'names and tables come back', 30)


class Elf:
    """A 64-bit ELF file, to be broken."""

    def __init__(self, content):
        self.bytes = bytearray(content)
        (self.shoff,) = struct.unpack_from('<Q', content, 0x28)
        self.shnum, self.shstrndx = struct.unpack_from('<HH', content, 0x3c)

    def header(self, index):
        return self.shoff + 64 * index

    def section(self, name):
        """Offset of its section header."""
        strings = struct.unpack_from('<Q', self.bytes, self.header(self.shstrndx) + 24)[0]
        for index in range(self.shnum):
            start = strings + struct.unpack_from('<I', self.bytes, self.header(index))[0]
            if self.bytes[start:self.bytes.index(0, start)] == name.encode():
                return self.header(index)
        raise KeyError(name)

    def contents(self, name):
        """(offset, size)"""
        return struct.unpack_from('<QQ', self.bytes, self.section(name) + 24)

    def set(self, format, offset, *values):
        struct.pack_into('<' + format, self.bytes, offset, *values)

    def fill(self, name, value):
        offset, size = self.contents(name)
        self.bytes[offset:offset + size] = (value * size)[:size]


# Each leaves what is loaded as it was, so that the program runs.
BREAKERS = {
    'no-headers': lambda elf: elf.set('Q', 0x28, 1 << 40),
    'many-headers': lambda elf: elf.set('H', 0x3c, 0xfff0),
    'odd-size': lambda elf: elf.set('H', 0x3a, 3),
    'headers-of-ff': lambda elf: elf.bytes.__setitem__(
        slice(elf.shoff, elf.shoff + 64 * elf.shnum), b'\xff' * 64 * elf.shnum),
    'symbols-far': lambda elf: elf.set('Q', elf.section('.symtab') + 24, 1 << 50),
    'symbols-huge': lambda elf: elf.set('Q', elf.section('.symtab') + 32, 1 << 62),
    'entries-of-0': lambda elf: elf.set('Q', elf.section('.symtab') + 56, 0),
    'link-to-self': lambda elf: elf.set(
        'I', elf.section('.symtab') + 40, (elf.section('.symtab') - elf.shoff) // 64),
    'link-nowhere': lambda elf: elf.set('I', elf.section('.symtab') + 40, 0xffffff),
    'compressed': lambda elf: elf.set('Q', elf.section('.symtab') + 8, 0x800),
    'symbols-of-ff': lambda elf: elf.fill('.symtab', b'\xff'),
    'names-odd': lambda elf: elf.fill('.strtab', b'\x1b[31m;\n<&\xff\xfe"\'\r\t x'),
    'unwind-of-ff': lambda elf: elf.fill('.eh_frame', b'\xff'),
    'unwind-odd': lambda elf: elf.fill('.eh_frame', b'\x14\0\0\0\0\0\0\0\x01zPLRS\0'),
}


def test_broken_files_cost_their_own_names_only():
    with support.directory() as where, support.daemon() as daemon:
        with contextlib.ExitStack() as programs:
            recorded = record_broken(where, daemon, programs)
        judge_broken(recorded)
        works_as_ever(where, daemon)


def record_broken(where, daemon, programs):
    """All of them at once, and a sound one beside them."""
    pids = []
    for name, breaker in BREAKERS.items():
        elf = Elf((PROGRAMS / 'spin-alpha').read_bytes())
        breaker(elf)
        (where / name).write_bytes(elf.bytes)
        (where / name).chmod(0o755)
        pids.append(programs.enter_context(started(where / name, 40)).pid)
    pids.append(programs.enter_context(started(PROGRAMS / 'spin-beta', 40)).pid)
    time.sleep(0.5)
    names = [support.comm(pid) for pid in pids]
    check(names == [*BREAKERS, 'spin-beta'], f'not all run: {names}')
    start = time.monotonic()
    recorded = record(where, '-p', ','.join(map(str, pids)), '-d', 2.5, '-F', 400, daemon=daemon)
    check(time.monotonic() - start < 35, 'it took too long')
    check(daemon.is_alive(), 'perfd ended')
    return recorded


def judge_broken(recorded):
    recorded.has('spin-beta', 'beta_leaf', at_least=3)
    for name in BREAKERS:
        frames = {f for stack, _ in recorded.stacks if stack[0] == name for f in stack[1:]}
        check(frames, f'no samples of {name}')
        check(all(f.isprintable() for f in frames), f'{name}: {frames}')
        if name == 'names-odd':
            continue
        mine = {f for f in frames if re.fullmatch(rf'\[{name}\+0x[0-9a-f]+\]', f)}
        check(mine or 'alpha_leaf' in frames, f'{name}: {frames}')
        if name in ('no-headers', 'headers-of-ff', 'symbols-far', 'symbols-of-ff'):
            check('alpha_leaf' not in frames, f'{name} has names: it was not broken')
    check(sum(unnamed(recorded).values()) >= 4, recorded.ledger)
    print(f'  without a name: {recorded.ledger["unnamed"]}')


if __name__ == '__main__':
    support.main(globals())
