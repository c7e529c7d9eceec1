# SPDX-License-Identifier: GPL-2.0-or-later
"""Another kernel, in an emulated machine: Debian's package of it, and an initial file system made of
what is installed here: our programs, the services under test, python, and these tests. No disk, no
network; what happens inside is told on the serial console."""

import os
import pathlib
import re
import shutil
import subprocess

import support

TESTS = pathlib.Path(__file__).resolve().parent
PROGRAMS = ('/bin/busybox', '/usr/bin/python3', '/usr/bin/redis-server', '/usr/bin/redis-benchmark',
            '/usr/sbin/nginx', '/usr/bin/ab')
# What python and pthread_cancel load by themselves, and who is who.
FILES = ('/lib/x86_64-linux-gnu/libgcc_s.so.1', '/etc/passwd', '/etc/group')
NOT_OF_PYTHON = {'test', '__pycache__', 'idlelib', 'lib2to3', 'ensurepip', 'pydoc_data', 'tkinter',
                 'dist-packages'}
DIRECTORIES = ('tmp', 'proc', 'sys', 'dev', 'run', 'root', 'var/log/nginx', 'var/lib/nginx')
APPLETS = ('sh', 'mount', 'ip', 'poweroff')
# Where the tests and what was built lie inside.
INSIDE = '/perfctl'

INIT = f"""#!/bin/sh
export PATH=/usr/bin:/usr/sbin:/bin:/sbin HOME=/root PYTHONDONTWRITEBYTECODE=1
export PERFCTL_BUILD={INSIDE}
{''.join(f'export {name}={os.environ[name]}' for name in ('PERFCTL_BASELINE',) if name in os.environ)}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t bpf bpf /sys/fs/bpf
mount -t tracefs tracefs /sys/kernel/tracing
ip link set lo up
/usr/bin/python3 {INSIDE}/tests/system/inside.py 2>&1
echo "inside: exit $?"
poweroff -f
"""


def version_key(package):
    return [int(n) for n in re.findall(r'\d+', package)]


def kernel(series, where):
    """The newest cloud kernel of this series that apt offers, unpacked: the path of its image."""
    pattern = rf'^linux-image-{re.escape(series)}\.[0-9][0-9a-z.+-]*-cloud-amd64$'
    found = support.run('apt-cache', 'search', '--names-only', pattern).out.split('\n')
    packages = [line.partition(' ')[0] for line in found if line]
    support.check(packages, f"apt offers no cloud kernel {series}: run 'apt-get update'; if that does "
                  'not help, add bookworm-security and bookworm-backports to the sources of apt')
    package = max(packages, key=version_key)
    support.run('apt-get', 'download', package, cwd=where, timeout=300)
    (archive,) = where.glob(f'{package}_*.deb')
    support.run('dpkg', '-x', archive, where)
    (image,) = (where / 'boot').glob(f'vmlinuz-{series}.*')
    return image


def libraries(programs):
    done = subprocess.run(['ldd', *programs], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          check=False, text=True)
    return set(re.findall(r'(/\S+) \(0x', done.stdout))


def python_files():
    real = pathlib.Path(os.path.realpath('/usr/bin/python3'))
    yield real
    for root, directories, names in os.walk(f'/usr/lib/{real.name}'):
        directories[:] = [d for d in directories
                          if d not in NOT_OF_PYTHON and not d.startswith('config-')]
        yield from (pathlib.Path(root) / name for name in names)


class Image:
    """A cpio archive as the kernel unpacks it (Documentation/driver-api/early-userspace/
    buffer-format.rst: "newc")."""

    def __init__(self, path):
        self.file = open(path, 'wb')
        self.n = 0
        self.names = set()

    def add(self, name, mode, data=b'', device=(0, 0)):
        if name in self.names:
            return
        self.names.add(name)
        parent = os.path.dirname(name)
        if parent:
            self.add(parent, 0o40755)
        self.n += 1
        name = name.encode() + b'\0'
        fields = (self.n, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(name), 0)
        self.file.write(b'070701' + b''.join(b'%08x' % field for field in fields) + name)
        self.file.write(b'\0' * (-(110 + len(name)) % 4) + data + b'\0' * (-len(data) % 4))

    def add_file(self, path, name=None):
        mode = 0o755 if os.access(path, os.X_OK) else 0o644
        self.add((name or str(path)).lstrip('/'), 0o100000 | mode, pathlib.Path(path).read_bytes())

    def close(self):
        self.add('TRAILER!!!', 0)
        self.file.close()


def image(path, extra):
    """Writes the initial file system; `extra` has more files, {name inside: path here}."""
    for program in (*PROGRAMS, 'qemu-system-x86_64'):
        support.check(shutil.which(program), f'{program} is not installed: run '
                      "'packaging/install-dependencies test full'")
    ours = {f'{INSIDE}/{p.name}': p for p in
            (support.PERFD, support.PERFCTL, support.WORKER, support.BUILD / 'perfd-store')}
    for name in ('bpf-programs', 'load-twice', 'libplugin-first.so', 'libplugin-second.so'):
        ours[f'{INSIDE}/tests/system/programs/{name}'] = support.PROGRAMS / name
    for pattern in ('*.py', '*.json'):
        ours |= {f'{INSIDE}/tests/system/{p.name}': p for p in TESTS.glob(pattern)}
    theirs = [*PROGRAMS, *(str(p) for p in python_files())]
    result = Image(path)
    for name in DIRECTORIES:
        result.add(name, 0o41777 if name == 'tmp' else 0o40755)
    result.add('dev/console', 0o20600, device=(5, 1))
    result.add('init', 0o100755, INIT.encode())
    for name in APPLETS:
        result.add(f'bin/{name}', 0o120777, b'busybox')
    for name, here in {**ours, **extra}.items():
        result.add_file(here, name)
    needed = [p for p in (*theirs, *map(str, ours.values()), *map(str, extra.values()))
              if os.access(p, os.X_OK) or '.so' in p]
    for name in (*theirs, *FILES, *sorted(libraries(needed))):
        result.add_file(name)
    result.close()


def boot(kernel_image, initial, seconds):
    """Boots and waits for the end; what was said on the console, line by line."""
    command = ['qemu-system-x86_64', '-accel', 'tcg', '-m', '2G', '-smp', '2', '-nodefaults',
               '-display', 'none', '-no-reboot', '-serial', 'stdio', '-kernel', kernel_image,
               '-initrd', initial, '-append', 'console=ttyS0 quiet panic=-1']
    process = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        said = process.communicate(timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        said = process.communicate()[0] + b'\nthe machine took too long'
    # Of the firmware's screen only the text is of interest.
    return re.sub(r'\x1b[^a-zA-Z]*[a-zA-Z]', '', said.decode(errors='replace')).splitlines()
