# SPDX-License-Identifier: GPL-2.0-or-later
"""The README's commands, pasted line by line into one shell of a new user on a fresh Debian: each ends
as it should, and says what the README shows. What a reader would put there instead (a process's id, the
time of day, their own program) is put there, and the files that the README speaks of are made before."""

import contextlib
import re
import selectors
import subprocess
import time

import container
import support
from support import check

SOURCE = container.SOURCE
USER = 'newcomer'
SPIN = 'while :; do seq 20000 | sort -R | md5sum >/dev/null; done'
# How long one line may take: the first installs compilers, and builds.
SECONDS = 900
# What a continuous integration of its own runs on each commit, and takes as long as that.
LEFT_OUT = ('sudo ./tests/run',)
# A gate may be closed.
GATES = {'diff': (0, 3), 'report': (0, 3)}
SHELL_BLOCK = re.compile(r'^```\n((?:\$ |sudo |meson ).*?)^```$', re.MULTILINE | re.DOTALL)

SYSTEM = f'''
apt-get update -q
apt-get install -qy --no-install-recommends sudo git ca-certificates linux-perf
useradd -m -s /bin/bash {USER}
echo '{USER} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{USER}
useradd -r postgres
cp /bin/dash /opt/postgres
echo "127.0.1.1 $(hostname)" >>/etc/hosts
'''
# Services, and something of the user's own.
LOADS = f'''
systemd-run -q --unit=nginx -p User=www-data -p CPUQuota=30% sh -c '{SPIN}'
systemd-run -q --unit=database -p User=postgres /opt/postgres -c 'while :; do :; done'
systemd-run -q --unit=own -p User={USER} sh -c '{SPIN}'
'''
# What the README's reader has recorded already, and what they work on.
FILES = '''
printf '#!/bin/sh\\nseq 100000 | sort -R | md5sum\\n' >service-old; cp service-old service-new
chmod +x service-old service-new
for name in before after newer; do
    sudo build/perfctl record -q --runs 3 -F 999 -o $name.pb.gz -- ./service-old
done
sudo perf record -q -e cpu-clock -g -o perf.data -- ./service-old; sudo chown $USER perf.data
'''


def commands(text):
    """[(command, [lines of what it says])] of all blocks that are meant for a shell."""
    found = []
    for block in SHELL_BLOCK.findall(text):
        lines = block.rstrip('\n').split('\n')
        is_transcript = lines[0].startswith('$ ')
        for line in lines:
            if line.startswith('$ ') or not is_transcript:
                found.append((line.removeprefix('$ '), []))
            else:
                found[-1][1].append(line)
    return found


def words(line):
    return re.findall(r'\b[^\W\d_]{3,}\b', line)


def looks_like(shown, said):
    """Are most words of each line that is shown in some line of what was said? Numbers and names differ
    from machine to machine, and what was lost from run to run: one line of five may be missing. The
    lines that are, if they are more, or None."""
    lines = [line for line in shown if words(line)]
    missing = [line for line in lines
               if not any(sum(word in words(other) for word in words(line)) >= 0.6 * len(words(line))
                          for other in said)]
    return missing if len(missing) > len(lines) / 5 else None


class Shell:
    """The one that the lines are pasted into: what they set, and what they start, stays."""

    def __init__(self, system):
        self.process = subprocess.Popen(
            ['nsenter', '-t', str(system.init), '-a', 'env', '-i', 'PATH=/usr/bin:/bin:/usr/sbin:/sbin',
             'LC_ALL=C.UTF-8', f'HOME=/home/{USER}', f'USER={USER}', 'setpriv', f'--reuid={USER}',
             f'--regid={USER}', '--init-groups', 'bash'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.run(f'cd /home/{USER}/perfctl', 10)

    def run(self, line, seconds=SECONDS):
        """(exit status, lines). What reads from its standard input finds none, and not our lines."""
        self.process.stdin.write(f'{{ {line}\n}} </dev/null\necho "@@ended $?"\n'.encode())
        self.process.stdin.flush()
        said, deadline = b'', time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while not re.search(rb'^@@ended \d+$', said, re.MULTILINE):
                check(selector.select(deadline - time.monotonic()), f'{line}: no end:\n{said.decode()}')
                piece = self.process.stdout.read1()
                check(piece, f'{line}: the shell ended:\n{said.decode(errors="replace")}')
                said += piece
        text, _, status = said.decode(errors='replace').rpartition('@@ended ')
        return int(status), text.rstrip('\n').split('\n')


class Reader:
    """Puts in place of what the README names what there is here."""

    def __init__(self, system):
        self.system = system
        self.middle = None

    def clock(self, at):
        return self.system.run(f'date -d @{int(at)} +%H:%M').out.strip()

    def replace(self, line):
        own = self.system.property('own.service', 'MainPID')
        line = re.sub(r'\bPID\b|\b4242\b', own, line)
        if 'store:' in line or '--since 14:00' in line:
            self.wait_for_two_sides()
        # None of these times is to come: that would be yesterday's.
        now = time.time()
        for shown, at in (('14:00', now - 300), ('14:10', now), ('13:05', self.middle or now)):
            line = line.replace(shown, self.clock(at))
        return line

    def wait_for_two_sides(self):
        """Times of day are whole minutes: some of what is kept lies before one, and some after it."""
        if not self.middle:
            time.sleep(25)
            self.middle = (time.time() // 60 + 1) * 60
            time.sleep(self.middle - time.time() + 25)


def paste(shell, reader, line, shown):
    if line in LEFT_OUT:
        print(f'  left out: {line}', flush=True)
        return
    start = time.monotonic()
    typed = reader.replace(line)
    status, said = shell.run(typed)
    command = re.search(r'perfctl (\w+)', line)
    allowed = GATES.get(command[1], (0,)) if command else (0,)
    print(f'  {status} {time.monotonic() - start:6.1f} s  {typed}', flush=True)
    check(status in allowed, f'{typed}: exit {status}\n' + '\n'.join(said[-60:]))
    missing = looks_like(shown, said)
    check(missing is None, f'{typed}: nothing like {missing!r} in\n' + '\n'.join(said))


def test_a_new_user_can_paste_the_readme():
    with support.directory() as root:
        container.bootstrap(root)
        container.chrooted(root, SYSTEM, timeout=600)
        home = root / f'home/{USER}'
        support.run('git', '-c', f'safe.directory={SOURCE}', 'clone', '-q', '--no-hardlinks', SOURCE,
                    home / 'perfctl')
        container.chrooted(root, f'chown -R {USER}: /home/{USER}')
        lines = commands((home / 'perfctl/README.md').read_text())
        check(len(lines) > 30, f'{len(lines)} commands in the README')
        with container.booted(root) as system:
            system.run(LOADS)
            shell, reader = Shell(system), Reader(system)
            with contextlib.closing(shell.process.stdin):
                paste(shell, reader, *lines[0])
                status, said = shell.run(FILES)
                check(status == 0, said)
                for line, shown in lines[1:]:
                    paste(shell, reader, line, shown)
            shell.process.wait(10)


if __name__ == '__main__':
    support.main(globals())
