# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may see what: as root and as two ordinary users. What must be refused is refused with the rule
named, what must work works, and nothing of a process is seen once it is no longer one's own.

Which test holds what against whom (here, if no other file is named):

  another user's process, or group's    whose_process_it_must_be; test_targets: a thread, a set
  set-uid, set-gid, mode 0711           what_protects_itself_is_not_seen
  not dumpable                          the same
  more capable                          what_is_more_capable_is_not_seen
  another user namespace                another_user_namespace_…, a_user_namespace_that_maps_each_id_…
  a caller in another pid namespace     a_pid_in_another_namespace_is_not_taken_for_ours
  root that is none of the host's       whose_process_it_must_be; unit tests: peer
  exec of set-uid, set-gid, capable,
    or unreadable programs meanwhile    nothing_is_seen_behind_an_exec, …_of_a_set
  credentials changed meanwhile         nothing_is_seen_of_what_hides_half_way; test_identities
  pid used again, check and use         a_pid_that_somebody_else_has_by_now_…
  pid used again, storing and asking    what_is_kept_is_shown_by_the_uid_that_was_kept_with_it
  recordings and profiles of others     recordings_belong_to_who_made_them; …_in_the_log
  kernel frames and addresses           the_kernel_is_shown_to_whom_…, no_address_of_the_kernel_leaves
  flooding                              test_limits, test_crowd; connections: protocol tests
  and what must work                    a_user_records_a_service_of_theirs_without_any_privilege
"""

import contextlib
import gzip
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import time

import support
import test_continuous as continuous
from support import PERFCTL, PROGRAMS, STRANGER, check, started

OTHER = STRANGER + 1
DD = pathlib.Path('/bin/dd')
FULL = bool(os.environ.get('PERFCTL_FULL'))
TRIES, FEWER = (1000, 1000) if FULL else (300, 60)
PARANOID = pathlib.Path('/proc/sys/kernel/perf_event_paranoid')


def as_user(*options):
    """Arguments for setpriv, with the stranger's ids unless others are given."""
    given = ''.join(str(option) for option in options)
    ids = [] if 'reuid' in given else [f'--reuid={STRANGER}', f'--regid={STRANGER}']
    groups = [] if 'groups' in given else ['--clear-groups']
    # setpriv itself still has root's capabilities when it executes: not what it executes does.
    return ['setpriv', *ids, *groups, *options, 'env']


@contextlib.contextmanager
def place():
    """A directory that everybody may write to, and copies of the programs that all may run."""
    with support.directory(0o777) as where:
        for name in ('spin', 'changes', 'spin-alpha', 'spin-beta'):
            shutil.copy(PROGRAMS / name, where / name)
        yield where


@contextlib.contextmanager
def running(*command):
    """A program that is what it will be: setpriv and others before it have gone."""
    name = [word.name for word in command if isinstance(word, pathlib.Path)][-1]
    with started(*command) as process:
        support.wait_until(lambda: family_member(process.pid, name), f'{name} runs')
        time.sleep(0.1)
        yield family_member(process.pid, name)


def family_member(pid, name):
    """The process, or the child of it, that has this name."""
    with contextlib.suppress(OSError):
        if support.comm(pid) == name[:15]:
            return pid
    for child in support.children(pid):
        found = family_member(child, name)
        if found:
            return found
    return None


def ask(daemon, where, pid, *who, expect=0, seconds=0.5, more=()):
    return support.run(*(who or as_user()), PERFCTL, 'record', '--socket', daemon.socket, '-p', pid,
                       '-d', seconds, '-F', 499, '-o', where / 'x.folded', *more, expect=expect)


def refused(daemon, where, pid, rule, *who):
    with contextlib.suppress(FileNotFoundError):
        (where / 'x.folded').unlink()
    done = ask(daemon, where, pid, *who, expect=4)
    check(str(pid) in done.err and re.search(rule, done.err), f'{rule!r}: {done.err}')
    check(not (where / 'x.folded').exists(), 'a file was written')


