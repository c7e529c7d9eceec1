# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages from a clean checkout to their purge, in a booted system: what an administrator
does with them, and what is left of them after."""

import pathlib
import re
import shutil
import subprocess
import time

import container
import support
from support import check

SOURCE = container.SOURCE
SPIN = 'while :; do seq 20000 | sort -R | md5sum >/dev/null; done'
PACKAGES = ('perfd', 'perfctl', 'perfd-dbgsym', 'perfctl-dbgsym')
PROGRAMS = {'perfd': ('perfd', 'perfd-elf-worker', 'perfd-store'), 'perfctl': ('perfctl',)}


def build(where):
    support.run(SOURCE / 'packaging/build-packages', where, timeout=600)
    for name in PACKAGES:
        check(list(where.glob(f'{name}_*.deb')), f'no package {name}')


def lint(where):
    done = support.run('lintian', '--allow-root', '--fail-on', 'error,warning',
                       *where.glob('*.changes'), expect=None, timeout=300)
    check(done.returncode == 0, f'lintian says:\n{done.out}{done.err}')


def have_their_symbols(where):
    """Each program's debug information is in the package beside its own, by its build-id."""
    with support.directory() as unpacked:
        for name, programs in PROGRAMS.items():
            for package in (name, f'{name}-dbgsym'):
                support.run('dpkg-deb', '-x', next(where.glob(f'{package}_*.deb')), unpacked)
            for program in programs:
                path = next(p for p in unpacked.rglob(program) if p.is_file() and not p.is_symlink() and
                            p.read_bytes()[:4] == b'\x7fELF')
                number = re.search(r'Build ID: (\w+)', support.run('readelf', '-n', path).out)[1]
                debug = unpacked / 'usr/lib/debug/.build-id' / number[:2] / f'{number[2:]}.debug'
                check(debug.exists(), f'{program}: no {debug.name} in {name}-dbgsym')
                check('.debug_info' in support.run('readelf', '-SW', debug).out, f'{debug} has no DWARF')


def next_version(where, root):
    """The same package of perfd, as if it were the one after."""
    with support.directory() as tree:
        support.run('dpkg-deb', '-R', next(where.glob('perfd_*.deb')), tree)
        control = tree / 'DEBIAN/control'
        control.write_text(re.sub(r'^(Version: .*)$', r'\1+1', control.read_text(), flags=re.MULTILINE))
        support.run('dpkg-deb', '--root-owner-group', '-b', tree, root / 'root/next.deb')


def install(root, where):
    for name in PACKAGES[:2]:
        shutil.copy(next(where.glob(f'{name}_*.deb')), root / 'root')
    next_version(where, root)
    (root / 'root/source').mkdir()
    shutil.copytree(SOURCE / 'packaging/debian', root / 'root/source/debian')
    container.chrooted(root, 'apt-get update -q; apt-get install -qy --no-install-recommends '
                       '/root/perfd_*.deb /root/perfctl_*.deb', timeout=300)
    container.chrooted(root, 'useradd -m owner; useradd -m stranger; useradd -m admin; '
                       'usermod -aG perfd-admin admin')


def recorded(system, user, seconds=2):
    done = system.run(f'perfctl record -u spin.service -d {seconds} -F 499 --json -o /tmp/{user}.folded',
                      user=user, expect=None)
    return done, support.load_json(done.out)['ledger'] if done.returncode == 0 else None


def begins_when_asked(system):
    check(system.property('perfd.socket', 'ActiveState') == 'inactive', 'installing it started it')
    check(system.run('dpkg --verify perfd perfctl').out == '', 'files differ from the packages')
    system.run('systemctl enable --now perfd.socket perfd.service')
    check(system.property('perfd.service', 'User') == 'perfd', 'not its own user')
    check(system.run('ps -C perfd -o user= 2>/dev/null || stat -c %U /proc/$(systemctl show -P MainPID '
                     'perfd)').out.split()[0] == 'perfd', 'does not run as its own user')


