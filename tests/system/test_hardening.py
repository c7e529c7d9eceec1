# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests of recording once more, by the perfd that systemd runs as its unit says: as a user of its
own, with every line that takes something away from it in force. In a copy of this host that systemd
boots in a container."""

import os
import pathlib
import re

import container
import support
from support import check

TESTS = pathlib.Path(__file__).resolve().parent
SOURCE = container.SOURCE
# Those that record, but for what needs a perfd of its own, or judges how fast the machine is.
NAMES = ('stacks', 'walks', 'mappings', 'services', 'targets', 'units', 'containers', 'identities',
         'events', 'files', 'tables', 'jit', 'shares', 'input', 'access', 'compilers', 'endings')
INSIDE = '/perfctl'
# No recording of its own: the tests count what they asked for.
CONF = '[continuous]\nenabled = no\n'


def install(root):
    support.run('meson', 'install', '--no-rebuild', '-C', support.BUILD,
                env={**os.environ, 'DESTDIR': str(root)})
    found = list(root.glob('usr/local/etc/perfd')) + list(root.glob('etc/perfd'))
    check(len(found) == 1, f'configuration at {found}')
    (found[0] / 'perfd.conf.d').mkdir(exist_ok=True)
    (found[0] / 'perfd.conf.d/test.conf').write_text(CONF)


def is_confined(system):
    """What the kernel says of the process, not what systemd was told."""
    pid = system.property('perfd.service', 'MainPID')
    status = dict(re.findall(r'^(\w+):\s*(.*)$', system.run(f'cat /proc/{pid}/status').out, re.MULTILINE))
    check(status['NoNewPrivs'] == '1' and status['Seccomp'] == '2', status)
    check(status['Uid'].split()[0] != '0', 'it is root')
    check(status['CapEff'] == status['CapBnd'] and int(status['CapBnd'], 16).bit_count() == 5, status)
    check(system.run(f'nsenter -t {pid} -m touch /usr/x', expect=None).returncode != 0,
          'it can write to /usr')


def run_test(system, name, seconds=400):
    done = system.run(f'PERFCTL_UNIT=perfd.service PERFCTL_BUILD={INSIDE}/build PYTHONDONTWRITEBYTECODE=1 '
                      f'/usr/bin/python3 {INSIDE}/source/tests/system/test_{name}.py',
                      expect=None, timeout=seconds)
    passed = len(re.findall(r'^test_\w+: ok', done.out, re.MULTILINE))
    skipped = re.findall(r'^test_\w+: SKIP.*', done.out, re.MULTILINE)
    print(f'  {name}: exit {done.returncode}, {passed} passed', *skipped, sep='\n    ', flush=True)
    if done.returncode not in (0, 77):
        print(done.out, done.err, flush=True)
    return passed, done.returncode in (0, 77)


def test_recording_with_every_line_of_the_unit_in_force():
    only = os.environ.get('PERFCTL_HARDENING', ' '.join(NAMES)).split()
    with container.copy_of_this_host() as root:
        install(root)
        with container.booted(root, f'--bind-ro={SOURCE}:{INSIDE}/source',
                              f'--bind-ro={support.BUILD}:{INSIDE}/build') as system:
            # The tests make control groups and set-uid programs of their own, and set what the host says.
            system.run('mount -o remount,rw /sys/fs/cgroup; mount -o remount,suid /tmp; '
                       'mount -o remount,bind,rw /proc/sys; systemctl start perfd.socket perfd.service')
            is_confined(system)
            results = {name: run_test(system, name) for name in only}
            audited = system.run('journalctl -b -u perfd.service -o cat | grep -c "uid 0"', expect=None).out
    failed = [name for name, (_, is_good) in results.items() if not is_good]
    check(not failed, f'failed: {failed}')
    none = [name for name, (passed, _) in results.items() if not passed]
    check(not none, f'nothing ran of: {none}')
    print(f'  {sum(passed for passed, _ in results.values())} tests, {audited.strip()} recordings')
    check(int(audited) >= sum(passed for passed, _ in results.values()) / 2,
          f'only {audited} recordings went by the unit')


if __name__ == '__main__':
    support.main(globals())
