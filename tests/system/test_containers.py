# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets in a root of their own, which is only in their mount namespace: a program, its debug file and
its split DWARF that are to be found nowhere else, also when the target has ended; and a path that is
another file on the host. Then the names: of functions, of what was inlined, and lines."""

import contextlib
import os
import re
import shutil
import signal

import support
from support import PROGRAMS, check

# `inner` is inlined: only DWARF knows of it. main runs for so many tenths of a second.
SOURCE = '''
#include <stdlib.h>
#include <time.h>
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
int main(int argc, char **argv)
{
	long end = argc > 1 ? atol(argv[1]) * 100 : 0;
	struct timespec now;
	do {
		outer(100000);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < end);
	return 0;
}
'''
ENTER = '''
set -e
root=$1 stage=$2
shift 2
mount -t tmpfs -o size=64m tmpfs "$root"
cp -a "$stage/." "$root/"
rm -r "$stage"
exec chroot "$root" "$@"
'''


def build(where, *flags):
    """The program, statically linked, since its root has no libraries."""
    if not shutil.which('gcc'):
        raise support.Skip('gcc is not installed')
    (where / 'work.c').write_text(SOURCE)
    for step in (('-c', 'work.c', '-o', 'work.o'), ('-static', 'work.o', '-o', 'work')):
        support.run('gcc', '-O1', '-g', f'-ffile-prefix-map={where}=/app', *flags, *step, cwd=where)
    return where / 'work'


def stage(where, *files):
    """{path in the root: file}."""
    root = where / 'stage'
    for path, file in files:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(file, root / path)
    return root


def inside(root, staged, *command):
    return ['unshare', '-m', 'sh', '-c', ENTER, 'sh', str(root), str(staged), *map(str, command)]


def lines_of(profile):
    """{(function, file, line)} of the hottest lines."""
    rows = support.load_json(support.perfctl('hotspots', '--by', 'line', '--json', profile).out)
    return {(row['name'], row['file'], row['line']) for row in rows['hotspots']}


def is_named(recorded):
    """Functions, what was inlined, and lines: in the ranking, in the picture's tooltips, and in the file
    for another reader of pprof."""
    recorded.has('outer', 'inner')
    line = SOURCE.splitlines().index('\t\tsink += i * i;') + 1
    check(('inner', '/app/work.c', line) in lines_of(recorded.profile), lines_of(recorded.profile))
    check('/app/work.c' in recorded.picture.read_text(), 'the picture lacks the source file')
    top = support.run('go', 'tool', 'pprof', '-top', '-lines', '-nodecount=50', recorded.profile)
    check(re.search(rf' inner /app/work\.c:{line}\b', top.out), top.out)


def record_inside(where, root, staged, *command):
    """From its first instruction to its end: what is found out, is found out of one that has ended."""
    return support.record(where, '-F', 999, '--', *inside(root, staged, *command))


def test_split_dwarf_that_only_the_target_has():
    with support.directory() as where, support.directory() as root:
        program = build(where, '-gsplit-dwarf')
        staged = stage(where, ('app/work', program), ('app/work.dwo', where / 'work.dwo'))
        is_named(record_inside(where, root, staged, '/app/work', 10))
        check(not list(root.iterdir()), 'it is to be seen on the host')


def build_id(program):
    text = support.run('readelf', '-n', program).out
    return text.partition('Build ID: ')[2].split()[0]


def split_off(where, program):
    """Its debug file; the program is stripped."""
    debug = where / 'work.debug'
    support.run('objcopy', '--only-keep-debug', program, debug)
    support.run('objcopy', '--strip-all', program)
    return debug


def test_debug_file_in_the_debug_directory_of_the_target():
    with support.directory() as where, support.directory() as root:
        program = build(where)
        name = build_id(program)
        debug = split_off(where, program)
        staged = stage(where, ('app/work', program),
                       (f'usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug', debug))
        is_named(record_inside(where, root, staged, '/app/work', 10))


def test_debug_file_beside_the_program_behind_a_link():
    """A link of the target leads within its own root."""
    with support.directory() as where, support.directory() as root:
        program = build(where)
        debug = split_off(where, program)
        support.run('objcopy', f'--add-gnu-debuglink={debug}', program)
        staged = stage(where, ('app/work', program), ('srv/work.debug', debug))
        (staged / 'app/work.debug').symlink_to('/srv/work.debug')
        is_named(record_inside(where, root, staged, '/app/work', 10))


def test_debug_file_of_somebody_else_counts_for_nothing():
    """Else who makes a root and runs another's program in it would name that for everybody."""
    with support.directory() as where, support.directory() as root:
        program = build(where)
        name = build_id(program)
        debug = split_off(where, program)
        staged = stage(where, ('app/work', program),
                       (f'usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug', debug))
        path = staged / f'usr/lib/debug/.build-id/{name[:2]}/{name[2:]}.debug'
        os.chown(path, support.STRANGER, support.STRANGER)
        recorded = record_inside(where, root, staged, '/app/work', 5)
        check(not recorded.count('inner') and not recorded.count('outer'), recorded.text[:2000])
        check('no-symbols' in recorded.ledger['unnamed'], recorded.ledger)


