# SPDX-License-Identifier: GPL-2.0-or-later
"""What `meson install` brings, where it was meant to lie: the programs find each other there, the
units name what is there, and each file has the rights that it should have."""

import json
import os
import pathlib
import re
import stat

import support


def option(name):
    """An option that the build was set up with."""
    done = support.run('meson', 'introspect', '--buildoptions', support.BUILD)
    return next(row['value'] for row in json.loads(done.out) if row['name'] == name)


def installed(where):
    """Installs below `where`. Returns the prefix."""
    support.run('meson', 'install', '--no-rebuild', '-C', support.BUILD,
                env={**os.environ, 'DESTDIR': str(where)})
    return pathlib.Path(option('prefix'))


def at_prefix(where, prefix, script, **options):
    """Runs a shell's script where what was installed lies at its prefix, and only there."""
    return support.run('unshare', '--mount', 'sh', '-euc',
                       f'mount --bind "$0" "$1"; shift; {script}', f'{where}{prefix}', prefix,
                       env={**os.environ, 'PATH': f'{prefix}/bin:{prefix}/sbin:/usr/sbin:/usr/bin:/bin'},
                       **options)


def test_programs_find_each_other():
    with support.directory() as where, support.directory() as out:
        prefix = installed(where)
        if not prefix.is_dir():
            raise support.Skip(f'there is no {prefix} to mount on')
        at_prefix(where, prefix, f'''
            cd /
            [ "$(command -v perfctl)" = {prefix}/bin/perfctl ]
            perfd --version
            perfd --check-config --config {prefix / option("sysconfdir")}/perfd/perfd.conf
            perfctl record --no-daemon -F 999 -o {out}/it.folded -- \
                sh -c 'seq 200000 | sort -R >/dev/null' ''')
        stacks = support.folded((out / 'it.folded').read_text())
        # A private perfd was found, and so was its worker, which names libc's functions.
        named = [stack for stack, _ in stacks if re.fullmatch(r'[a-z_]\w+', stack[-1])]
        support.check(named, f'nothing has a name: {stacks[:20]}')


def test_units_name_what_is_there():
    with support.directory() as where:
        prefix = installed(where)
        below = pathlib.Path(f'{where}{prefix}')
        unit = (below / 'lib/systemd/system/perfd.service').read_text()
        program = re.search(r'^ExecStart=(\S+)', unit, re.MULTILINE)[1]
        support.check(os.access(f'{where}{program}', os.X_OK), f'{program} is not installed')
        support.check((below / 'sbin/perfd').is_symlink(), 'there is no perfd in sbin')
        support.check(os.readlink(below / 'sbin/perfd') == program, 'sbin/perfd is another')
        for path in ('lib/sysusers.d/perfd.conf', 'lib/tmpfiles.d/perfd.conf',
                     'lib/systemd/system/perfd.socket', 'share/man/man1/perfctl-record.1',
                     'share/man/man8/perfd.8', 'share/man/man5/perfd.conf.5'):
            support.check((below / path).exists(), f'{path} is not installed')


def test_nobody_else_may_write_there():
    with support.directory() as where:
        installed(where)
        for path in where.rglob('*'):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            support.check(not mode & 0o7022, f'{path} has mode {mode:o}')


if __name__ == '__main__':
    support.main(globals())