def test_whose_process_it_must_be():
    with place() as where, support.daemon() as daemon:
        spin = (where / 'spin', 60)
        with running(*as_user(), *spin) as own:
            ask(daemon, where, own)
            check(support.frames_of((where / 'x.folded').read_text()).get('spin_leaf', 0) > 20,
                  (where / 'x.folded').read_text())
            # The same process: another user, another group, root without the capability.
            refused(daemon, where, own, 'another user',
                    *as_user(f'--reuid={OTHER}', f'--regid={OTHER}'))
            refused(daemon, where, own, 'another user or group',
                    *as_user(f'--reuid={STRANGER}', f'--regid={OTHER}'))
            ask(daemon, where, own, 'setpriv', '--reuid=0')
            refused(daemon, where, own, 'another user',
                    'setpriv', '--reuid=0', '--bounding-set=-perfmon')
        for ids in (('--reuid=0', '--regid=0'), (f'--reuid={OTHER}', f'--regid={STRANGER}'),
                    (f'--reuid={STRANGER}', f'--regid={OTHER}'),
                    # One of the six ids is enough.
                    (f'--ruid={STRANGER}', f'--euid={OTHER}', f'--regid={STRANGER}')):
            with running('setpriv', *ids, '--clear-groups', *spin) as theirs:
                refused(daemon, where, theirs, 'another user or group')


def test_what_protects_itself_is_not_seen():
    with place() as where, support.daemon() as daemon:
        unreadable = where / 'unreadable'
        shutil.copy(where / 'spin', unreadable)
        unreadable.chmod(0o711)
        with running(*as_user(), unreadable, 60) as pid:
            refused(daemon, where, pid, 'not dumpable')
        dropped = where / 'dropped'
        shutil.copy(where / 'changes', dropped)
        dropped.chmod(0o4755)
        # A set-uid program that became the caller again: all its ids are the caller's.
        with started(*as_user(), dropped, 'drop', 60) as process:
            support.wait_until(lambda: support.comm(process.pid) == 'dropped', 'it runs')
            time.sleep(0.2)
            status = pathlib.Path(f'/proc/{process.pid}/status').read_text()
            check(re.search(rf'Uid:\s+{STRANGER}\s+{STRANGER}\s+{STRANGER}', status), status)
            refused(daemon, where, process.pid, 'not dumpable')
        set_uid = where / 'set-uid'
        shutil.copy(where / 'spin', set_uid)
        set_uid.chmod(0o4755)
        with running(*as_user(), set_uid, 60) as pid:
            refused(daemon, where, pid, 'another user|not dumpable')


def test_what_is_more_capable_is_not_seen():
    with place() as where, support.daemon() as daemon:
        with running(*as_user('--inh-caps=+net_raw', '--ambient-caps=+net_raw'),
                     where / 'spin', 60) as pid:
            refused(daemon, where, pid, 'capabilities')
            # Not even by somebody who holds the same: that may be gone when it matters.
            refused(daemon, where, pid, 'capabilities',
                    *as_user('--inh-caps=+net_raw', '--ambient-caps=+net_raw'))


def test_another_user_namespace_is_not_seen():
    with place() as where, support.daemon() as daemon:
        for options in (['-U'], ['-Ur'], ['-Uc']):
            with running(*as_user(), 'unshare', *options, where / 'spin', 60) as pid:
                refused(daemon, where, pid, 'namespace|another user|capabilities')
                ask(daemon, where, pid, 'setpriv', '--reuid=0')
            # Its root is nobody's admin.
            with running(*as_user(), where / 'spin', 60) as own, \
                    running('setpriv', '--reuid=0', where / 'spin', 60) as roots:
                refused(daemon, where, roots, 'another user|no meaning',
                        *as_user(), 'unshare', *options)
                ask(daemon, where, own)


