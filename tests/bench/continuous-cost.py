#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What it costs to keep profiles of the whole system, as configured by default, under a mixed load:
redis and postgres with clients, python, processes that live for milliseconds. Own cost in CPU (of
perfd, its helpers, its programs in the kernel), in memory and on disk, each with its ceiling; after a
sixth of the time memory does not grow any more. The load is throttled, so that others can work.

usage: continuous-cost.py BUILD [MINUTES]
"""

import contextlib
import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
import support  # noqa: E402
from support import check, run, started, wait_until  # noqa: E402

MINUTES = float(sys.argv[2]) if len(sys.argv) > 2 else 10
LOOK_SECONDS = 10
DISK_BYTES_PER_HOUR = 10e6  # on two CPUs, at 19 Hz
MIB = 1 << 20

PYTHON = """
import hashlib, json, re, time
data = {str(i): list(range(50)) for i in range(50)}
while True:
    start = time.monotonic()
    while time.monotonic() - start < 0.03:
        text = json.dumps(data)
        json.loads(text)
        hashlib.sha256(text.encode()).hexdigest()
        re.findall('[0-9]+', text[:2000])
    time.sleep(0.5)
"""
SHELL = """
while :; do
    ls -l /usr/bin > /dev/null
    seq 2000 | sort -R | md5sum > /dev/null
    date > /dev/null
    gzip -c /etc/services > /dev/null
    sleep 1
