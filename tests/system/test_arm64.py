# SPDX-License-Identifier: GPL-2.0-or-later
"""A build for arm64 by Debian's cross compiler, with what is built against unpacked from Debian's
packages: all of it builds, the client says there what it says here, and the daemon that it cannot."""

import pathlib
import re
import shutil

import container
import support
from support import check

SOURCE = container.SOURCE
APT = '''Dir "{0}";
Dir::State::status "{0}/status";
Dir::Etc::Trusted "/etc/apt/trusted.gpg";
Dir::Etc::TrustedParts "/etc/apt/trusted.gpg.d";
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "root";
'''
CROSS = '''[binaries]
c = ['ccache', 'aarch64-linux-gnu-gcc']
ar = 'aarch64-linux-gnu-ar'
strip = 'aarch64-linux-gnu-strip'
pkgconfig = 'pkg-config'
[properties]
sys_root = '{0}'
pkg_config_libdir = ['{0}/usr/lib/aarch64-linux-gnu/pkgconfig', '{0}/usr/share/pkgconfig']
[built-in options]
c_args = ['--sysroot={0}']
c_link_args = ['--sysroot={0}']
[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'aarch64'
endian = 'little'
'''


def libraries():
    """What is built against: the -dev packages among what is needed to build."""
    text = (SOURCE / 'packaging/dependencies').read_text()
    return re.findall(r'^build (\S+-dev)$', text, re.MULTILINE)


def sysroot(where):
    """Debian's packages for arm64, unpacked: nothing of them is run to set them up."""
    apt, root = where / 'apt', where / 'root'
    for name in ('etc/apt/apt.conf.d', 'etc/apt/preferences.d', 'var/lib/apt/lists/partial',
                 'var/cache/apt/archives/partial'):
        (apt / name).mkdir(parents=True)
    (apt / 'status').touch()
    (apt / 'etc/apt/sources.list').write_text(
        'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg arch=arm64] '
        f'{container.mirror()} {container.SUITE} main\n')
    (where / 'apt.conf').write_text(APT.format(apt))
    environment = {'APT_CONFIG': str(where / 'apt.conf'), 'PATH': '/usr/sbin:/usr/bin:/sbin:/bin'}
    support.run('apt-get', 'update', '-q', env=environment, timeout=200)
    support.run('apt-get', 'install', '-qy', '--download-only', 'libgcc-12-dev', *libraries(),
                env=environment, timeout=200)
    for package in (apt / 'var/cache/apt/archives').glob('*.deb'):
        support.run('dpkg-deb', '-x', package, root)
    return root


def built(where, root):
    text = CROSS.format(root)
    if not shutil.which('ccache'):
        text = text.replace("['ccache', 'aarch64-linux-gnu-gcc']", "'aarch64-linux-gnu-gcc'")
    (where / 'cross.ini').write_text(text)
    support.run('meson', 'setup', where / 'build', SOURCE, '--cross-file', where / 'cross.ini',
                '-Dtests=false', timeout=120)
    support.run('ninja', '-C', where / 'build', timeout=900)
    return where / 'build'


def test_all_of_it_builds_and_the_client_runs():
    for program in ('aarch64-linux-gnu-gcc', 'qemu-aarch64-static'):
        if not shutil.which(program):
            raise support.Skip(f'{program} is not installed')
    with support.directory() as where:
        root = sysroot(where)
        build = built(where, root)
        for name in ('perfctl', 'perfd', 'perfd-elf-worker', 'perfd-store'):
            header = support.run('readelf', '-h', build / name).out
            check('AArch64' in header, f'{name}: {header}')
        emulated = ('qemu-aarch64-static', '-L', root, build / 'perfctl')
        recorded = support.record(where, '-F', 499, '--', 'sh', '-c', 'seq 300000 | sort -R >/dev/null')
        check(recorded.ledger['kept'] > 50, recorded.ledger)
        for suffix in ('folded', 'svg', 'json', 'perf', 'speedscope.json'):
            here, there = where / f'here.{suffix}', where / f'there.{suffix}'
            support.perfctl('convert', recorded.profile, here)
            support.run(*emulated, 'convert', recorded.profile, there)
            check(here.read_bytes() == there.read_bytes(), f'{suffix} differs')
        table = support.perfctl('hotspots', recorded.profile).out
        check(support.run(*emulated, 'hotspots', recorded.profile).out == table, 'another ranking')
        done = support.run('qemu-aarch64-static', '-L', root, build / 'perfd', '--socket',
                           pathlib.Path('/nonexistent/socket'), expect=1)
        check('cannot sample on aarch64' in done.err, done.err)


if __name__ == '__main__':
    support.main(globals())
