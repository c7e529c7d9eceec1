# SPDX-License-Identifier: GPL-2.0-or-later
"""How soon a recording is done after its end, with all names, inlined calls and lines, of programs that
have all debug information; and one of files with a gigabyte of it, which can not all be read in that
time: it starts and ends in time nevertheless, and others' names are there."""

import contextlib
import os
import pathlib
import re
import shutil
import time

import support
from support import check, record

FULL = bool(os.environ.get('PERFCTL_FULL'))
SECONDS = 60 if FULL else 1.5
# In a few tries: what other programs do meanwhile is none of ours.
LATE_MAX = 0.3
TRIES = 3
RUSTC = '/usr/bin/rustc'

C_SOURCE = """
static volatile unsigned seed = 1;
static inline __attribute__((always_inline)) unsigned stir(unsigned value)
{
	for (int i = 0; i < 100; i++)
		value = value * 1664525 + (value >> 7);
	return value;
}
static __attribute__((noinline)) unsigned simmer(unsigned value)
{
	for (int i = 0; i < 1000; i++)
		value ^= stir(value + i);
	return value;
}
int main(void)
{
	for (;;)
		seed = simmer(seed);
}
"""
CXX_SOURCE = """
#include <algorithm>
#include <map>
#include <string>
#include <vector>
static inline __attribute__((always_inline)) unsigned stir(unsigned value)
{
	for (int i = 0; i < 100; i++)
		value = value * 1664525 + (value >> 7);
	return value;
}
namespace kitchen
{
struct pot {
	std::map<std::string, std::vector<unsigned>> table;
	__attribute__((noinline)) unsigned simmer(unsigned value)
	{
		for (int i = 0; i < 500; i++) {
			value ^= stir(value + i);
			auto &list = table[std::to_string(value % 97)];
			list.push_back(value);
			if (list.size() > 1000) {
				std::sort(list.begin(), list.end());
				list.clear();
			}
		}
		return value;
	}
};
}
int main()
{
	kitchen::pot pot;
	for (unsigned seed = 1;;)
		seed = pot.simmer(seed);
}
"""
RUST_SOURCE = """
use std::collections::HashMap;

#[inline(always)]
fn stir(mut value: u32) -> u32 {
    for _ in 0..100 {
        value = value.wrapping_mul(1664525).wrapping_add(value >> 7);
    }
    value
}

#[inline(never)]
fn simmer(table: &mut HashMap<u32, Vec<u32>>, mut value: u32) -> u32 {
    for i in 0..500 {
        value ^= stir(value.wrapping_add(i));
        let list = table.entry(value % 97).or_default();
        list.push(value);
        if list.len() > 1000 {
            list.sort();
            list.clear();
        }
    }
    value
}

fn main() {
    let mut table = HashMap::new();
    let mut seed = 1;
    loop {
        seed = simmer(&mut table, seed);
    }
}
"""
# Of each: what makes it, and the function that `stir` is inlined into.
LANGUAGES = {
    'in-c': ('in-c.c', C_SOURCE, ('gcc', '-O2', '-g'), 'simmer'),
    'in-cxx': ('in-cxx.cc', CXX_SOURCE, ('g++', '-O2', '-g'), 'kitchen::pot::simmer'),
    'in-rust': ('in-rust.rs', RUST_SOURCE, (RUSTC, '-Copt-level=2', '-Cdebuginfo=2'), 'simmer'),
}


@contextlib.contextmanager
def programs(where, names):
    """{name: pid} of programs that run until they are ended."""
    with contextlib.ExitStack() as running:
        pids = {}
        for name in names:
            source, text, compiler, _ = LANGUAGES[name]
            (where / source).write_text(text)
            support.run(*compiler, '-o', where / name, where / source)
            pids[name] = running.enter_context(support.started(where / name)).pid
        yield pids


def late(recorded):
    """Seconds from the end of sampling until the last of the files was there."""
    conditions = recorded.summary['conditions']
    end_ns = conditions['start_realtime_ns'] + conditions['duration_ns']
    return (recorded.profile.stat().st_mtime_ns - end_ns) / 1e9


def is_complete(recorded, name):
    """Names, inlined calls and lines of a program."""
    outer = LANGUAGES[name][3]
    stacks = [(stack, count) for stack, count in recorded.stacks if stack[0] == name]
    check(stacks, f'no samples of {name}')
    nameless = {frame for stack, _ in stacks for frame in stack if frame.startswith(f'[{name}+')}
    check(not nameless, nameless)
    inlined = sum(count for stack, count in stacks
                  if any(a.split('(')[0].endswith(outer) and b.split('(')[0].endswith('stir')
                         for a, b in zip(stack, stack[1:])))
    check(inlined >= 0.3 * sum(count for _, count in stacks), f'{name}: {stacks[:20]}')
    rows = support.load_json(support.perfctl('hotspots', '--by', 'line', '--json', recorded.profile).out)
    rows = [row for row in rows['hotspots'] if row['module'].endswith('/' + name)]
    lineless = [row['name'] for row in rows if row['self'] > 3 and not (row['file'] and row['line'])]
    # The linker writes its stubs without lines.
    check(rows and all(function.endswith('@plt') for function in lineless), lineless)


def test_names_inlined_calls_and_lines_are_there_when_a_recording_is():
    names = [name for name in LANGUAGES if FULL or name != 'in-rust']
    with support.directory() as where, programs(where, names) as pids, support.daemon() as daemon:
        delays = []
        while len(delays) < TRIES and min(delays, default=1) > LATE_MAX:
            recorded = record(where, '-p', ','.join(map(str, pids.values())), '-F', 999, '-d', SECONDS,
                              daemon=daemon, timeout=SECONDS + 60, is_on_time=FULL)
            check('gave-up' not in recorded.ledger['unnamed'], recorded.ledger)
            delays.append(late(recorded))
            for name in names:
                is_complete(recorded, name)
    print(f'  {SECONDS} s of {", ".join(names)}: complete {delays} s after the end')
    check(min(delays) <= LATE_MAX, f'complete only {delays} s after the end')


