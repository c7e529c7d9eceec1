# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs whose files are not where their names say: deleted, replaced, on an overlay, in another
mount namespace, in no file at all; 32-bit code; and perfd inside a pid namespace."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time
import xml.etree.ElementTree

import support
from support import PROGRAMS, check, record, started


def n_objects(daemon):
    return support.load_json(daemon.perfctl('status', '--json').out)['objects']


def test_each_mapped_file_is_known_once():
    """Also when it is new: looking at a file must not make another of it."""
    with support.directory() as where, support.daemon() as daemon:
        shutil.copy(PROGRAMS / 'spin-alpha', where / 'fresh')
        with started(where / 'fresh', 20) as program:
            support.wait_until(lambda: support.comm(program.pid) == 'fresh', 'it runs')
            time.sleep(0.2)
            maps = pathlib.Path(f'/proc/{program.pid}/maps').read_text().splitlines()
            mapped = {line.split(maxsplit=5)[5] for line in maps
                      if line.split()[1][2] == 'x' and line.split()[4] != '0'}
            for _ in range(2):
                record(where, '-p', program.pid, '-d', 1, daemon=daemon)
                (where / 'fresh').stat()
                # What is on another file system than the root is let go of; the vdso is one more.
                kept = [path for path in mapped if pathlib.Path(path).parent.stat().st_dev ==
                        os.stat('/').st_dev]
                check(n_objects(daemon) == len(kept) + 1, f'{n_objects(daemon)} for {mapped}')


def test_a_binary_deleted_while_it_runs_keeps_its_names():
    with support.directory() as where:
        copy = where / 'doomed'
        shutil.copy(PROGRAMS / 'spin-alpha', copy)
        with started(copy, 20) as program:
            time.sleep(0.2)
            copy.unlink()
            recorded = record(where, '-p', program.pid, '-d', 2)
        recorded.has('doomed', 'alpha_outer', 'alpha_leaf')
        recorded.mostly(recorded.count('alpha_leaf'))


def test_a_binary_replaced_while_it_runs_has_two_sets_of_names():
    """A deploy: the old one runs on, the new one of the same path is started beside it."""
    with support.directory() as where, support.daemon() as daemon:
        path = where / 'service'
        shutil.copy(PROGRAMS / 'spin-alpha', path)
        with started(path, 30) as old:
            time.sleep(0.2)
            shutil.copy(PROGRAMS / 'spin-beta', where / 'new')
            os.rename(where / 'new', path)
            with started(path, 30) as new:
                time.sleep(0.2)
                recorded = record(where, '-p', f'{old.pid},{new.pid}', '-d', 3, daemon=daemon)
                by_pid = {}
                for pid in (old.pid, new.pid):
                    by_pid[pid] = support.frames_of(
                        support.perfctl('convert', '--pid', pid, recorded.profile, '-').out)
        recorded.mostly(recorded.count('alpha_leaf') + recorded.count('beta_leaf'))
        for pid, mine, other in ((old.pid, 'alpha', 'beta'), (new.pid, 'beta', 'alpha')):
            frames = by_pid[pid]
            check(frames.get(f'{mine}_leaf', 0) >= 10, frames)
            check(not [f for f in frames if f.startswith(other)], frames)
        support.nothing_is_left(where, but=daemon.family())


@support.only_full
def test_what_is_profiled_all_the_time_can_be_unmounted():
    """Soon after the last program from there has ended; what still runs elsewhere keeps its names."""
    with support.directory() as where, contextlib.ExitStack() as stack:
        disk, config = where / 'disk', where / 'perfd.conf'
        disk.mkdir()
        config.write_text('[continuous]\nenabled = yes\nwindow = 1s\nfrequency = 199\n'
                          f'[store]\npath = {where}/state/profiles.db\n[budget]\ncpu = 1000\n')
        support.run('mount', '-t', 'tmpfs', '-o', 'size=64m', 'none', disk)
        stack.callback(lambda: support.run('umount', '-l', disk, expect=None))
        shutil.copy(PROGRAMS / 'spin-alpha', disk / 'removable')
        with started(PROGRAMS / 'spin-beta', 120), support.daemon('--config', config) as daemon:
            def has(name):
                return name in daemon.perfctl('query', '--since', '1m', expect=None).out

            with started(disk / 'removable', 60):
                support.wait_until(lambda: has('alpha_leaf'), 'a name from there', 30)
                check(support.run('umount', disk, expect=None).returncode, 'it runs from there')
            ended = time.monotonic()
            support.wait_until(lambda: support.run('umount', disk, expect=None).returncode == 0,
                               'umount', 60)
            print(f'     unmounted {time.monotonic() - ended:.0f} s after the program had ended')
            restarts = daemon.status()['workerRestarts']
            check(has('beta_leaf') and not restarts, restarts)
        check(time.monotonic() - ended < 60, 'it took too long')