@contextlib.contextmanager
def identity_namespace():
    """A user namespace in which every id means what it means on the host."""
    with started('unshare', '-U', 'sleep', 600) as holder:
        support.wait_until(lambda: support.comm(holder.pid) == 'sleep', 'the namespace is there')
        for name in ('uid_map', 'gid_map'):
            pathlib.Path(f'/proc/{holder.pid}/{name}').write_text('0 0 4294967295\n')
        yield ['nsenter', '-U', '-t', holder.pid, '-S', STRANGER, '-G', STRANGER]


def test_a_user_namespace_that_maps_each_id_to_itself_is_seen():
    """At the start and at each sample alike: a service with private users of that kind."""
    with place() as where, support.daemon() as daemon, identity_namespace() as inside, \
            running(*inside, where / 'spin', 60) as own:
        recording = support.load_json(ask(daemon, where, own, seconds=1, more=['--json']).out)
        ledger = support.ledger_adds_up(recording)
        check(burnt(where).get('spin_leaf', 0) > 50 and not ledger['not_permitted'], ledger)
        refused(daemon, where, own, 'another user', *as_user(f'--reuid={OTHER}', f'--regid={OTHER}'))


def test_members_of_the_configured_group_are_admins():
    with place() as where:
        (where / 'perfd.conf').write_text('[access]\nadmin-group = games\n')
        games = support.run('getent', 'group', 'games').out.split(':')[2]
        with support.daemon('--config', where / 'perfd.conf') as daemon, \
                running('setpriv', '--reuid=0', where / 'spin', 60) as roots:
            refused(daemon, where, roots, 'another user')
            ask(daemon, where, roots, *as_user(f'--groups={games}'))


@contextlib.contextmanager
def paranoid(level):
    before = PARANOID.read_text()
    PARANOID.write_text(f'{level}\n')
    try:
        yield
    finally:
        PARANOID.write_text(before)


def kernel_frames(where):
    return {name for name in support.frames_of((where / 'x.folded').read_text())
            if re.search('entry_SYSCALL|_sys_|do_syscall|^ksys|vfs_', name)}


def test_the_kernel_is_shown_to_whom_the_host_shows_it():
    with place() as where, support.daemon() as daemon, \
            running(*as_user(), DD, 'if=/dev/zero', 'of=/dev/null') as own:
        for level in (1, 2, 3):
            with paranoid(level):
                ask(daemon, where, own, seconds=1)
                frames = support.frames_of((where / 'x.folded').read_text())
                check(bool(kernel_frames(where)) == (level <= 1), (level, frames))
                check(('[kernel]' in frames) == (level > 1), (level, frames))
                ask(daemon, where, own, 'setpriv', '--reuid=0', seconds=1)
                check(kernel_frames(where), 'an admin sees no kernel')


def test_no_address_of_the_kernel_leaves():
    """In no output, not even an admin's: names do, and nothing that tells where they are."""
    outputs = ('pb.gz', 'svg', 'json', 'perf')
    with place() as where, support.daemon() as daemon, \
            running(*as_user(), DD, 'if=/dev/zero', 'of=/dev/null') as own:
        ask(daemon, where, own, 'setpriv', '--reuid=0', seconds=1, more=[
            word for suffix in outputs for word in ('-o', where / f'x.{suffix}')])
        check(kernel_frames(where), 'no kernel frames were taken')
        for suffix in ('folded', *outputs):
            raw = (where / f'x.{suffix}').read_bytes()
            raw = gzip.decompress(raw) if suffix == 'pb.gz' else raw
            check(not re.search(rb'ffffffff[0-9a-f]{8}|ffff[89][0-9a-f]{11}', raw), suffix)
            # As a varint of 64 bits: 28 bits, the 0x8 to 0xd above them, and ones.
            if suffix == 'pb.gz':
                check(not re.search(rb'[\x80-\xff]{4}[\xf8-\xfd]\xff{4}\x01', raw), suffix)


def burnt(where):
    return support.frames_of((where / 'x.folded').read_text())


# linux/capability.h, struct vfs_cap_data of version 2: CAP_NET_RAW is permitted, and effective.
CAPABLE = struct.pack('<5I', 0x02000001, 1 << 13, 0, 0, 0)


