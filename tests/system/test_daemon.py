# SPDX-License-Identifier: GPL-2.0-or-later
"""What a service manager asks of perfd: it reads its configuration again, says that it lives, and says
clearly where it cannot work."""

import os
import signal
import socket
import time

import support


def test_sighup_reads_the_configuration_again():
    with support.directory() as where:
        file = where / 'perfd.conf'
        file.write_text('[limits]\nmax-frames = 100\n')
        with support.daemon('--config', file) as daemon:
            def logged(text):
                return text in daemon.log.read_text()

            file.write_text('[limits]\nmax-frames = nonsense\n')
            os.kill(daemon.pid, signal.SIGHUP)
            support.wait_until(lambda: logged('going on as it was configured before'), 'a refusal')
            support.check(logged(str(file)), f'no file named: {daemon.log.read_text()}')
            file.write_text('[limits]\nmax-frames = 4\n')
            os.kill(daemon.pid, signal.SIGHUP)
            support.wait_until(lambda: logged('the configuration was read again'), 'a reload')
            recorded = support.record(where, '-F', '999', '--kernel', 'no', '--', 'sh', '-c',
                                      'seq 200000 | sort -R >/dev/null', daemon=daemon)
            cut = sum(recorded.ledger['truncated'].values())
            support.check(cut > recorded.ledger['kept'] / 2, f'few stacks were cut: {recorded.ledger}')


def test_the_watchdog_is_fed_and_told_of_a_reload():
    with support.directory() as where, \
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(where / 'notify'))
        notify.settimeout(10)
        environment = {**os.environ, 'NOTIFY_SOCKET': str(where / 'notify'), 'WATCHDOG_USEC': '1000000'}
        with support.started(support.PERFD, '--socket', where / 'socket', env=environment) as perfd:
            heard = []

            def hear(word):
                while not any(word in text for text in heard):
                    heard.append(notify.recv(4096).decode())

            hear('READY=1')
            # While it starts the loop does not turn.
            support.check(not any('WATCHDOG=1' in text for text in heard), heard)
            del heard[:]
            start = time.monotonic()
            hear('WATCHDOG=1')
            del heard[:]
            hear('WATCHDOG=1')
            support.check(time.monotonic() - start < 2, 'the watchdog would have starved')
            perfd.send_signal(signal.SIGHUP)
            hear('RELOADING=1')
            hear('READY=1')


def test_an_old_kernel_is_refused_clearly():
    # The personality of a kernel whose version has two numbers only.
    done = support.run('setarch', '--uname-2.6', support.PERFD, '--socket', '/nonexistent/socket',
                       expect=1)
    support.check('cannot sample on Linux 2.6' in done.err and 'boot Linux 6.1' in done.err, done.err)
    done = support.run('setarch', '--uname-2.6', support.PERFCTL, 'record', '--no-daemon', '--', 'true',
                       expect=None)
    support.check(done.returncode != 0 and 'boot Linux 6.1' in done.err, done.err)
    done = support.run('setarch', '--uname-2.6', support.PERFCTL, 'doctor', expect=None)
    support.check('boot Linux 6.1' in done.out, done.out)


def test_another_machine_is_refused_clearly():
    done = support.run('setarch', 'i686', support.PERFD, '--socket', '/nonexistent/socket', expect=1)
    support.check('cannot sample on i686' in done.err and 'x86_64' in done.err, done.err)
    done = support.run('setarch', 'i686', support.PERFCTL, 'doctor', expect=1)
    support.check('host that is x86_64' in done.out, done.out)


if __name__ == '__main__':
    support.main(globals())
