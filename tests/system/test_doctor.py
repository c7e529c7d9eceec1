# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong in practice, made to be so for one perfctl: it is found, and the mend is said."""

import ctypes
import errno
import os
import pathlib

import fuse
import support
from support import check

CONF = '[continuous]\nenabled = yes\nwindow = 1s\n[store]\npath = {}\n'


def findings(done):
    return {c['check']: c for c in support.load_json(done.out)['checks']}


def doctor(script='true', expect=None, **options):
    """{check: finding} of a perfctl whose mounts `script` has changed; nobody listens where it asks."""
    done = support.run('unshare', '--mount', 'sh', '-euc', script + '; exec "$0" "$@"', support.PERFCTL,
                       'doctor', '--json', '--socket', '/nonexistent/socket', expect=expect, **options)
    return findings(done)


def stands(found, name, state, *words):
    check(found[name]['state'] == state, f'{name} is not {state}: {found[name]}')
    text = f'{found[name]["found"]} → {found[name].get("mend", "")}'
    check(all(word in text for word in words), f'{name} does not say {words}: {text}')


def over(path, text):
    """A shell's commands that put a file with this text in the place of one that is there."""
    return f"printf '%s\\n' '{text}' >/run/text; mount --bind /run/text {path}"


def hiding(path, *more):
    """The same with nothing, or what `more` makes, in the place of a directory."""
    return '; '.join([f'mount -t tmpfs none {path}', *more])


def test_a_sound_host_is_found_sound():
    found = doctor()
    for name in ('kernel', 'btf', 'lockdown', 'rights', 'seccomp', 'tracepoints'):
        stands(found, name, 'ok')
    # Only the daemon is missing, and a private one will do.
    stands(found, 'daemon', 'note', 'private perfd')
    check('store' not in found, 'a store, without a daemon')


def test_no_btf():
    stands(doctor(hiding('/sys/kernel/btf'), expect=1), 'btf', 'bad', 'CONFIG_DEBUG_INFO_BTF')


def test_lockdown():
    for text, state, words in (
            ('none integrity [confidentiality]', 'bad', ('may not read memory', 'lockdown=integrity')),
            ('none [integrity] confidentiality', 'ok', ('integrity',)),
            ('[none] integrity confidentiality', 'ok', ('none',))):
        found = doctor(hiding('/sys/kernel/security', f"echo '{text}' >/sys/kernel/security/lockdown"))
        stands(found, 'lockdown', state, *words)


def test_settings():
    # In /run of their own: the texts are no files of this host.
    private = 'mount -t tmpfs none /run; '
    settings = '/proc/sys/kernel'
    stands(doctor(private + over(f'{settings}/perf_event_paranoid', 3)), 'paranoid', 'note',
           'perf_event_paranoid is 3', 'sysctl kernel.perf_event_paranoid=1')
    stands(doctor(private + over(f'{settings}/perf_event_paranoid', 1)), 'paranoid', 'ok')
    stands(doctor(hiding('/sys/kernel/tracing') + '; ' + hiding('/sys/kernel/debug')), 'tracepoints',
           'note', 'mount -t tracefs')


def test_no_debug_symbols():
    stands(doctor('mkdir -p /usr/lib/debug; ' + hiding('/usr/lib/debug')), 'debug', 'note',
           'install their debug symbols')


def test_missing_capabilities():
    done = support.run('setpriv', '--bounding-set=-bpf,-perfmon', '--inh-caps=-bpf,-perfmon',
                       support.PERFCTL, 'doctor', '--json', '--socket', '/nonexistent', expect=1)
    stands(findings(done), 'rights', 'note', 'without CAP_PERFMON CAP_BPF', 'container')
    stands(findings(done), 'daemon', 'bad')
    done = support.run(*support.as_stranger(support.PERFCTL, 'doctor', '--json', '--socket',
                                            '/nonexistent'), expect=1)
    stands(findings(done), 'rights', 'note', 'start perfd.service')