def test_nothing_is_seen_behind_an_exec():
    """The rule of the start is asked again of each sample: the program executed may be anybody's."""
    with place() as where, support.daemon() as daemon:
        for name, mode, tries in (('set-uid', 0o4755, TRIES), ('set-gid', 0o2755, FEWER),
                                  ('capable', 0o755, FEWER), ('unreadable', 0o711, FEWER),
                                  ('plain', 0o755, FEWER)):
            program = where / name
            shutil.copy(where / 'spin-beta', program)
            program.chmod(mode)
            if name == 'capable':
                os.setxattr(program, 'security.capability', CAPABLE)
            behind_exec(daemon, where, program, tries)


def test_nothing_is_seen_behind_an_exec_of_a_set():
    """The filter of a set lets the caller's real uid pass, which such a program has."""
    with place() as where, support.daemon() as daemon:
        program = where / 'set-uid'
        shutil.copy(where / 'spin-beta', program)
        program.chmod(0o4755)
        for target in (['-a'], ['--uid', STRANGER], ['--comm', 'changes']):
            behind_exec(daemon, where, program, FEWER, target)


def behind_exec(daemon, where, program, tries, target=None):
    """A user's process executes the program exactly `tries` times, all of them while the user records
    it, or a set that it is in: what is recorded begins before the first and ends after the last."""
    with started(*as_user(), where / 'changes', 'loop', tries, program, 0.002,
                 stdin=subprocess.PIPE) as parent:
        support.wait_until(lambda: support.comm(parent.pid) == 'changes', 'it runs')
        with started(*as_user(), PERFCTL, 'record', '--socket', daemon.socket,
                     *(target or ['-p', parent.pid]), '-F', 4999, '--json', '-o',
                     where / 'x.folded', stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
            support.wait_until(daemon.recordings, 'it records')
            parent.stdin.close()
            check(parent.wait(120) == 0, 'not every one was executed')
            if target:
                client.send_signal(signal.SIGINT)
            out, err = client.communicate(timeout=60)
    check(client.returncode == 0, err)
    ledger, frames = support.ledger_adds_up(support.load_json(out)), burnt(where)
    dropped = ledger['not_permitted']
    print(f'  {program.name} {target or "-p"}: {tries} executed, {frames.get("before_exec", 0)} '
          f'samples before, {dropped} not permitted', flush=True)
    check(not sum(ledger['lost'].values()), ledger)
    check(frames.get('before_exec', 0) > 2 * tries, frames)
    if program.name == 'plain':
        check(frames.get('beta_leaf', 0) > 2 * tries and dropped < tries / 20, (frames, ledger))
        return
    check(dropped > 2 * tries, ledger)
    # The exec itself names the process before it takes the new credentials on.
    shown = [stack for stack, _ in support.folded((where / 'x.folded').read_text())
             if (stack[0] == program.name or any('beta' in name for name in stack)) and
             stack[1:] != ['[kernel]']]
    check(not shown, f'seen behind the exec of {program.name} {target}: {shown}')


def test_nothing_is_seen_of_what_hides_half_way():
    """It takes its memory out of sight, or goes into a user namespace of its own."""
    with place() as where, support.daemon() as daemon:
        for way in ('hide', 'enter'):
            with started(*as_user(), where / 'changes', way, 2) as process:
                support.wait_until(lambda: support.comm(process.pid) == 'changes', 'it runs')
                done = ask(daemon, where, process.pid, seconds=60, more=['--json'])
                ledger = support.ledger_adds_up(support.load_json(done.out))
                frames = burnt(where)
                check(frames.get('before_exec', 0) > 50 and 'hidden' not in frames, frames)
                check(ledger['not_permitted'] > 50, (way, ledger))
                check(process.wait(10) == 0, way)


def test_a_pid_in_another_namespace_is_not_taken_for_ours():
    """A caller in a pid namespace of its own means its own processes; we cannot tell which they are."""
    with place() as where, support.daemon() as daemon:
        done = support.run(
            'unshare', '-pf', '--mount-proc', *as_user(), PERFCTL, 'record', '--socket',
            daemon.socket, '-p', 1, '-d', 0.5, '-o', where / 'x.folded', expect=None)
        check(done.returncode in (1, 4, 5) and 'namespace' in done.err, done.err)
        check(not (where / 'x.folded').exists(), 'a file was written')


# As root in a pid namespace of its own, where the next pid can be chosen and nobody else takes it.
REUSE = r"""
where=$0; tries=$1; user=$2; perfd=$3; perfctl=$4
$perfd --socket $where/socket 2> $where/perfd.log &
daemon=$!
while ! [ -S $where/socket ]; do sleep 0.02; done
next() { echo $(($1 - 1)) > /proc/sys/kernel/ns_last_pid; }
i=0; met=0
while [ $i -lt $tries ]; do
    i=$((i + 1)); pid=$((1000 + i * 10))
    next $pid
    setpriv --reuid=$user --regid=$user --clear-groups env $where/spin 60 & own=$!
    [ $own = $pid ] || { kill -9 $own; continue; }
    while [ "$(cat /proc/$pid/comm)" != spin ]; do sleep 0.01; done
    next 30000
    setpriv --reuid=$user --regid=$user --clear-groups env $perfctl record --socket $where/socket \
        -p $pid -F 4999 -d 0.4 -o $where/reuse-$i.folded 2>> $where/said & client=$!
    sleep 0.0$((i * 7 % 100 / 10))$((i * 7 % 10))
    kill -9 $pid; wait $pid
    next $pid
    $where/spin-beta 0.3 & other=$!
    [ $other = $pid ] && met=$((met + 1))
    wait $other $client
done
kill $daemon; wait $daemon
echo $met
"""


@support.only_full
def test_a_pid_that_somebody_else_has_by_now_is_not_taken_for_the_one_that_was():
    """The caller's process ends at any moment between the request and the first sample or after it,
    and a process of root's has its pid at once."""
    tries = 100 if FULL else 20
    with place() as where:
        done = support.run('unshare', '-pf', '--mount-proc', 'sh', '-c', REUSE, where, tries, STRANGER,
                           support.PERFD, PERFCTL, timeout=300)
        found = list(where.glob('reuse-*.folded'))
        print(f'  {done.out.strip()} of {tries} pids used again, {len(found)} recordings', flush=True)
        check(int(done.out) > tries / 2, f'hardly any pid was used again: {done.out} {done.err}')
        check(len(found) > tries / 4, (where / 'said').read_text()[-3000:])
        for path in found:
            check('beta' not in path.read_text(), f'{path.name}: {path.read_text()}')


def stored(daemon, where, pid, *who):
    """The programs that are kept of a pid, as somebody is shown them."""
    done = support.run(*who, PERFCTL, 'query', '--socket', daemon.socket, '-p', pid, '-o',
                       where / 'q.folded', expect=None)
    check(done.returncode in (0, 5), done.err)
    if done.returncode:
        return set()
    return {stack[0] for stack, _ in support.folded((where / 'q.folded').read_text())}


@contextlib.contextmanager
def with_pid(pid, *command):
    """A process that has this pid, which nobody has."""
    for _ in range(200):
        pathlib.Path('/proc/sys/kernel/ns_last_pid').write_text(str(pid - 1))
        with started(*command) as process:
            if process.pid == pid:
                yield process
                return
    raise AssertionError(f'pid {pid} could not be had')


def test_what_is_kept_is_shown_by_the_uid_that_was_kept_with_it():
    """Who has the pid when it is asked for does not matter, nor that the real uid is the caller's."""
    other = as_user(f'--reuid={OTHER}', f'--regid={OTHER}')

    def shown(daemon, where, pid, name, wanted):
        """To whom it is, of root and the two users, once it is kept."""
        support.wait_until(lambda: name in stored(daemon, where, pid, 'env'), f'{name} is kept', 20)
        found = [stored(daemon, where, pid, *who) for who in (['env'], as_user(), other)]
        check([name in programs for programs in found] == wanted, (name, found))

    with place() as where, continuous.keeping() as daemon:
        set_uid = where / 'set-uid'
        shutil.copy(where / 'spin-alpha', set_uid)
        set_uid.chmod(0o4755)
        with running(*as_user(), where / 'spin', 60) as pid, running(*as_user(), set_uid, 60) as hidden:
            shown(daemon, where, pid, 'spin', [True, True, False])
            shown(daemon, where, hidden, 'set-uid', [True, False, False])
        with with_pid(pid, *other, where / 'spin-beta', 60):
            shown(daemon, where, pid, 'spin-beta', [True, False, True])
            shown(daemon, where, pid, 'spin', [True, True, False])


def test_recordings_belong_to_who_made_them():
    other = as_user(f'--reuid={OTHER}', f'--regid={OTHER}')
    with place() as where, support.daemon() as daemon, \
            running(*as_user(), where / 'spin', 60) as own:
        tool = (PERFCTL, '--socket', daemon.socket)
        number = support.run(*as_user(), PERFCTL, 'record', *tool[1:], '--detach', '-p', own,
                             '-F', 499).out.strip()
        for _ in range(2):  # under way, and finished
            check(number not in re.findall(r'"recording":\s*"(\w+)"', support.run(
                *other, PERFCTL, 'list', *tool[1:], '--json').out), 'it is listed')
            done = support.run(*other, PERFCTL, 'stop', *tool[1:], number, '-o', where / 'x.folded',
                               expect=1)
            check('of yours' in done.err and not (where / 'x.folded').exists(), done.err)
            support.run(*as_user(), PERFCTL, 'stop', *tool[1:], number, '-o', where / 'y.folded')
        check('spin_leaf' in (where / 'y.folded').read_text(), 'the owner gets it')


def in_shop(groups, *command):
    return support.in_group(groups / 'shop.service', *command)


def test_a_user_records_a_service_of_theirs_without_any_privilege():
    """From list to picture, at each level of what the kernel lets users do by themselves."""
    bare = as_user('--bounding-set=-all', '--inh-caps=-all', '--no-new-privs')
    other = as_user(f'--reuid={OTHER}', f'--regid={OTHER}')
    with place() as where, support.daemon() as daemon, support.control_groups() as groups, \
            running(*in_shop(groups, *as_user()), where / 'spin', 60), \
            running(*in_shop(groups, *other), where / 'spin-alpha', 60):
        for level in (2, 3):
            with paranoid(level):
                support.run(*bare, PERFCTL, 'record', '--socket', daemon.socket, '-u', 'shop', '-d',
                            1, '-F', 499, *(word for suffix in ('folded', 'svg', 'pb.gz')
                                            for word in ('-o', where / f'u{level}.{suffix}')))
                text = (where / f'u{level}.folded').read_text()
                check('spin_leaf' in text and 'alpha' not in text, text)
                check('spin_leaf' in (where / f'u{level}.svg').read_text(), 'the picture')
                check('spin_leaf' in support.run(*bare, PERFCTL, 'hotspots',
                                                 where / f'u{level}.pb.gz').out, 'the ranking')
                listed = support.run(*bare, PERFCTL, 'list', '--socket', daemon.socket).out
                check('shop.service' in listed, listed)
                support.run(*bare, PERFCTL, 'record', '--socket', daemon.socket, '--uid', OTHER,
                            '-d', 1, '-o', where / 'no.folded', expect=4)


def test_denials_and_admins_recordings_are_in_the_log():
    with place() as where, support.daemon() as daemon, running(*as_user(), where / 'spin', 60) as own:
        refused(daemon, where, own, 'another user', *as_user(f'--reuid={OTHER}', f'--regid={OTHER}'))
        ask(daemon, where, own, 'setpriv', '--reuid=0')
        log = daemon.log.read_text()
        check(re.search(rf'uid {OTHER}.*pid {own}|pid {own}.*uid {OTHER}', log), log)
        check(re.search(rf'recording \S+ of spin \({own}\), for uid 0', log), log)


if __name__ == '__main__':
    support.main(globals())