def test_path_that_is_another_file_on_the_host():
    """The host's own is full of names that must not be taken."""
    with support.directory() as where, support.directory() as root:
        program = build(where)
        place = where / 'bin' / 'work'
        place.parent.mkdir()
        shutil.copy(PROGRAMS / 'spin-alpha', place)
        staged = stage(where, (str(place).lstrip('/'), program))
        recorded = record_inside(where, root, staged, place, 10)
        is_named(recorded)
        check('alpha' not in recorded.text, recorded.text[:2000])


# Of it nothing is on the host: a loader, the C library and one of its own, linked by their paths.
LIBRARY = '''
volatile unsigned long sink;
static inline __attribute__((always_inline)) void boxed_inner(unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		sink += i * i;
}
__attribute__((noinline)) void boxed_outer(unsigned long n)
{
	boxed_inner(n);
}
'''
CALLER = '''
void boxed_outer(unsigned long n);
int main(void)
{
	for (;;)
		boxed_outer(100000);
}
'''
LOADER = '/lib64/ld-linux-x86-64.so.2'
LIBC = '/lib/x86_64-linux-gnu/libc.so.6'


def boxed(where):
    """Files of a root in which all is in /box."""
    (where / 'lib.c').write_text(LIBRARY)
    (where / 'main.c').write_text(CALLER)
    support.run('gcc', '-g', '-O1', '-fPIC', '-shared', '-Wl,-soname,libboxed.so', 'lib.c', '-o',
                'libboxed.so', cwd=where)
    support.run('gcc', '-g', '-O1', '-o', 'boxed', 'main.c', '-L.', '-lboxed', '-Wl,-rpath,/box',
                '-Wl,--dynamic-linker=/box/ld.so', cwd=where)
    for path, name in ((LOADER, 'ld.so'), (LIBC, 'libc.so.6')):
        shutil.copy(path, where / name)
    return stage(where, *((f'box/{name}', where / name)
                          for name in ('boxed', 'libboxed.so', 'ld.so', 'libc.so.6')))


def contained(root, staged, *command):
    """In mount and pid namespaces of its own."""
    return support.started(*inside(root, staged, *command)[:1], '--pid', '--fork', '--kill-child',
                           *inside(root, staged, *command)[1:])


def program_in(outer, name):
    """The pid, as this host has it."""
    def find():
        return [pid for pid in support.children(outer.pid) if support.comm(pid) == name]

    return support.wait_until(find, f'{name} runs')[0]


