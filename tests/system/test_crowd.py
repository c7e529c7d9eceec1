# SPDX-License-Identifier: GPL-2.0-or-later
"""Many clients of one perfd at once: some slow, some hostile. The others get what they asked for,
complete; perfd's memory stays bounded, and it is afterwards as it was before."""

import contextlib
import json
import os
import pathlib
import re
import socket as sockets
import subprocess
import threading
import time

import support
from support import PERFCTL, PROGRAMS, as_stranger, check, started

FULL = os.environ.get('PERFCTL_FULL')
HONEST, SLOW, SECONDS = 14, 4, 4
CONNECTIONS = 10000 if FULL else 2000
ROUNDS = 1000 if FULL else 100
# perfd itself stays below 640 MiB, says perfd(8), if all use up their shares; this takes far less.
MEMORY_MAX = 192 << 20
CROWD = r'''
import socket, sys
path, n = sys.argv[1], int(sys.argv[2])
held, refused = [], 0
for i in range(n):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(1)
    try:
        client.connect(path)
        if i % 3 == 0:
            client.sendall(b'{"method":"org.perfctl.profiler.GetStatus"')
        held.append(client)
    except OSError:
        refused += 1
        client.close()
    if len(held) > 500:
        held.pop(0).close()
print(refused)
'''
GARBAGE = r'''
import os, socket, sys, time
end = time.monotonic() + float(sys.argv[2])
n = 0
while time.monotonic() < end:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(1)
    try:
        client.connect(sys.argv[1])
        client.sendall([os.urandom(5000), b'{}\0' * 1000, b'[' * 100000 + b'\0', b'x' * 300000,
            b'{"method":"org.perfctl.profiler.ListRecordings","parameters":{}}\0' * 300,
            b'{"method":"org.perfctl.profiler.Record","parameters":{"target":{"pids":[-1]}}}\0'][n % 6])
        client.recv(100)
    except OSError:
        pass
    client.close()
    n += 1
    time.sleep(0.01)
print(n)
'''


def memory(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return int(re.search(r'VmHWM:\s+(\d+) kB', status)[1]) * 1024


class Reader(threading.Thread):
    """Records, asks for the profile, and takes it by the byte."""

    def __init__(self, path, pid):
        super().__init__(daemon=True)
        self.path, self.pid, self.taken = path, pid, 0
        self.over = False

    def call(self, client, method, **parameters):
        client.sendall(json.dumps({'method': f'org.perfctl.profiler.{method}', 'parameters':
                                   parameters}).encode() + b'\0')

    def run(self):
        with contextlib.suppress(OSError), sockets.socket(sockets.AF_UNIX) as client:
            client.settimeout(0.5)
            client.connect(str(self.path))
            while not self.over:
                self.call(client, 'GetStatus')
                with contextlib.suppress(TimeoutError):
                    self.taken += len(client.recv(1))
                time.sleep(0.02)


def record_all(where, daemon, targets):
    """All at once, at different rates; what each of them got."""
    recordings = []
    for number in range(HONEST):
        rate = (99, 199, 499)[number % 3]
        recordings.append((number, rate, subprocess.Popen(
            [str(word) for word in (PERFCTL, 'record', '--socket', daemon.socket, '-p',
                                    targets[number % len(targets)].pid, '-F', rate, '-d', SECONDS,
                                    '--json', '-o', where / f'{number}.folded', '-o',
                                    where / f'{number}.pb.gz')],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)))
    for number, rate, process in recordings:
        out, err = process.communicate(timeout=60)
        check(process.returncode == 0, f'{number}: {err.decode(errors="replace")}')
        summary = json.loads(out)
        ledger = support.ledger_adds_up(summary)
        counted = sum(n for _, n in support.folded((where / f'{number}.folded').read_text()))
        expected = summary['conditions']['scheduler_ns'] * rate / 1e9
        check(counted == ledger['kept'] and not sum(ledger['lost'].values()), ledger)
        check(ledger['kept'] > 0.75 * expected - 5 * expected ** 0.5,
              f'{number}: {ledger["kept"]} samples where about {expected:.0f} should be')


def test_the_honest_are_served_beside_the_slow_and_the_hostile():
    with support.directory() as where, support.daemon() as daemon, contextlib.ExitStack() as stack:
        targets = [stack.enter_context(started(PROGRAMS / 'spin', 120)) for _ in range(3)]
        daemon.perfctl('record', '-q', '-p', targets[0].pid, '-d', 0.5, '-o', where / 'x.folded')
        fds = daemon.n_fds()
        slow = [Reader(daemon.socket, targets[0].pid) for _ in range(SLOW)]
        for reader in slow:
            reader.start()
        garbage = stack.enter_context(started(*as_stranger(
            '/usr/bin/python3', '-c', GARBAGE, daemon.socket, SECONDS + 3)))
        crowd = stack.enter_context(started(*as_stranger(
            '/usr/bin/python3', '-c', CROWD, daemon.socket, CONNECTIONS), stdout=subprocess.PIPE))
        record_all(where, daemon, targets)
        for reader in slow:
            reader.over = True
            reader.join(10)
            check(reader.taken > 20, f'the slow got {reader.taken} bytes')
        refused = int(crowd.communicate(timeout=120)[0])
        garbage.wait(60)
        print(f'  memory {memory(daemon.pid) >> 20} MiB at most; of {CONNECTIONS} connections '
              f'{refused} were refused', flush=True)
        check(memory(daemon.pid) < MEMORY_MAX, 'perfd has grown')
        support.wait_until(lambda: daemon.n_fds() <= fds + 8,
                           f'{daemon.n_fds()} descriptors come back to {fds}', 20)


def test_many_rounds_leave_nothing_behind():
    with support.directory() as where, support.daemon() as daemon, \
            started(PROGRAMS / 'spin', 600) as program:
        def a_round():
            daemon.perfctl('record', '-q', '-p', program.pid, '-d', 0.02, '-o', where / 'x.folded')

        for _ in range(20):
            a_round()
        def held():
            return daemon.n_fds(), len(daemon.children()), objects(daemon)

        before, after = held(), None
        for _ in range(3):
            for _ in range(ROUNDS):
                a_round()
            after = held()
            print(f'  fds, helpers, entries of maps: {before} -> {after}', flush=True)
            # A busy moment starts workers, which stay: once. What is left behind is so each time.
            if after[0] <= before[0] + 2 and after[1] <= before[1]:
                break
            before = after[0], after[1], before[2]
        else:
            check(False, 'descriptors or helpers grow')
        check(after[2] <= before[2], (before, after))


def objects(daemon):
    """Entries in perfd's maps of targets and files, as bpftool counts them."""
    total = 0
    for path in pathlib.Path(f'/proc/{daemon.pid}/fdinfo').iterdir():
        with contextlib.suppress(OSError):
            words = dict(line.split(':', 1) for line in path.read_text().splitlines())
            # linux/bpf.h: BPF_MAP_TYPE_HASH
            if int(words.get('map_type', 0)) == 1:
                shown = support.run('bpftool', '-j', 'map', 'dump', 'id', words['map_id'].strip())
                total += len(support.load_json(shown.out))
    return total


if __name__ == '__main__':
    support.main(globals())