def test_functions_of_a_stripped_program_stay_together():
    """Told apart by their entries, which .eh_frame has, in whatever is written."""
    names = {}
    for line in support.run('nm', PROGRAMS / 'spin-alpha').out.splitlines():
        fields = line.split()
        if fields[-1] in ('alpha_leaf', 'alpha_middle', 'alpha_outer'):
            names[fields[-1]] = f'[stripped+{int(fields[0], 16):#x}]'
    with support.directory() as where:
        support.run('strip', '-o', where / 'stripped', PROGRAMS / 'spin-alpha')
        with started(where / 'stripped', 20) as program:
            time.sleep(0.2)
            recorded = record(where, '-p', program.pid, '-F', 997, '-d', 1)
        recorded.mostly(recorded.count(*names.values()))
        again = support.perfctl('convert', recorded.profile, '-').out
        check(support.frames_of(again) == recorded.frames, again)
        for text in (recorded.picture.read_text(), support.perfctl(
                'hotspots', recorded.profile).out):
            for name in names.values():
                check(text.count(name) >= 1, f'{name} is not in {text[:4000]}')
        rows = [line for line in support.perfctl('hotspots', recorded.profile).out.splitlines()
                if names['alpha_leaf'] in line]
        check(len(rows) == 1, rows)
    check(recorded.ledger['unnamed']['no-symbols']['samples'] >= 10, recorded.ledger)


@contextlib.contextmanager
def mounted(kind, where, options):
    done = support.run('mount', '-t', kind, '-o', options, kind, where, expect=None)
    if done.returncode:
        raise support.Skip(f'cannot mount {kind}: {done.err.strip()}')
    try:
        yield
    finally:
        support.wait_until(
            lambda: support.run('umount', where, expect=None).returncode == 0, f'umount {where}')


def test_a_program_on_an_overlay():
    """Its mapping has another device than stat(2) tells. One lies in the lower, one was copied up. What
    is not recorded any more can be unmounted, while perfd goes on."""
    with support.directory() as where, support.daemon() as daemon, contextlib.ExitStack() as stack:
        stack.enter_context(mounted('tmpfs', where, 'size=64m'))
        for name in ('lower', 'upper', 'work', 'merged'):
            (where / name).mkdir()
        shutil.copy(PROGRAMS / 'spin-alpha', where / 'lower' / 'below')
        shutil.copy(PROGRAMS / 'spin-beta', where / 'lower' / 'above')
        stack.enter_context(mounted(
            'overlay', where / 'merged',
            f'lowerdir={where}/lower,upperdir={where}/upper,workdir={where}/work'))
        (where / 'merged' / 'above').chmod(0o711)
        check((where / 'upper' / 'above').exists(), 'it was not copied up')
        with started(where / 'merged' / 'below', 20) as below, \
                started(where / 'merged' / 'above', 20) as above:
            time.sleep(0.2)
            recorded = record(where, '-p', f'{below.pid},{above.pid}', '-d', 2, daemon=daemon)
        recorded.has('below', 'alpha_outer', 'alpha_leaf')
        recorded.has('above', 'beta_outer', 'beta_leaf')
        recorded.mostly(recorded.count('alpha_leaf') + recorded.count('beta_leaf'))
        check(json.loads(daemon.perfctl('status', '--json').out)['objects'] > 1,
              'what is in nobody\'s way was let go of too')


# In a mount namespace of its own: a program on a tmpfs that is only there.
HIDDEN = '''
mount -t tmpfs tmpfs "$1" && cp "$2" "$1/hidden" && exec "$1/hidden" 20
'''


def test_a_target_in_another_mount_namespace():
    with support.directory() as where, support.directory() as place:
        with started('unshare', '-m', 'sh', '-c', HIDDEN, 'sh', place, PROGRAMS / 'spin') as program:
            support.wait_until(lambda: support.comm(program.pid) == 'hidden', 'the program runs')
            check(not list(place.iterdir()), 'it is to be seen outside')
            recorded = record(where, '-p', program.pid, '-d', 2)
        recorded.has('hidden', 'spin_outer', 'spin_leaf')
        recorded.mostly(recorded.count('spin_leaf'))


# Fifteen bytes of it become the process's name: a separator, control bytes, markup, invalid UTF-8.
ODD_NAME = b'a;b\n<&"\x1b[3\xff\x80 1'