def filtered():
    """In the child: what many containers' filters are, which say EPERM."""
    library = ctypes.CDLL('libseccomp.so.2')
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(0x7fff0000)))
    for name in (b'bpf', b'perf_event_open'):
        library.seccomp_rule_add(rules, ctypes.c_uint32(0x00050000 | errno.EPERM),
                                 library.seccomp_syscall_resolve_name(name), 0)
    os._exit(1) if library.seccomp_load(rules) else None


def test_a_seccomp_filter():
    found = doctor(expect=1, preexec_fn=filtered)
    stands(found, 'seccomp', 'note', 'forbids bpf and perf_event_open', "container's filter")
    stands(found, 'daemon', 'bad')


def test_an_old_kernel():
    done = support.run('setarch', '--uname-2.6', support.PERFCTL, 'doctor', '--json', expect=1)
    stands(findings(done), 'kernel', 'bad', 'boot Linux 6.1')


def test_no_counter_of_cycles():
    """A machine has one or has none: either is said."""
    has = pathlib.Path('/sys/bus/event_source/devices/cpu').exists()
    stands(doctor(), 'cycles', 'ok' if has else 'note', *([] if has else ['cpu-clock']))


def examined(daemon, program):
    """Of a process that has mapped its program: where that has begun, it need not be so yet."""
    maps = pathlib.Path(f'/proc/{program.pid}/maps')
    support.wait_until(lambda: ' r-xp ' in maps.read_text(), 'it is mapped')
    return findings(daemon.perfctl('doctor', '--json', '-p', program.pid))


def test_no_unwind_tables_and_no_names():
    """A program without either, and the same stripped of all names."""
    with support.directory() as where, support.daemon() as daemon:
        source = where / 'bare.c'
        source.write_text('int main(void) { for (volatile long i = 0;; i++); }\n')
        for name, options in (('bare', []), ('stripped', ['-s'])):
            support.run('gcc', '-O2', '-fno-asynchronous-unwind-tables', '-nostartfiles', '-static',
                        '-nostdlib', '-Wl,-emain', *options, source, '-o', where / name)
            with support.started(where / name) as program:
                found = examined(daemon, program)
            stands(found, str(where / name), 'note', 'needs frame pointers',
                   '-fasynchronous-unwind-tables')
            stripped = 'no names' in found[str(where / name)]['found']
            check(stripped == (name == 'stripped'), found)


def test_a_program_in_a_file_system_of_user_space():
    with support.directory() as where, support.daemon() as daemon:
        (where / 'fuse').mkdir()
        files = {'spin': (support.PROGRAMS / 'spin').read_bytes()}
        with fuse.mounted(where / 'fuse', files), support.started(where / 'fuse/spin', 20) as program:
            found = examined(daemon, program)
        stands(found, str(where / 'fuse/spin'), 'note', 'FUSE', 'copy it to a disk')


def test_a_full_store():
    with support.directory() as where:
        full = where / 'full'
        full.mkdir()
        support.run('mount', '-t', 'tmpfs', '-o', 'size=256k', 'none', full)
        try:
            full.chmod(0o777)
            (where / 'perfd.conf').write_text(CONF.format(full / 'profiles.db'))
            with support.daemon('--config', where / 'perfd.conf') as daemon:
                with open(full / 'ballast', 'wb') as file, support.redis():
                    try:
                        while True:
                            os.write(file.fileno(), b'x' * 4096)
                    except OSError:
                        pass

                    def store():
                        return findings(daemon.perfctl('doctor', '--json'))['store']

                    support.wait_until(lambda: store()['state'] == 'note', 'a full store', 15)
                found = findings(daemon.perfctl('doctor', '--json'))
                stands(found, 'store', 'note', 'full', 'make room')
        finally:
            support.run('umount', '-l', full)


def test_no_store():
    with support.daemon() as daemon:
        stands(findings(daemon.perfctl('doctor', '--json')), 'store', 'ok', 'off')


if __name__ == '__main__':
    support.main(globals())
