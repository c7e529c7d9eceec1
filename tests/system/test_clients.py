# SPDX-License-Identifier: GPL-2.0-or-later
"""A client that we did not write, varlink-go with code generated from the interface, against the
real perfd."""

import pathlib
import re

import support
from support import PROGRAMS, check, started

CLIENT = pathlib.Path(__file__).resolve().parent.parent / 'protocol' / 'go-client'


def test_a_client_in_go_records_and_fetches():
    with support.directory() as where, support.daemon() as daemon, \
            started(PROGRAMS / 'spin', 300) as program:
        environment = {'PATH': '/usr/local/bin:/usr/bin:/bin', 'HOME': str(where)}
        done = support.run(CLIENT, daemon.socket, program.pid, expect=None, timeout=280,
                           env=environment)
        if done.returncode == 77:
            raise support.Skip(done.err.strip())
        check(done.returncode == 0, done.out + done.err)
        found = re.search(r'(\d+) samples, (\d+) hotspots', done.out)
        check(found and int(found[1]) > 20 and int(found[2]) >= 3, done.out)
        # As far as perfd is concerned it has gone.
        support.wait_until(lambda: support.load_json(
            daemon.perfctl('status', '--json').out)['clients'] == 1, 'its connection is closed')


if __name__ == '__main__':
    support.main(globals())