def test_a_name_that_the_target_chose_breaks_no_output():
    with support.directory() as where:
        odd = os.path.join(os.fsencode(where), ODD_NAME)
        shutil.copy(os.fsencode(PROGRAMS / 'spin-alpha'), odd)
        with contextlib.ExitStack() as stack:
            program = subprocess.Popen([odd, b'20'], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL)
            stack.callback(support.end, program)
            time.sleep(0.3)
            recorded = record(where, '-p', program.pid, '-d', 1)
            table = support.perfctl('hotspots', recorded.profile)
            native = subprocess.run([support.PERFCTL, 'record', '--no-daemon', '-p',
                                     str(program.pid), '-d', '0.5'], cwd=where, check=True,
                                    stdin=subprocess.DEVNULL, capture_output=True)
        recorded.mostly(recorded.count('alpha_leaf'))
        for stack, _ in recorded.stacks:
            check(stack[0].startswith('a:b?<&"?[3') and stack[0].isprintable(), stack)
            check(all(frame.isprintable() for frame in stack), stack)
        xml.etree.ElementTree.parse(recorded.picture)
        for text in (table.stdout, table.stderr, native.stdout, native.stderr,
                     json.dumps(recorded.summary, ensure_ascii=False).encode()):
            check(b'\x1b' not in text and b'\xff' not in text, text)
        made = [p.name for p in where.glob('*.pb.gz') if p != recorded.profile]
        check(len(made) == 1 and made[0].isprintable() and made[0].startswith('a'), made)


def test_the_vdso_has_names():
    clock = pathlib.Path('/sys/devices/system/clocksource/clocksource0/current_clocksource')
    if clock.read_text().strip() not in ('tsc', 'kvm-clock', 'hyperv_clocksource_tsc_page'):
        raise support.Skip(f'the clock {clock.read_text().strip()} needs a system call')
    with support.directory() as where:
        with started(PROGRAMS / 'ask-time', 20) as program:
            time.sleep(0.2)
            recorded = record(where, '-p', program.pid, '-d', 2)
        rows = support.load_json(
            support.perfctl('hotspots', '--json', '--all', recorded.profile).out)['hotspots']
        names = [row['name'] for row in rows if row['module'] == '[vdso]']
        check('__vdso_clock_gettime' in names or 'clock_gettime' in names, rows)
        check(not [name for name in names if '0x' in name], f'without a name: {names}')


def test_32_bit_code_is_said_to_be_that():
    program = PROGRAMS / 'spin-32'
    if not program.exists():
        raise support.Skip('32-bit programs cannot be built here (gcc-multilib)')
    with support.directory() as where:
        with started(program, 20) as process:
            time.sleep(0.2)
            if process.poll() is not None:
                raise support.Skip('32-bit programs cannot be run here')
            recorded = record(where, '-p', process.pid, '-d', 2)
        ledger = recorded.ledger
        check(ledger['no_user_stack'].get('32-bit', 0) > 0.9 * ledger['kept'], ledger)
        check(ledger['kept'] > 30, ledger)


# As pid 1 of a pid namespace; its mount namespace has a /proc of its own.
INSIDE = '''
"$1" 15 & target=$!
"$2" --socket "$3/socket" 2>"$3/log" & daemon=$!
while ! [ -S "$3/socket" ] && kill -0 $daemon; do sleep 0.1; done
for way in one all; do
	mkdir "$3/$way"
done
"$4" record --socket "$3/socket" -F 499 -a -d 2 --json -o "$3/all/recorded.folded" >"$3/all/summary" & all=$!
"$4" record --socket "$3/socket" -F 499 -p $target -d 2 --json -o "$3/one/recorded.folded" >"$3/one/summary" &&
	wait $all
status=$?
kill $daemon $target
wait $daemon
exit $status
'''


def test_perfd_inside_a_pid_namespace():
    """What is outside is neither in the samples nor in the CPU time that they are held against."""
    with support.directory() as where:
        with started('sh', '-c', 'while :; do seq 100000; done'):
            support.run('unshare', '-pf', '--mount-proc', 'sh', '-c', INSIDE, 'sh',
                        PROGRAMS / 'spin', support.PERFD, where, support.PERFCTL)
        for way in ('one', 'all'):
            done = type('Done', (), {'out': (where / way / 'summary').read_text(), 'err': ''})
            recorded = support.Recording(done, where / way)
            recorded.has('spin_outer', 'spin_leaf')
            check(not recorded.count('seq'), recorded.text[:4000])
            if way == 'one':
                recorded.mostly(recorded.count('spin_leaf'))


def test_a_target_inside_a_pid_namespace():
    with support.directory() as where:
        with started('unshare', '-pf', '--mount-proc', '--kill-child', PROGRAMS / 'spin',
                     20) as outer:
            pid = support.wait_until(lambda: support.children(outer.pid), 'the program')[0]
            support.wait_until(lambda: support.comm(pid) == 'spin', 'it runs')
            recorded = record(where, '-p', pid, '-d', 2)
            os.kill(pid, signal.SIGKILL)
            outer.wait(10)
        recorded.has('spin', 'spin_outer', 'spin_leaf')
        recorded.mostly(recorded.count('spin_leaf'))


if __name__ == '__main__':
    support.main(globals())
