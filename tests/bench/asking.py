#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How soon the continuous store answers: the whole command that draws an hour, or a week, of a store
that was filled by its own writer as two CPUs at work would have; and what memory that takes.

usage: asking.py BUILD SYNTHETIC_STORE
"""

import contextlib
import os
import pathlib
import pwd
import shutil
import sqlite3
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import bounds  # noqa: E402
import support  # noqa: E402

HOUR, WEEK = 3600, 7 * 24 * 3600
# Seconds until the picture is there, and MiB of the process that reads the store.
LIMITS = {"hour": (HOUR, 1, 256), "week": (WEEK, 5, 256)}
ROUNDS = 3
# A store that was made before, to look at without making it again.
READY = os.environ.get("PERFCTL_SYNTHETIC_STORE")


def describe(store):
    with contextlib.closing(sqlite3.connect(store)) as database:
        n = {table: database.execute(f"SELECT {what} FROM {table}").fetchone()[0]
             for table, what in (("window", "count(*)"), ("stack", "sum(n)"), ("frame", "sum(n)"),
                                 ("thread", "sum(n)"))}
        samples = database.execute("SELECT sum(n) FROM segment").fetchone()[0]
        damage = database.execute("PRAGMA integrity_check").fetchone()[0]
    support.check(damage == "ok", damage)
    print(f"the store: {samples} samples in {n['window']} windows, {n['stack']} stacks of "
          f"{n['frame']} frames, {n['thread']} threads, {store.stat().st_size / 2**20:.1f} MiB",
          flush=True)


def owner():
    """Whom perfd-store becomes."""
    try:
        return pwd.getpwnam("perfd").pw_uid
    except KeyError:
        return "nobody"


def peak(pid):
    """MiB of memory at most so far; 0 of a process that has ended."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0


def draw(daemon, since, picture):
    """(seconds, MiB of the process that reads, MiB of perfctl) of one picture."""
    writers = set(daemon.children())
    began, reader, client = time.monotonic(), 0, 0
    with support.started(support.PERFCTL, "flame", f"store:{since}s", "-o", picture,
                         stderr=subprocess.PIPE,
                         env={**os.environ, "PERFCTL_SOCKET": str(daemon.socket)}) as process:
        while process.poll() is None:
            reader = max([reader, *(peak(pid) for pid in set(daemon.children()) - writers)])
            client = max(client, peak(process.pid))
            time.sleep(0.005)
        seconds = time.monotonic() - began
        said = process.stderr.read().decode()
    support.check(process.returncode == 0, said)
    return seconds, reader, client


def judge(name, value, limit, unit):
    said = f"{name}: {value:.2f} {unit}; {bounds.verdict(value, limit)}"
    print(said, flush=True)
    return [] if value <= limit else [said]


def main():
    missed = []
    with support.directory() as where:
        store = where / "state" / "profiles.db"
        store.parent.mkdir()
        if READY:
            shutil.copy(READY, store)
        else:
            subprocess.run([sys.argv[2], store, str(WEEK)], check=True)
        describe(store)
        config = where / "perfd.conf"
        config.write_text(f"[continuous]\nenabled = yes\n[store]\npath = {store}\n")
        for path in (store.parent, store):
            shutil.chown(path, owner())
        with support.daemon("--config", config) as daemon:
            support.wait_until(lambda: daemon.status()["storeState"] == "good", "the store")
            for name, (since, seconds, size) in LIMITS.items():
                picture = where / f"{name}.svg"
                rounds = [draw(daemon, since, picture) for _ in range(ROUNDS)]
                text = picture.read_text()
                support.check("redis-server_function" in text, "there is nothing in the picture")
                missed += judge(f"a picture of a {name}",
                                statistics.median(r[0] for r in rounds), seconds, "s")
                missed += judge("  memory of perfd-store", max(r[1] for r in rounds), size, "MiB")
                print(f"  memory of perfctl: {max(r[2] for r in rounds):.1f} MiB; the picture has "
                      f"{len(text) / 1024:.0f} KiB; rounds of "
                      f"{', '.join(f'{r[0]:.2f}' for r in rounds)} s", flush=True)
            print(f"memory of perfd: {peak(daemon.pid):.1f} MiB at most")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
