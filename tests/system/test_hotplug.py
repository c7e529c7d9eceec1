# SPDX-License-Identifier: GPL-2.0-or-later
"""CPUs that go and come back while a recording is under way: their ticks come back with them, and
the time that they were away is not called missed."""

import pathlib
import time

import support

CPU = pathlib.Path('/sys/devices/system/cpu/cpu1/online')
SPIN = 'import time\nend = time.time() + {}\nwhile time.time() < end: pass'


def test_a_cpu_that_comes_back_is_sampled_again():
    if not CPU.exists():
        raise support.Skip('CPU 1 cannot be taken offline here')
    with support.directory() as where, \
            support.started('/usr/bin/python3', '-c', SPIN.format(30)) as one, \
            support.started('/usr/bin/python3', '-c', SPIN.format(30)) as two:
        output = where / 'hotplug.pb.gz'
        recording = support.subprocess.Popen(
            [str(support.PERFCTL), 'record', '-q', '--json', '-F', '499', '-d', '9', '-p',
             f'{one.pid},{two.pid}', '-o', str(output)], stdout=support.subprocess.PIPE)
        try:
            time.sleep(3)
            CPU.write_text('0')
            time.sleep(3)
        finally:
            CPU.write_text('1')
        summary = support.load_json(recording.communicate(timeout=60)[0])
        support.ledger_adds_up(summary)
        conditions = summary['conditions']
        support.check(summary['ledger']['missed'] < 0.05 * summary['ledger']['taken'],
                      summary['ledger'])
        support.check(abs(conditions['frequency_reached'] / 499 - 1) < 0.1, conditions)


if __name__ == '__main__':
    support.main(globals())