def test_two_containers_and_the_host_keep_their_names_apart():
    """One has a program and libraries that the host lacks; in the other one the path of a program that
    the host runs, too, is another file. All three in one recording."""
    with contextlib.ExitStack() as stack:
        where, there, root, other = (stack.enter_context(support.directory()) for _ in range(4))
        staged = boxed(where)
        place = there / 'bin' / 'work'
        program = build(there)
        place.parent.mkdir()
        shutil.copy(PROGRAMS / 'spin-alpha', place)
        second = stage(there, (str(place).lstrip('/'), program))
        check(not os.path.exists('/box'), 'it is on the host')
        outers = [stack.enter_context(contained(root, staged, '/box/boxed')),
                  stack.enter_context(contained(other, second, place, 600))]
        inners = [program_in(outers[0], 'boxed'), program_in(outers[1], 'work')]
        for pid in inners:
            stack.callback(os.kill, pid, signal.SIGKILL)
        pids = [*inners, stack.enter_context(support.started(place)).pid]
        recorded = support.record(where, '-F', 499, '-p', ','.join(map(str, pids)), '-d', 2)
        by_pid = {pid: support.frames_of(support.perfctl(
            'convert', '--pid', pid, recorded.profile, '-').out) for pid in pids}
    expected = [{'main', 'boxed_outer', 'boxed_inner'}, {'main', 'outer', 'inner'}, {'alpha_leaf'}]
    for pid, mine in zip(pids, expected):
        check(mine <= by_pid[pid].keys(), by_pid[pid])
        for theirs in expected:
            check(theirs is mine or not (theirs - {'main'}) & by_pid[pid].keys(), by_pid[pid])


# The build-id is the C library's. What is behind its one symbol is as long as that library.
FALSE = '''
__asm__(".text\\n.globl false_name\\n.type false_name, @function\\n"
	"false_name:\\n.skip 2000000, 0x90\\nret\\n.size false_name, . - false_name");
volatile unsigned long sink;
int main(void)
{
	for (;;)
		sink++;
}
'''
# Most of its time is spent in the C library.
SORTER = '''
#include <stdlib.h>
#include <string.h>
static int compare(const void *a, const void *b)
{
	return memcmp(a, b, 8);
}
int main(void)
{
	static unsigned long numbers[4096];
	for (;;) {
		for (unsigned i = 0; i < 4096; i++)
			numbers[i] = i * 2654435761u;
		qsort(numbers, 4096, 8, compare);
	}
}
'''


def test_false_symbols_under_the_build_id_of_the_c_library_name_nothing_else():
    """A user's own file, sound or broken, seen first and beside; recorded by the same daemon."""
    with contextlib.ExitStack() as stack:
        where = stack.enter_context(support.directory(0o755))
        (where / 'sorter.c').write_text(SORTER)
        (where / 'false.c').write_text(FALSE)
        support.run('gcc', '-O1', '-o', 'sorter', 'sorter.c', cwd=where)
        support.run('gcc', '-O1', f'-Wl,--build-id=0x{build_id(LIBC)}', 'false.c', '-o', 'false',
                    cwd=where)
        broken = bytearray((where / 'false').read_bytes())
        # The section headers are of no use to the kernel.
        start = int.from_bytes(broken[0x28:0x30], 'little')
        broken[start:] = b'\xff' * len(broken[start:])
        (where / 'broken').write_bytes(broken)
        (where / 'broken').chmod(0o755)
        for name in ('false', 'broken'):
            os.chown(where / name, support.STRANGER, support.STRANGER)
        sorter = stack.enter_context(support.started(where / 'sorter'))
        usual = support.record(where, '-F', 499, '-p', sorter.pid, '-d', 1)
        daemon = stack.enter_context(support.daemon())
        false = [stack.enter_context(support.started(*support.as_stranger(str(where / name))))
                 for name in ('false', 'broken')]
        pids = ','.join(str(program.pid) for program in false)
        first = support.record(where, '-F', 499, '-p', pids, '-d', 1, daemon=daemon)
        both = support.record(where, '-F', 499, '-p', f'{pids},{sorter.pid}', '-d', 2, daemon=daemon)
    check(first.count('main') > 10, first.text[:2000])
    common = {frame for frame, n in usual.frames.items() if n >= 20}
    check(len(common) >= 4 and any('qsort' in frame for frame in common), usual.frames)
    mine = {frame for stack_, _ in both.stacks if stack_[0] == 'sorter' for frame in stack_}
    check(common <= mine, f'{common - mine} of {mine}')
    check(not any('false' in frame for frame in mine), mine)


if __name__ == '__main__':
    support.main(globals())
