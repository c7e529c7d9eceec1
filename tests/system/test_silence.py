# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon that accepts and says nothing is given up on in bounded time. This waits and does no more:
it needs no privilege and runs beside others."""

import os
import subprocess
import time

import support
from support import PERFCTL, check

PATIENCE_SECONDS = 75


def test_a_silent_daemon_is_given_up():
    with support.directory() as where, support.listener(where / 'silent', lambda peer: None):
        start = time.monotonic()
        clients = [
            subprocess.Popen([str(word) for word in (PERFCTL, *words, '--socket', where / 'silent')],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
            for words in (['record', '-p', os.getpid(), '-d', 1, '-o', where / 'x.folded'],
                          ['stop', '1', '-o', where / 'y.folded'], ['status'])]
        for client in clients:
            _, err = client.communicate(timeout=PATIENCE_SECONDS)
            check(client.returncode == 6 and b'not answered' in err, (client.args, err))
        check(time.monotonic() - start < PATIENCE_SECONDS, 'it took too long')
        check([p.name for p in where.iterdir()] == ['silent'], list(where.iterdir()))


if __name__ == '__main__':
    support.main(globals(), as_root=False)
