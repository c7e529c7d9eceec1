# SPDX-License-Identifier: GPL-2.0-or-later
"""Targets in a root of their own, which is only in their mount namespace: a program, its debug file and
its split DWARF that are to be found nowhere else, also when the target has ended; and a path that is
another file on the host. Then the names: of functions, of what was inlined, and lines."""

import os
import re
import shutil

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


if __name__ == '__main__':
    support.main(globals())