def records_a_unit(system):
    """Its owner, an admin and root get it; somebody else does not, and is told."""
    for user in ('root', 'owner', 'admin'):
        done, ledger = recorded(system, user)
        check(ledger and ledger['kept'] > 100, f'{user}: {done.out}{done.err}')
        check(sum(ledger['truncated'].values()) < 0.1 * ledger['kept'], f'{user}: {ledger}')
    done, _ = recorded(system, 'stranger')
    check(done.returncode == 4, f'a stranger: exit {done.returncode}: {done.out}{done.err}')


def keeps_profiles(system):
    """Being enabled is enough: what ran meanwhile can be asked for, by its owner too."""
    for user in ('root', 'owner'):
        def found():
            done = system.run(f'perfctl query --since 2m --unit spin.service -o query-{user}.folded && '
                              f'cat query-{user}.folded', user=user, expect=None)
            return done.returncode == 0 and sum(n for _, n in support.folded(done.out)) > 20

        support.wait_until(found, f'continuous profiles for {user}', 40)
    check('good' in system.run('perfctl doctor', expect=None).out, 'the store is not good')


def survives_a_restart(system):
    """A client that is being served is told at once; the next one is served."""
    with support.started('nsenter', '-t', system.init, '-a', 'perfctl', 'record', '-u', 'spin.service',
                         '-d', '60', '-o', '/tmp/never.folded', stderr=subprocess.PIPE) as client:
        time.sleep(2)
        system.run('systemctl restart perfd.service')
        _, said = client.communicate(timeout=10)
        check(client.returncode == 6 and b'hung up' in said, f'exit {client.returncode}: {said}')
    done, ledger = recorded(system, 'owner')
    check(ledger and ledger['kept'] > 100, done.err)


def reloads(system):
    pid = system.property('perfd.service', 'MainPID')
    system.run('printf "[access]\\nadmin-group = owner\\n" >/etc/perfd/perfd.conf.d/t.conf; '
               'systemctl reload perfd.service')
    support.wait_until(lambda: 'was read again' in system.run('journalctl -b -u perfd').out, 'a reload')
    check(system.property('perfd.service', 'MainPID') == pid, 'a reload restarted it')
    done, _ = recorded(system, 'admin')
    check(done.returncode == 4, f'still an admin: {done.out}')
    system.run('rm /etc/perfd/perfd.conf.d/t.conf; systemctl reload perfd.service')
    support.wait_until(lambda: recorded(system, 'admin', 0.5)[1], 'an admin again')


def is_watched(system):
    system.run('mkdir -p /run/systemd/system/perfd.service.d; printf "[Service]\\nWatchdogSec=10\\n" '
               '>/run/systemd/system/perfd.service.d/t.conf; systemctl daemon-reload; '
               'systemctl restart perfd.service')
    pid = system.property('perfd.service', 'MainPID')
    time.sleep(15)
    check(system.property('perfd.service', 'MainPID') == pid, 'the watchdog ended a perfd that lives')
    system.run(f'kill -STOP {pid}')

    def is_new():
        return system.property('perfd.service', 'MainPID') not in ('0', pid) and \
            system.property('perfd.service', 'ActiveState') == 'active'

    support.wait_until(is_new, 'a new perfd instead of one that hangs', 40)
    done, ledger = recorded(system, 'owner')
    check(ledger and ledger['kept'] > 100, done.err)
    system.run('rm -r /run/systemd/system/perfd.service.d; systemctl daemon-reload')


def has_its_limits(system):
    for name, value in (('MemoryMax', str(1 << 30)), ('TasksMax', '64'), ('CPUWeight', '50'),
                        ('NoNewPrivileges', 'yes'), ('PrivateNetwork', 'yes')):
        check(system.property('perfd.service', name) == value, f'{name} is not {value}')
    if not system.property('perfd.service', 'MemoryCurrent').isdigit():
        print('  these control groups cannot limit memory: the unit has the limits, none is in force')


def journal_reads_well(system):
    lines = system.run('journalctl -b -u perfd.service -o cat').out.splitlines()
    ours = [line for line in lines if 'spin.service' in line]
    check(ours and all('uid' in line and 'pid' in line for line in ours), f'no audit trail: {lines}')
    lost = [line for line in lines if 'perfd-store has ended' in line]
    check(not lost, f'being stopped it lost profiles: {lost}')
    for line in lines:
        # What is no UTF-8 came as U+FFFD.
        check(line.isprintable() and '\ufffd' not in line and line.strip() and not line.startswith(('<', 'perfd: <')),
              f'reads badly: {line!r}')


