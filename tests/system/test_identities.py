# SPDX-License-Identifier: GPL-2.0-or-later
"""Who a sample is of is told once and then only when it changes: a program that closes itself to other
processes every few milliseconds, and calls itself otherwise meanwhile, shows nothing of that time."""

import time

import support

PROGRAM = """
import ctypes, os, time
prctl = ctypes.CDLL(None).prctl
PR_SET_DUMPABLE, PR_SET_NAME = 4, 15

def busy(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass

prctl(PR_SET_NAME, b'shown')
busy(%s)
while True:
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_NAME, b'hidden')
    busy(0.005)
    prctl(PR_SET_NAME, b'shown')
    prctl(PR_SET_DUMPABLE, 1)
    busy(0.005)
"""
SETTLING = 2


def test_changes_between_samples():
    with support.directory(0o777) as where, support.daemon() as daemon:
        program = where / 'program.py'
        program.write_text(PROGRAM % SETTLING)
        daemon.socket.parent.chmod(0o755)
        with support.started(*support.as_stranger('/usr/bin/python3', str(program))) as target:
            time.sleep(0.5)
            done = support.run(*support.as_stranger(
                str(support.PERFCTL), 'record', '--socket', str(daemon.socket), '-p',
                str(target.pid), '-F', '999', '-d', str(SETTLING + 3), '--json', '-f', 'folded',
                '-o', str(where / 'out.folded')))
        ledger = support.ledger_adds_up(support.load_json(done.out))
        names = support.frames_of((where / 'out.folded').read_text())
    hidden = ledger['not_permitted']
    print(f"{ledger['kept']} kept, {hidden} not permitted; of those kept, as 'hidden': "
          f"{names.get('hidden', 0)}")
    support.check(names.get('shown', 0) > 100, names)
    support.check('hidden' not in names, f"{names.get('hidden')} samples show what was hidden")
    # Half of the time behind the first seconds.
    support.check(hidden > 0.1 * ledger['taken'], f'{hidden} of {ledger["taken"]} not permitted')


if __name__ == '__main__':
    support.main(globals())