# -- a gigabyte ----------------------------------------------------------------------------------

LIBRARY = pathlib.Path('/usr/lib/x86_64-linux-gnu/ceph/libceph-common.so.2')
N_COPIES = 4
PAGE = 4096
# What is left of the names after this, they are given up (perfd's, for a recording).
BUDGET = 2
WALKER = """
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
/* usage: walker OFFSET SIZE FILE...: runs here and there in the files, page by page. */
int main(int argc, char **argv)
{
	size_t offset = strtoul(argv[1], NULL, 0), n = strtoul(argv[2], NULL, 0) / 4096;
	char *texts[16];

	for (int i = 3; i < argc; i++)
		texts[i - 3] = mmap(NULL, n * 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE,
			open(argv[i], O_RDONLY), (off_t)offset);
	for (unsigned seed = 1;; seed = seed * 1664525 + 1013904223)
		for (int again = 0; again < 100; again++)
			((void (*)(void))(texts[(seed >> 8) % (argc - 3)] + (seed >> 10) % n * 4096))();
}
"""


def section(path, name):
    """(offset, size)"""
    found = re.search(rf'\] {re.escape(name)} +\w+ +\w+ (\w+) (\w+)', support.run('readelf', '-SW', path).out)
    return int(found[1], 16), int(found[2], 16)


def put(path, offset, content):
    with open(path, 'r+b') as file:
        file.seek(offset)
        file.write(content)


def copy_library(where, number, debug_file):
    """The library with a build-id of its own, and code that does nothing all over; its debug file
    below where/debug."""
    path = where / f'large{number}.so'
    build_id = bytes([0xab, number]) * 10
    shutil.copyfile(LIBRARY, path)
    offset, size = section(path, '.text')
    put(path, offset, bytes(-offset % PAGE) + (b'\x90' * (PAGE - 1) + b'\xc3') * (size // PAGE - 1))
    put(path, section(path, '.note.gnu.build-id')[0] + 16, build_id)
    debug = where / 'debug' / '.build-id' / build_id.hex()[:2] / (build_id.hex()[2:] + '.debug')
    debug.parent.mkdir(parents=True, exist_ok=True)
    # Half of them as packagers pack them.
    how = '--decompress-debug-sections' if number % 2 else '--compress-debug-sections=zlib'
    support.run('objcopy', how, debug_file, debug, timeout=120)
    put(debug, section(debug, '.note.gnu.build-id')[0] + 16, build_id)
    return path


@support.only_full
def test_recording_with_a_gigabyte_of_debug_information_starts_and_ends_in_time():
    build_id = re.search(r'Build ID: (\w+)', support.run('readelf', '-n', LIBRARY).out)[1] if \
        LIBRARY.exists() else ''
    debug_file = pathlib.Path(f'/usr/lib/debug/.build-id/{build_id[:2]}/{build_id[2:]}.debug')
    if not build_id or not debug_file.exists():
        raise support.Skip('librados2 and librados2-dbg are not installed')
    with support.directory() as where:
        files = [copy_library(where, i, debug_file) for i in range(N_COPIES)]
        (where / 'walker.c').write_text(WALKER)
        support.run('gcc', '-O1', '-o', where / 'walker', where / 'walker.c')
        (where / 'perfd.conf').write_text(
            f'[symbols]\ndebug-directories = {where}/debug /usr/lib/debug\n[continuous]\nenabled = no\n')
        offset, size = section(LIBRARY, '.text')
        walker = [where / 'walker', offset + -offset % PAGE, (size // PAGE - 1) * PAGE, *files]
        with support.daemon('--config', where / 'perfd.conf') as daemon, \
                programs(where, ['in-cxx']) as pids, support.started(*walker) as walking:
            time.sleep(0.5)
            check(walking.poll() is None, 'what should run all over the files does not')
            delays = [judge_large(where, daemon, walking.pid, pids['in-cxx']) for _ in range(TRIES)]
    check(min(delays) < BUDGET + 0.5, f'done only {delays} s after the end')


def judge_large(where, daemon, large, small):
    begin = time.time()
    recorded = record(where, '-p', f'{large},{small}', '-F', 999, '-d', 5, daemon=daemon)
    started = recorded.summary['conditions']['start_realtime_ns'] / 1e9 - begin
    unnamed = recorded.ledger['unnamed'].get('gave-up', {}).get('frames', 0)
    large_frames = sum(any(frame.startswith('[large') for frame in stack) for stack, _ in recorded.stacks)
    named = sum(count for stack, count in recorded.stacks
                if stack[0] == 'walker' and not stack[-1].startswith('['))
    print(f'  a gigabyte: began after {started:.2f} s, complete {late(recorded):.2f} s after the end, '
          f'{named} samples named, {large_frames} stacks without, {unnamed} frames given up')
    check(started < 1, f'it began after {started:.1f} s')
    # The files are written after it, beside two programs that take all there is of the CPUs.
    check(late(recorded) < BUDGET + 2, f'it was done {late(recorded):.1f} s after the end')
    nameless = {frame for frame in recorded.frames if frame.startswith('[in-cxx+')}
    check(not nameless, f'a small program without names: {nameless}')
    return late(recorded)


if __name__ == '__main__':
    support.main(globals())