def upgrades(system):
    pid = system.property('perfd.service', 'MainPID')
    system.run('echo "# mine" >>/etc/perfd/perfd.conf; '
               'dpkg -i --force-confdef --force-confold /root/next.deb', timeout=120)
    check('+1' in system.run('dpkg-query -W perfd').out, 'not the next version')
    check(system.property('perfd.service', 'ActiveState') == 'active', 'the upgrade ended it')
    check(system.property('perfd.service', 'MainPID') not in ('0', pid), 'the old one still runs')
    check('# mine' in system.run('cat /etc/perfd/perfd.conf').out, 'a changed conffile is gone')
    done, ledger = recorded(system, 'owner')
    check(ledger and ledger['kept'] > 100, done.err)


def goes(system):
    def exists(path):
        return system.run(f'[ -e {path} ]', expect=None).returncode == 0

    system.run('dpkg -r perfd', timeout=120)
    check(system.run('systemctl is-active perfd.service perfd.socket', expect=None).out.split() ==
          ['inactive', 'inactive'], 'removing it did not end it')
    check(not exists('/run/perfd/org.perfctl.profiler'), 'the socket is still there')
    check(not exists('/usr/libexec/perfctl/perfd'), 'the program is still there')
    check(exists('/etc/perfd/perfd.conf'), 'removing it took the configuration')
    check(exists('/var/lib/perfd/profiles.db'), 'removing it took the profiles')
    done = system.run('perfctl status', user='owner', expect=6)
    check('/run/perfd' in done.err, done.err)
    system.run('dpkg -P perfd perfctl', timeout=120)
    for path in ('/etc/perfd', '/var/cache/perfd', '/var/lib/perfd', '/usr/bin/perfctl',
                 '/etc/systemd/system/sockets.target.wants/perfd.socket',
                 '/etc/systemd/system/multi-user.target.wants/perfd.service'):
        check(not exists(path), f'{path} is still there after the purge')
    system.run('getent passwd perfd')
    check('perfd' not in system.run('systemctl --failed --plain').out, 'a failed unit is left')


def passes_what_debian_asks(system):
    """autopkgtest, on the system that this is: it installs the packages again, and runs their tests."""
    system.run('apt-get install -qy --no-install-recommends autopkgtest', timeout=300)
    done = system.run('cd /root; autopkgtest -B --ignore-restrictions=isolation-machine perfd_*.deb '
                      'perfctl_*.deb ./source/ -- null', expect=None, timeout=400)
    tests = re.findall(r'^Tests: (\S+)', (SOURCE / 'packaging/debian/tests/control').read_text(),
                       re.MULTILINE)
    for name in tests:
        check(re.search(rf'^{name}\s+PASS', done.out, re.MULTILINE), f'{name}:\n{done.out}{done.err}')
    check(tests and done.returncode == 0, f'exit {done.returncode}:\n{done.out}')


STEPS = (begins_when_asked, records_a_unit, keeps_profiles, survives_a_restart, reloads, is_watched,
         has_its_limits, journal_reads_well, upgrades, goes, passes_what_debian_asks)


def live(where, root):
    install(root, where)
    with container.booted(root) as system:
        system.run(f"systemd-run -q --unit=spin -p User=owner sh -c '{SPIN}'")
        for step in STEPS:
            start = time.monotonic()
            try:
                step(system)
            except Exception:
                print(system.run('journalctl -b -u perfd -n 40 --no-pager', expect=None).out)
                raise
            print(f'  {step.__name__}: ok ({time.monotonic() - start:.1f} s)', flush=True)


def test_from_a_clean_checkout_to_the_purge():
    with support.directory() as where, support.directory() as root:
        container.bootstrap(root)
        build(where)
        lint(where)
        have_their_symbols(where)
        live(where, root)


if __name__ == '__main__':
    support.main(globals())
