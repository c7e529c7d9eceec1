# SPDX-License-Identifier: GPL-2.0-or-later
"""Units of a systemd that runs: in a booted container, which this host's perfd sees as it sees its own
services. They are restarted while they are recorded, and beside them runs what is none of them."""

import re
import shutil
import time

import container
import support
from support import PROGRAMS, check
from test_units import LIVES, is_all, recording

# A master and two workers of it, which it starts again when they end; its own work is in each life.
SERVER = """#!/bin/sh
trap 'kill $one $two; exit 0' TERM
while :; do
    /usr/local/bin/spin-alpha 0.3 & one=$!
    /usr/local/bin/spin-alpha 0.4 & two=$!
    wait $one; wait $two
done
"""
UNITS = {'web': '/usr/local/bin/server', 'other': '/usr/local/bin/spin-beta 1000'}


def prepare(root):
    place = root / 'usr/local/bin'
    for name in ('spin-alpha', 'spin-beta'):
        shutil.copy(PROGRAMS / name, place / name)
    (place / 'server').write_text(SERVER)
    (place / 'server').chmod(0o755)
    for name, command in UNITS.items():
        (root / f'etc/systemd/system/{name}.service').write_text(
            f'[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={command}\nSlice=shop.slice\n')


def group_of(groups, unit):
    """Where the unit's processes are, as this host sees it."""
    found = list(groups.parent.rglob(f'{unit}.service'))
    check(len(found) == 1, f'groups of {unit}: {found}')
    return found[0]


def used(group):
    return int(re.search(r'usage_usec (\d+)', (group / 'cpu.stat').read_text())[1]) / 1e6


def pids_of(group):
    return {int(pid) for pid in (group / 'cgroup.procs').read_text().split()}


def restarted(system, groups, target, where, daemon):
    """What was recorded of it, the processes that were met in it, and its seconds of CPU."""
    met, seconds = set(), 0
    before = used(group_of(groups, 'web'))
    with recording(where, daemon, *target) as found:
        for life in range(LIVES + 1):
            group = group_of(groups, 'web')
            for _ in range(8):
                time.sleep(0.1)
                met |= pids_of(group)
            seconds += used(group)
            if life < LIVES:
                inode = group.stat().st_ino
                system.run('systemctl restart web')
                if group_of(groups, 'web').stat().st_ino == inode:
                    seconds -= used(group)  # it counts on
    return found[0], met, seconds - before


def test_a_unit_that_systemd_restarts_five_times():
    with support.directory() as root, support.directory() as where, support.daemon() as daemon, \
            support.control_groups() as groups:
        container.bootstrap(root)
        prepare(root)
        with container.booted(root) as system:
            system.run('systemctl start web other')
            recorded, met, seconds = restarted(system, groups, ['-u', 'web'], where, daemon)
            others = pids_of(group_of(groups, 'other'))
            print(f'  {recorded.ledger["taken"]} samples in {seconds:.2f} s, of '
                  f'{len(recorded.pids)} processes named {sorted(recorded.names)}', flush=True)
            check(not recorded.pids & others, 'the other unit was recorded')
            # systemd's child that becomes the service has its name in parentheses until then.
            check(recorded.names <= {'server', 'spin-alpha', '(server)', 'systemd', 'sh'},
                  recorded.names)
            check(len(recorded.pids & met) >= 2 * LIVES, f'{recorded.pids} of {met}')
            recorded.has('spin-alpha', 'alpha_leaf')
            check('beta' not in recorded.text, recorded.text[:2000])
            is_all(recorded, seconds)


if __name__ == '__main__':
    support.main(globals())
