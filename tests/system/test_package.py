# SPDX-License-Identifier: GPL-2.0-or-later
"""The Debian packages from a clean checkout to their purge, in a booted system: what an administrator
does with them, and what is left of them after."""

import pathlib
import shutil
import subprocess
import time

import container
import support
from support import check

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SPIN = 'while :; do seq 20000 | sort -R | md5sum >/dev/null; done'
PACKAGES = ('perfd', 'perfctl', 'perfd-dbgsym', 'perfctl-dbgsym')


def build(where):
    support.run(SOURCE / 'packaging/build-packages', where, timeout=600)
    for name in PACKAGES:
        check(list(where.glob(f'{name}_*.deb')), f'no package {name}')


def lint(where):
    done = support.run('lintian', '--allow-root', '--fail-on', 'error,warning',
                       *where.glob('*.changes'), expect=None, timeout=300)
    check(done.returncode == 0, f'lintian says:\n{done.out}{done.err}')


def install(root, where):
    for name in PACKAGES[:2]:
        shutil.copy(next(where.glob(f'{name}_*.deb')), root / 'root')
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
    system.run('mkdir -p /run/systemd/system/perfd.service.d; printf "[Service]\\nWatchdogSec=2\\n" '
               '>/run/systemd/system/perfd.service.d/t.conf; systemctl daemon-reload; '
               'systemctl restart perfd.service')
    pid = system.property('perfd.service', 'MainPID')
    time.sleep(5)
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
    for line in lines:
        check(line.isprintable() and line.strip() and not line.startswith(('<', 'perfd: <')),
              f'reads badly: {line!r}')


def upgrades(system):
    pid = system.property('perfd.service', 'MainPID')
    system.run('echo "# mine" >>/etc/perfd/perfd.conf; '
               'dpkg -i --force-confdef --force-confold /root/perfd_*.deb', timeout=120)
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
    done = system.run('perfctl status', user='owner', expect=6)
    check('/run/perfd' in done.err, done.err)
    system.run('dpkg -P perfd perfctl', timeout=120)
    for path in ('/etc/perfd', '/var/cache/perfd', '/usr/bin/perfctl',
                 '/etc/systemd/system/sockets.target.wants/perfd.socket',
                 '/etc/systemd/system/multi-user.target.wants/perfd.service'):
        check(not exists(path), f'{path} is still there after the purge')
    system.run('getent passwd perfd')
    check('perfd' not in system.run('systemctl --failed --plain').out, 'a failed unit is left')


STEPS = (begins_when_asked, records_a_unit, survives_a_restart, reloads, is_watched, has_its_limits,
         journal_reads_well, upgrades, goes)


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
        live(where, root)


if __name__ == '__main__':
    support.main(globals())
