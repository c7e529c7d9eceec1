# SPDX-License-Identifier: GPL-2.0-or-later
"""Units as they are in earnest: pre-forking servers that are restarted while they are recorded, and
storms of processes that are gone before anybody can look at them."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import time

import loads
import support
from support import PERFCTL, PROGRAMS, check, started

LIVES = 5


class Recorded(support.Recording):
    """With whose samples they are."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        text = self.profile.with_suffix('').with_suffix('.perf')
        support.perfctl('convert', self.profile, text)
        found = re.findall(r'^(\S.*?)\s+(\d+)/(\d+)\s', text.read_text(), re.MULTILINE)
        check(len(found) == self.ledger['kept'], f'{len(found)} heads: {self.ledger}')
        self.names = {name for name, _, _ in found}
        self.pids = {int(pid) for _, pid, _ in found}


@contextlib.contextmanager
def recording(where, daemon, *target, frequency=997):
    """Records until the end of the block; what it brought is in the list that is yielded."""
    found = []
    outputs = [word for suffix in ('folded', 'pb.gz', 'svg')
               for word in ('-o', where / f'recorded.{suffix}')]
    with started(PERFCTL, 'record', '--socket', daemon.socket, '--json', *target, '-F', frequency,
                 *outputs, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        support.wait_until(lambda: '"state":"recording"' in daemon.perfctl(
            'list', '--json').out.replace(' ', ''), 'it records')
        yield found
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    done = type('Done', (), {'out': out.decode(), 'err': err.decode(errors='replace')})
    found.append(Recorded(done, where))


def used(unit):
    """Seconds of CPU that the group has used, in this life."""
    return int(re.search(r'usage_usec (\d+)', (unit / 'cpu.stat').read_text())[1]) / 1e6


def remove(unit):
    support.wait_until(lambda: not (unit / 'cgroup.procs').read_text(), 'it is empty')
    seconds = used(unit)
    unit.rmdir()
    return seconds


def is_all(recorded, seconds, frequency=997):
    """What control groups count against what was sampled; both see interrupts in their own way. A
    machine that stands still for a while is no time of the group's, but ticks were missed."""
    expected = seconds * frequency
    tolerance = 0.15 * expected + 5 * expected ** 0.5
    taken, missed = recorded.ledger['taken'], recorded.ledger['missed']
    check(taken < expected + tolerance and taken + missed > expected - tolerance,
          f'{taken} of {expected:.0f} ticks in {seconds} s, {missed} missed: {recorded.ledger}')


@contextlib.contextmanager
def database():
    """(how it is started, how its load is started)"""
    binaries = support.postgres_bin()
    as_postgres = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
    with support.directory(0o777) as where:
        data = where / 'data'
        client = ['-h', where, '-U', 'postgres']
        support.run(*as_postgres, binaries / 'initdb', '-D', data, '-A', 'trust', '--no-sync')
        server = [*as_postgres, binaries / 'postgres', '-D', data, '-k', where, '-h', '', '-c',
                  'fsync=off']

        def is_ready():
            return support.run(binaries / 'pg_isready', *client, expect=None).returncode == 0

        with started(*server) as process:
            support.wait_until(is_ready, 'postgres', 30)
            support.run(binaries / 'pgbench', *client, '-i', '-s', '1', '-q', 'postgres')
            process.send_signal(signal.SIGINT)
            process.wait(30)
        yield server, [binaries / 'pgbench', *client, '-S', '-c', '2', '-C', '-T', '600',
                       'postgres'], is_ready


@contextlib.contextmanager
def web_server():
    with loads.nginx_server(3) as (server, port):
        def is_ready():
            with socket.socket() as probe:
                return probe.connect_ex(('127.0.0.1', port)) == 0

        yield (server, ['ab', '-q', '-r', '-c', '4', '-t', '600', '-n', '9000000',
                        f'http://127.0.0.1:{port}/'], is_ready)


def lives_of(service, name, stop):
    """A service is started again LIVES times under its load, which is no part of it."""
    with service() as (server, load, is_ready), support.directory() as where, \
            support.daemon() as daemon, support.control_groups() as groups, \
            started(PROGRAMS / 'spin', 60):
        unit = groups / f'{name}.service'
        unit.mkdir()
        seconds = 0
        with recording(where, daemon, '-u', name) as found:
            for _ in range(LIVES):
                with started(*support.in_group(unit, *server)) as process:
                    support.wait_until(is_ready, name, 30)
                    with started(*load):
                        time.sleep(0.7)
                        # One of its workers dies, and has a successor.
                        os.kill(support.children(process.pid)[-1], signal.SIGTERM)
                        time.sleep(0.3)
                        process.send_signal(stop)
                        process.wait(30)
                seconds += remove(unit)
        print(f'  {name}: {found[0].ledger["taken"]} samples in {seconds:.2f} s, of '
              f'{len(found[0].pids)} processes', flush=True)
        check(found[0].names <= {name, 'sh', 'setpriv', 'env'}, found[0].names)
        check(len(found[0].pids) >= 2 * LIVES, found[0].pids)
        is_all(found[0], seconds)


def test_a_database_that_is_restarted_five_times():
    lives_of(database, 'postgres', signal.SIGINT)


def test_a_web_server_that_is_restarted_five_times():
    lives_of(web_server, 'nginx', signal.SIGTERM)


def storm(rate, seconds, where, *wrapper):
    """The pids of the storm's processes, in order."""
    with open(where / 'pids', 'wb') as out:
        support.run(*wrapper, 'sh', '-c', 'exec "$@" > "$0"', where / 'pids', PROGRAMS / 'storm',
                    rate, seconds, '/bin/true')
    return [int(line) for line in (where / 'pids').read_text().split()]


def test_a_storm_of_short_processes_at_half_the_rate_there_can_be():
    """Hundreds in a second, most of them gone before user space hears of them. All that is sampled is
    the storm's and is named so, and what was lost is counted."""
    with support.directory(0o777) as where, support.daemon() as daemon, \
            support.control_groups() as groups, started(PROGRAMS / 'spin', 60):
        unit = groups / 'storm.service'
        rate = len(storm(0, 1, where)) / 1 / 2
        unit.mkdir()
        with recording(where, daemon, '-u', 'storm', frequency=4999) as found:
            pids = storm(rate, 5, where, *support.in_group(unit))
            seconds = remove(unit)
        recorded = found[0]
        print(f'  {rate:.0f} a second, {len(pids)} in all, {seconds:.2f} s of CPU: '
              f'{recorded.ledger}', flush=True)
        check(len(pids) > 0.7 * 5 * rate, f'{len(pids)} at {rate} a second')
        # One that is caught while its name is being replaced still has the end of the one before.
        check(recorded.names <= {'storm', 'true', 'sh', 'ttorm', 'trorm', 'trurm', 'truem'},
              recorded.names)
        ours = set(pids)
        strangers = recorded.pids - ours
        # The shell that became the storm.
        check(len(strangers) <= 1, f'{strangers} are none of the storm')
        check(len(recorded.pids & ours) > len(ours) / 10, 'hardly any of them was met')
        is_all(recorded, seconds, 4999)


if __name__ == '__main__':
    support.main(globals())