done
"""
REDIS = "while :; do redis-benchmark -s %s -n 2000 -c 2 -q -t set,get,lpush > /dev/null; sleep 1; done"


@contextlib.contextmanager
def redis(where):
    socket = where / "redis.sock"
    with started("nice", "redis-server", "--port", "0", "--unixsocket", socket, "--save", "",
                 "--dir", where, "--daemonize", "no"):
        wait_until(socket.exists, "redis")
        with started("nice", "sh", "-c", REDIS % socket, start_new_session=True) as client:
            try:
                yield
            finally:
                os.killpg(client.pid, 15)


@contextlib.contextmanager
def postgres(where):
    binaries = support.postgres_bin()
    data = where / "data"
    who = ["nice", "setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    client = ["-h", where, "-U", "postgres"]
    run(*who, binaries / "initdb", "-D", data, "-A", "trust", "--no-sync")
    with started(*who, binaries / "postgres", "-D", data, "-k", where, "-h", "", "-c",
                 "fsync=off"):
        wait_until(lambda: run(binaries / "pg_isready", *client, expect=None).returncode == 0,
                   "postgres", 30)
        run(binaries / "pgbench", *client, "-i", "-s", "1", "-q", "postgres", timeout=120)
        with started("nice", binaries / "pgbench", *client, "-c", "1", "-R", "20", "-T", "86400",
                     "postgres"):
            yield


@contextlib.contextmanager
def load():
    with support.directory(0o777) as where, redis(where), postgres(where), \
            started("nice", "/usr/bin/python3", "-c", PYTHON), \
            started("nice", "sh", "-c", SHELL, start_new_session=True) as shell:
        try:
            yield
        finally:
            os.killpg(shell.pid, 15)


def disk_bytes(store):
    return sum(path.stat().st_size for path in store.parent.glob(store.name + "*"))


def cpu_ms(status):
    return sum(status[key] for key in ("cpuMs", "helpersUserMs", "helpersSystemMs", "kernelMs"))


def say(status, before, seconds, store):
    print(f"  {status['uptimeMs'] / 60000:5.1f} min: CPU {(cpu_ms(status) - cpu_ms(before)) / seconds / 10:.2f} %"
          f" (helpers {(status['helpersUserMs'] + status['helpersSystemMs'] - before['helpersUserMs'] - before['helpersSystemMs']) / seconds / 10:.2f},"
          f" in the kernel {(status['kernelMs'] - before['kernelMs']) / seconds / 10:.2f});"
          f" memory {status['residentBytes'] / MIB:.1f} + {status['helpersResidentBytes'] / MIB:.1f}"
          f" MiB, in the kernel {status['kernelMapBytes'] / MIB:.1f};"
          f" store {disk_bytes(store) / 1e6:.2f} MB; {status['samplesTaken']} samples,"
          f" {status['objects']} files, {status['unwindTablesCompiled']} tables compiled,"
          f" {status['addressesNamed']} names; held back: {status['heldBack']}"
          f" ({status['timesHeldBack']} times, rate / {status['rateDivisor']:.3g})", flush=True)


def measure(daemon, store):
    """Statuses, every few seconds, of the whole time; and the size of the store, likewise."""
    statuses, disk = [daemon.status()], [(0, 0)]
    begin = time.monotonic()
    end = begin + MINUTES * 60
    said = time.monotonic()
    before = statuses[0]
    while time.monotonic() < end:
        time.sleep(LOOK_SECONDS)
        statuses.append(daemon.status())
        disk.append((time.monotonic() - begin, disk_bytes(store)))
        if time.monotonic() - said >= MINUTES * 6:
            say(statuses[-1], before, time.monotonic() - said, store)
            before, said = statuses[-1], time.monotonic()
    return statuses, disk_an_hour(disk)


def highest(statuses, key):
    return max(status[key] for status in statuses)


def disk_an_hour(looks):
    """(seconds, bytes), …: what an hour takes, by how it grew in the second half: before that the log
    of SQLite and the names come, which stay as large."""
    (middle, then), (end, now) = looks[len(looks) // 2], looks[-1]
    return now + (now - then) / (end - middle) * max(0, 3600 - end)


def memory_is_flat(statuses):
    """The second half needs no more than what was needed between a sixth and a half of the time."""
    early = statuses[len(statuses) // 6:len(statuses) // 2]
    late = statuses[len(statuses) // 2:]
    for key, slack in (("residentBytes", 2 * MIB), ("kernelMapBytes", 2 * MIB)):
        check(highest(late, key) <= 1.05 * highest(early, key) + slack,
              f"{key} grew from {highest(early, key)} to {highest(late, key)}")


def test_an_hour_is_cheap():
    with support.directory() as where:
        store = where / "state" / "profiles.db"
        config = where / "perfd.conf"
        config.write_text(f"[continuous]\nenabled = yes\n[store]\npath = {store}\n")
        os.environ["CACHE_DIRECTORY"] = str(where / "cache")
        with load(), support.daemon("--config", config) as daemon:
            statuses, disk = measure(daemon, store)
            first, last = statuses[0], statuses[-1]
            seconds = (last["uptimeMs"] - first["uptimeMs"]) / 1000
            cpu = (cpu_ms(last) - cpu_ms(first)) / 10 / seconds
            print(f"{seconds / 60:.0f} minutes: {cpu:.2f} % of a CPU of"
                  f" {last['budgetCpuPercent']:.2f} (perfd {(last['cpuMs'] - first['cpuMs']) / 10 / seconds:.2f});"
                  f" memory at most {highest(statuses, 'residentBytes') / MIB:.1f} MiB of"
                  f" {last['budgetBytes'] / MIB:.0f}, helpers"
                  f" {highest(statuses, 'helpersResidentBytes') / MIB:.1f} of"
                  f" {last['budgetHelpersBytes'] / MIB:.0f}; {disk / 1e6:.2f} MB of disk an hour;"
                  f" held back {last['timesHeldBack']} times", flush=True)
            check(cpu <= last["budgetCpuPercent"], "CPU")
            check(highest(statuses, "residentBytes") <= last["budgetBytes"], "memory")
            check(highest(statuses, "helpersResidentBytes") <= last["budgetHelpersBytes"],
                  "memory of the helpers")
            check(disk <= DISK_BYTES_PER_HOUR * os.cpu_count() / 2, "disk")
            memory_is_flat(statuses)
            text = daemon.perfctl("query", "--by", "process", "-n", "20").out
            for name in ("redis", "postgres", "python3"):
                check(name in text, f"{name} is missing in:\n{text}")
            check(not last["windowsDropped"], last)


if __name__ == "__main__":
    support.main(globals())
