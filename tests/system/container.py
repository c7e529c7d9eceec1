# SPDX-License-Identifier: GPL-2.0-or-later
"""A Debian of its own that systemd-nspawn boots on this kernel: a system to install packages on. It sees
all control groups, as a host does; what its systemd may limit depends on those of this machine."""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess

import support

SOURCE = pathlib.Path(__file__).resolve().parents[2]
SUITE = 'bookworm'
MIRROR = 'http://deb.debian.org/debian'


def mirror():
    """Where this host has its Debian from."""
    for path in [pathlib.Path('/etc/apt/sources.list'),
                 *sorted(pathlib.Path('/etc/apt/sources.list.d').glob('*'))]:
        with contextlib.suppress(OSError):
            found = re.search(r'^(?:deb (?:\[.*?\] )?|URIs: *)(https?://\S+/debian/?)(?:\s|$)',
                              path.read_text(), re.MULTILINE)
            if found:
                return found[1]
    return MIRROR


def bootstrap(root):
    """A minimal system with systemd, which knows this host's resolver."""
    for program in ('debootstrap', 'systemd-nspawn'):
        if not shutil.which(program):
            raise support.Skip(f'{program} is not installed')
    support.run('debootstrap', '--variant=minbase', '--include=systemd,systemd-sysv,dbus', SUITE, root,
                mirror(), timeout=600)
    shutil.copy('/etc/resolv.conf', root / 'etc/resolv.conf')


# What begins by itself on the host is none of a test's business.
SERVICES = ('etc/systemd/system', 'etc/rc2.d', 'etc/rc3.d', 'etc/rc4.d', 'etc/rc5.d', 'etc/rcS.d')
QUIET = ('lib/systemd/system/multi-user.target.wants', 'lib/systemd/system/timers.target.wants')


@contextlib.contextmanager
def copy_of_this_host():
    """A root with all that is installed here, where what is written goes to memory and then nowhere; the
    host's own services do not start there."""
    if not shutil.which('systemd-nspawn'):
        raise support.Skip('systemd-nspawn is not installed')
    with support.directory() as where:
        support.run('mount', '-t', 'tmpfs', 'none', where)
        root = where / 'root'
        try:
            for name in ('upper', 'work', 'root'):
                (where / name).mkdir()
            support.run('mount', '-t', 'overlay', 'none', '-o',
                        f'lowerdir=/,upperdir={where}/upper,workdir={where}/work', root)
            try:
                for name in SERVICES + QUIET:
                    shutil.rmtree(root / name, ignore_errors=True)
                    (root / name).mkdir(parents=True)
                (root / 'etc/machine-id').write_text('')
                yield root
            finally:
                support.run('umount', '-l', root)
        finally:
            support.run('umount', '-l', where)


def chrooted(root, script, **options):
    """A shell's script in the system that is not booted."""
    environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'DEBIAN_FRONTEND': 'noninteractive',
                   'HOME': '/root', 'LC_ALL': 'C.UTF-8'}
    return support.run('chroot', root, 'sh', '-euc', script, env=environment, **options)


class Container:
    def __init__(self, root, log, *options):
        # Its seccomp filter would forbid the calls that a profiler is made of.
        environment = {**os.environ, 'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY': '1',
                       'SYSTEMD_NSPAWN_USE_CGNS': '0'}
        self.nspawn = subprocess.Popen(
            ['systemd-nspawn', '-D', str(root), '--register=no', '--keep-unit', '--capability=all',
             '--system-call-filter=bpf open_by_handle_at perf_event_open', '--console=pipe',
             *options, '-b', 'systemd.unified_cgroup_hierarchy=1'],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment,
            start_new_session=True)
        try:
            self.init = support.wait_until(self.find_init, 'a booted container', 200)
            support.wait_until(self.is_running, 'a container that runs', 200)
        except BaseException:
            self.kill()
            raise

    def find_init(self):
        """The first of its processes is a helper that becomes none of the system's."""
        support.check(self.nspawn.poll() is None, 'systemd-nspawn ended')
        for pid in support.children(self.nspawn.pid):
            with contextlib.suppress(OSError):
                if support.comm(pid) == 'systemd':
                    return pid
        return None

    def is_running(self):
        self.state = self.run('systemctl is-system-running', expect=None).out.strip()
        return self.state in ('running', 'degraded')

    def run(self, script, user='root', **options):
        """A shell's script inside, as a user with all of their groups."""
        become = ['setpriv', f'--reuid={user}', f'--regid={user}', '--init-groups']
        return support.run('nsenter', '-t', self.init, '-a', 'env', '-i',
                           'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8',
                           'DEBIAN_FRONTEND=noninteractive', *become, 'sh', '-euc',
                           f'cd /tmp; {script}', **options)

    def property(self, unit, name):
        return self.run(f'systemctl show -P {name} {unit}').out.strip()

    def end(self):
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            self.run('systemctl poweroff', expect=None, timeout=10)
        try:
            self.nspawn.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        if self.nspawn.poll() is None:
            self.nspawn.terminate()
            try:
                self.nspawn.wait(20)
            except subprocess.TimeoutExpired:
                self.nspawn.kill()
                self.nspawn.wait()


@contextlib.contextmanager
def booted(root, *options):
    """`options` are systemd-nspawn's."""
    with open(root / 'boot.log', 'wb') as log:
        container = Container(root, log, *options)
        try:
            yield container
        finally:
            container.end()
