#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""perfctl's commands against a daemon that only pretends: commands.py PERFCTL MAKE-PROFILE.

What is looked at: exit codes, what is said, what is asked of the daemon, and which files are there
afterwards. No privilege is needed.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

INTERFACE = "org.perfctl.profiler."
RECORDING = {"recording": "r1", "state": "recording", "target": "sh (1)\x1b[31m", "event": "cpu-clock",
             "frequency": 99.0, "elapsedMs": 1500, "samples": 7, "uid": 0}
STATUS = {"version": "0.0.0", "kernel": "6.1", "uptimeMs": 5000, "recordings": 1, "profiles": 0,
          "samplesTaken": 7, "residentBytes": 1048576, "kernelNsPerSample": 812.5}


class Daemon:
    """Answers like perfd; each connection has a thread. `fail` is the error that Record gets."""

    def __init__(self, path, profile):
        self.path, self.profile = path, profile
        self.fail = None
        self.hang_up = False
        self.n_crowded = 0
        self.calls = []
        self.stopped = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self.accept, daemon=True).start()

    @classmethod
    def on_descriptors(cls, profile):
        """As a private perfd: on the two connections that perfctl hands over."""
        daemon = cls.__new__(cls)
        daemon.profile, daemon.fail, daemon.hang_up, daemon.calls = profile, None, False, []
        daemon.n_crowded = 0
        daemon.stopped = threading.Event()
        threads = [threading.Thread(target=daemon.serve, args=[socket.socket(fileno=fd)])
                   for fd in [3, 4]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def accept(self):
        while True:
            connection, _ = self.listener.accept()
            threading.Thread(target=self.serve, args=[connection], daemon=True).start()

    def serve(self, connection):
        pending = b""
        while True:
            try:
                received = connection.recv(65536)
            except OSError:
                return
            if not received:
                return
            pending += received
            while b"\0" in pending:
                message, pending = pending.split(b"\0", 1)
                try:
                    self.answer(connection, json.loads(message))
                except OSError:
                    return

    def reply(self, connection, parameters, continues=False, error=None):
        message = {"parameters": parameters}
        if continues:
            message["continues"] = True
        if error:
            message["error"] = error
        connection.sendall(json.dumps(message).encode() + b"\0")

    def answer(self, connection, call):
        method = call["method"].removeprefix(INTERFACE)
        parameters = call.get("parameters") or {}
        self.calls.append((method, parameters))
        if method == "Record":
            self.record(connection, parameters)
        elif method == "Stop":
            if parameters["recording"] != "r1":
                self.reply(connection, {"recording": parameters["recording"]},
                           error=INTERFACE + "NoSuchRecording")
                return
            self.stopped.set()
            self.reply(connection, {"profile": "p1"})
        elif method == "GetProfile" and self.n_crowded:
            self.n_crowded -= 1
            self.reply(connection, {"what": "profiles fetched at once by one user", "limit": 4},
                       error=INTERFACE + "ResourceLimit")
        elif method == "GetProfile":
            half = len(self.profile) // 2
            for part, more in [(self.profile[:half], True), (self.profile[half:], False)]:
                self.reply(connection, {"data": base64.b64encode(part).decode()}, more)
        elif method == "ListRecordings":
            self.reply(connection, {"recordings": [RECORDING]})
        elif method == "GetStatus":
            self.reply(connection, STATUS)

    def record(self, connection, parameters):
        if self.hang_up:
            connection.shutdown(socket.SHUT_RDWR)
            return
        if self.fail:
            self.reply(connection, self.fail[1], error=INTERFACE + self.fail[0])
            return
        if parameters.get("detach"):
            self.reply(connection, {"state": "recording", "recording": "r1"})
            return
        self.stopped.clear()
        end = time.monotonic() + parameters.get("durationMs", 60000) / 1000
        while not self.stopped.is_set() and time.monotonic() < end:
            self.reply(connection, {"state": "recording", "recording": "r1", "elapsedMs": 10,
                                    "samples": 3, "lost": 0}, continues=True)
            self.stopped.wait(0.05)
        self.reply(connection, {"state": "finished", "recording": "r1", "profile": "p1"})

    def called(self, method):
        return [parameters for name, parameters in self.calls if name == method]


class Commands:
    """A temporary directory with a daemon, and perfctl in it."""

    def __init__(self, perfctl, make_profile, directory):
        self.perfctl, self.directory = perfctl, directory
        self.full = subprocess.run([make_profile], stdout=subprocess.PIPE, check=True).stdout
        self.idle = subprocess.run([make_profile, "idle"], stdout=subprocess.PIPE, check=True).stdout
        self.daemon = Daemon(os.path.join(directory, "socket"), self.full)
        self.work = os.path.join(directory, "work")
        os.mkdir(self.work)
        self.pid = str(os.getpid())

    def start(self, *arguments, **options):
        environment = dict(os.environ, PERFCTL_SOCKET=self.daemon.path, TZ="UTC")
        environment.update(options.pop("environment", {}))
        options = dict({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **options)
        return subprocess.Popen([self.perfctl, *arguments], cwd=self.work, env=environment, **options)

    def run(self, *arguments, wanted=0, **options):
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=30)
        self.out = (out or b"").decode()
        self.err = (err or b"").decode()
        if process.returncode != wanted:
            raise AssertionError("%s: exit %d, wanted %d: %s" % (
                " ".join(arguments), process.returncode, wanted, self.err))

    def files(self):
        return sorted(os.listdir(self.work))

    def read(self, name):
        with open(os.path.join(self.work, name), "rb") as file:
            return file.read()

    def reset(self):
        for name in self.files():
            os.unlink(os.path.join(self.work, name))
        self.daemon.calls.clear()
        self.daemon.fail, self.daemon.hang_up, self.daemon.profile = None, False, self.full


def all_outputs_are_written(c):
    c.run("record", "-p", c.pid, "-d", "0.2", "-F", "199", "-o", "a.pb.gz", "-o", "b.svg", "-o",
          "c.folded")
    assert c.files() == ["a.pb.gz", "b.svg", "c.folded"], c.files()
    assert c.read("a.pb.gz") == c.full, "the native file is what the daemon sent"
    assert c.read("b.svg").endswith(b"</svg>\n")
    assert "Samples: 137 taken, 132 kept" in c.err and "Wrote b.svg" in c.err, c.err
    assert "8.8 % of the samples lost or truncated" in c.err
    assert c.out == "", c.out
    [call] = c.daemon.called("Record")
    assert call["target"]["pids"] == [int(c.pid)] and call["frequency"] == 199
    assert call["durationMs"] == 200 and "onExec" not in call, call


def what_was_taken_is_fetched_when_others_have_theirs(c):
    c.daemon.n_crowded = 3
    c.run("record", "-p", c.pid, "-d", "0.1", "-o", "x.pb.gz")
    assert c.read("x.pb.gz") == c.full and len(c.daemon.called("GetProfile")) == 4, c.daemon.calls


def without_output_there_is_a_file_and_a_table(c):
    c.run("record", "-p", c.pid, "-d", "0.1")
    [name] = c.files()
    assert re.fullmatch(r"\w[^-]*-%s-\d{8}-\d{6}\.pb\.gz" % c.pid, name), name
    rows = [line for line in c.out.splitlines() if "…" in line]
    assert len(rows) == 10 and "hash" in rows[0], c.out


def json_is_a_summary(c):
    c.run("record", "-p", c.pid, "-d", "0.1", "--json", "-o", "x.pb.gz")
    summary = json.loads(c.out)
    assert summary["ledger"]["kept"] == 132 and summary["hotspots"][0]["name"] == "hash"


def standard_output_gets_folded_stacks(c):
    c.run("record", "-p", c.pid, "-d", "0.1", "-o", "-")
    assert "server;clone3;start_thread;walk;walk;walk 12\n" in c.out, c.out
    assert c.files() == []


def quiet_says_nothing(c):
    c.run("record", "-q", "-p", c.pid, "-d", "0.1", "-o", "x.svg")
    assert c.err == "" and c.out == ""


def a_signal_keeps_what_was_taken(c):
    for number in [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]:
        c.reset()
        process = c.start("record", "-p", c.pid, "-o", "x.folded")
        while not c.daemon.called("Record"):
            time.sleep(0.01)
        time.sleep(0.1)
        process.send_signal(number)
        process.communicate(timeout=30)
        assert process.returncode == 0, process.returncode
        assert c.daemon.called("Stop") == [{"recording": "r1"}]
        assert c.files() == ["x.folded"]


def a_command_is_run_and_its_status_is_ours(c):
    c.run("record", "-o", "x.folded", "--", "sh", "-c", "echo ran; exit 7", wanted=7)
    assert c.out == "ran\n" and c.files() == ["x.folded"]
    [call] = c.daemon.called("Record")
    assert call["onExec"] is True
    c.run("record", "-o", "x.folded", "--", "sh", "-c", "kill -KILL $$", wanted=137)
    c.run("record", "-o", "x.folded", "--", "true")
    c.run("record", "-o", "y.folded", "--", "/nonexistent/command", wanted=127)
    assert "/nonexistent/command" in c.err
    c.run("record", "-o", "y.folded", "--", "/etc/passwd", wanted=126)
    assert c.files() == ["x.folded"], "of a command that never ran, nothing is written"


def runs_are_one_profile_that_tells_them_apart(c):
    c.run("record", "--runs", "3", "--warm-up", "2", "-o", "x.pb.gz", "--", "sh", "-c", "echo 'x'")
    assert c.out == "x\n" * 5, c.out
    assert len(c.daemon.called("Record")) == 5
    assert "3 runs, wall " in c.err, c.err
    c.run("hotspots", "--json", "x.pb.gz")
    summary = json.loads(c.out)
    assert summary["conditions"]["command"] == r"sh -c 'echo '\''x'\'''", summary["conditions"]
    assert summary["ledger"]["kept"] == 3 * 132 and len(summary["runs"]) == 3
    first, second = summary["runs"][:2]
    assert first["wall_ns"] > 0 and first["user_ns"] + first["system_ns"] > 0, first
    assert first["peak_bytes"] > 100000, first
    assert second["first_slice"] >= first["first_slice"] + first["n_slices"]


def a_run_that_fails_ends_the_series(c):
    c.run("record", "--runs", "3", "-o", "x.pb.gz", "--", "sh", "-c", "echo x; exit 4", wanted=4)
    assert c.out == "x\n" and c.files() == [] and "ended with 4 in its run 1" in c.err, c.err
    c.run("record", "--runs", "3", "-o", "x.pb.gz", "--", "/nonexistent/command", wanted=127)
    c.run("record", "--runs", "3", "-p", c.pid, wanted=2)


def two_commands_are_run_in_turn(c):
    log = os.path.join(c.work, "log")
    c.run("diff", "--runs", "2", "--before", "echo A >>log", "--after", "echo B >>log", "--keep",
          "kept", "--json")
    with open(log, encoding="utf-8") as file:
        assert file.read() == "A\nB\n" * 3
    assert c.files() == ["kept-after.pb.gz", "kept-before.pb.gz", "log"], c.files()
    result = json.loads(c.out)
    assert result["mode"] == "work" and result["method"] == "runs", result
    assert result["before"]["source"] == "echo A >>log" and result["before"]["runs"] == 2
    assert result["slower"] == result["faster"] == 0
    c.run("diff", "--json", "kept-before.pb.gz", "kept-after.pb.gz")
    again = json.loads(c.out)
    assert again["functions"] == result["functions"] and again["whole"] == result["whole"]
    c.run("diff", "--runs", "2", "--before", "true", "--after", "exit 3", wanted=1)
    c.run("diff", "--runs", "2", "--before", "true", wanted=2)
    c.run("diff", "kept-before.pb.gz", wanted=2)
    c.run("diff", "--fail-on", "x", "a", "b", wanted=2)


def baselines_are_saved_listed_shown_and_removed(c):
    with open(os.path.join(c.work, "p.pb.gz"), "wb") as file:
        file.write(c.full)
    c.run("baseline", "list")
    assert c.out == "" and "No baselines" in c.err, c.err
    c.run("baseline", "save", "one", "p.pb.gz")
    c.run("baseline", "save", "v1.2-rc_3", "@one")
    c.run("baseline", "list")
    assert [line.split()[0] for line in c.out.splitlines()] == ["one", "v1.2-rc_3"], c.out
    directory = os.path.join(c.work, ".perfctl", "baselines")
    assert sorted(os.listdir(directory)) == ["one.md", "one.pb.gz", "v1.2-rc_3.md",
                                            "v1.2-rc_3.pb.gz"]
    c.run("baseline", "show", "one")
    assert "| `hash` | 49.2 % (40.9…57.7) |" in c.out, c.out
    c.run("hotspots", "@one")
    assert "hash" in c.out
    c.run("diff", "@one", "p.pb.gz")
    c.run("baseline", "list", "--directory", "elsewhere")
    assert c.out == ""
    c.run("hotspots", "@one", environment={"PERFCTL_BASELINES": "/nonexistent"}, wanted=1)
    assert "there is no baseline 'one' in '/nonexistent'" in c.err, c.err
    c.run("baseline", "remove", "one")
    c.run("baseline", "remove", "one", wanted=1)
    assert "there is no baseline 'one'" in c.err, c.err
    c.run("baseline", "show", "one", wanted=1)
    c.run("hotspots", "@one", wanted=1)
    for name in ["../x", "a/b", ".x", "-x", "", "x" * 101, "a b"]:
        c.run("baseline", "save", "--", name, "p.pb.gz", wanted=2)
    c.run("baseline", "save", "x", wanted=2)
    c.run("baseline", wanted=2)
    shutil.rmtree(os.path.join(c.work, ".perfctl"))


def lines_of(c, *arguments):
    """{(function, file, line)} of the hottest lines."""
    c.run("hotspots", "--by", "line", "--json", *arguments)
    return {(row["name"], row["file"], row["line"]) for row in json.loads(c.out)["hotspots"]}


def source_files_are_called_after_where_they_lie(c):
    """In the ranking by line, in the picture's tooltips, and in the native file, for others to read."""
    with open(os.path.join(c.work, "p.pb.gz"), "wb") as file:
        file.write(c.full)
    there, moved = ("hash", "src/server.c", 17), ("hash", "/home/me/redis/server.c", 17)
    found = lines_of(c, "p.pb.gz")
    assert there in found and moved not in found, found
    option = ["--substitute-path", "src=/home/me/redis/", "--substitute-path", "app=/x"]
    found = lines_of(c, *option, "p.pb.gz")
    assert moved in found and there not in found, found
    assert ("handle;request", "app.py") in {row[:2] for row in found}, found
    for name in ["p.svg", "moved.pb.gz", "p.json"]:
        c.run("convert", *option, "p.pb.gz", name)
    for name in ["p.svg", "p.json"]:
        assert b"/home/me/redis/server.c" in c.read(name), name
        assert b"src/server.c" not in c.read(name), name
    assert moved in lines_of(c, "moved.pb.gz")
    # What somebody else's reader of pprof makes of it.
    go = subprocess.run(["go", "tool", "pprof", "-top", "-lines", "-nodecount=100",
                         os.path.join(c.work, "moved.pb.gz")], stdout=subprocess.PIPE,
                        stderr=subprocess.PIPE, env=dict(os.environ, HOME=c.directory))
    assert re.search(rb" hash /home/me/redis/server.c:17\b", go.stdout), (go.stdout, go.stderr)
    for wrong in ["src", "=x", "src="]:
        c.run("hotspots", "--substitute-path", wrong, "p.pb.gz", wanted=2)
        assert "is not FROM=TO" in c.err, c.err


def a_report_comes_with_what_it_rests_on(c):
    for name, data in [("p.pb.gz", c.full), ("idle.pb.gz", c.idle)]:
        with open(os.path.join(c.work, name), "wb") as file:
            file.write(data)
    c.run("report", "p.pb.gz", "-o", "r.md")
    assert c.files() == ["idle.pb.gz", "p.pb.gz", "r.md", "r.pb.gz", "r.svg"], c.files()
    c.run("report", "idle.pb.gz")
    assert "used no CPU time" in c.out, c.out
    c.run("report", "--kind", "after", "--against", "p.pb.gz", "p.pb.gz", "p.pb.gz", "--fail-on",
          "10%", "-o", "a.html")
    assert {"a.html", "a.pb.gz", "a-before.pb.gz"} <= set(c.files()), c.files()
    assert b"<svg" in c.read("a.html") and b"http:" not in c.read("a.html").replace(
        b"http://www.w3.org", b""), "it asks for nothing"
    c.run("report", "--kind", "after", "--against", "p.pb.gz", "idle.pb.gz", wanted=1)
    assert "the second side has no samples" in c.err, c.err
    for wrong in [["-o", "x.txt", "p.pb.gz"], ["--kind", "after", "p.pb.gz"], [],
                  ["p.pb.gz", "p.pb.gz"], ["--fail-on", "5", "p.pb.gz"]]:
        c.run("report", *wrong, wanted=2)
    # What went wrong is said once.
    c.run("report", "p.pb.gz", "-o", "missing/r.md", wanted=1)
    assert "missing/r.pb.gz" in c.err and c.err.count("\n") == 1, c.err
    c.run("diff", "--focus", "(", "p.pb.gz", "p.pb.gz", wanted=2)
    assert "'--focus'" in c.err and c.err.count("\n") == 1, c.err
    # Folded stacks have no times, by which one recording is told from another.
    c.run("convert", "p.pb.gz", "p.folded")
    c.run("diff", "p.folded", "p.folded")
    assert "nothing: when samples were taken is not known" in c.out and "swings" not in c.out, c.out
    c.run("report", "--kind", "after", "--against", "p.folded", "p.folded")
    assert "No function had samples enough on both sides" in c.out, c.out


def a_signal_goes_on_to_the_command(c):
    process = c.start("record", "-o", "x.folded", "--", "sleep", "60")
    while not c.daemon.called("Record"):
        time.sleep(0.01)
    time.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM, process.returncode
    assert c.files() == ["x.folded"]


def errors_of_the_daemon_have_their_codes(c):
    for error, parameters, code, said in [
            ("NotPermitted", {"pid": 42, "rule": "it belongs to another user"}, 4, "another user"),
            ("NoSuchTarget", {"target": "42", "why": "it has ended"}, 5, "it has ended"),
            ("NotSupported", {"feature": "wall", "why": "not here"}, 1, "not here"),
            ("Failed", {"what": "sampling", "why": "no perf events"}, 1, "no perf events")]:
        c.reset()
        c.daemon.fail = (error, parameters)
        c.run("record", "-p", c.pid, "-o", "x.svg", wanted=code)
        assert c.err.startswith("perfctl: cannot record ") and said in c.err, c.err
        assert c.files() == []
        c.run("record", "--", "touch", "ran", wanted=125)
        assert c.files() == [], "the command is not run when it cannot be recorded"


def a_lost_daemon_is_an_error(c):
    c.daemon.hang_up = True
    with open(os.path.join(c.work, "x.svg"), "w", encoding="utf-8") as file:
        file.write("old")
    c.run("record", "-p", c.pid, "-o", "x.svg", wanted=6)
    assert c.files() == ["x.svg"] and c.read("x.svg") == b"old"
    c.run("record", "--socket", "/nonexistent/socket", "-p", c.pid, "-o", "x.svg", wanted=6)
    assert "/nonexistent/socket" in c.err


def outputs_are_checked_before_anything_begins(c):
    for arguments, code in [(["-o", "/nonexistent/x.svg"], 1), (["-o", "/dev/null", "-f", "svg"], 1),
                            (["-o", "x.md"], 2), (["-o", "x.svg", "-o", "x.svg"], 2),
                            (["--json", "-o", "-"], 2), (["-f", "nothing"], 2)]:
        c.run("record", "-p", c.pid, "-d", "0.1", *arguments, wanted=code)
    assert not c.daemon.called("Record")
    assert c.files() == []


def a_full_standard_output_is_an_error(c):
    with open("/dev/full", "wb") as full:
        c.run("record", "-p", c.pid, "-d", "0.1", "-o", "-", stdout=full, wanted=1)
    assert "No space left" in c.err


def a_target_that_did_nothing_is_no_failure(c):
    c.daemon.profile = c.idle
    c.run("record", "-p", c.pid, "-d", "0.1")
    assert "used no CPU" in c.err, c.err
    assert len(c.files()) == 1


def a_target_that_is_not_there_is_told(c):
    c.run("record", "-p", "2147483647", wanted=5)
    assert "2147483647" in c.err


def a_detached_recording_is_listed_and_stopped(c):
    c.run("record", "--detach", "-p", c.pid)
    assert c.out == "r1\n" and c.files() == []
    c.run("list")
    assert "r1" in c.out and "\x1b" not in c.out, c.out
    c.run("list", "--json")
    assert json.loads(c.out)["recordings"][0]["recording"] == "r1"
    c.run("stop", "r1", "-o", "x.pb.gz")
    assert c.read("x.pb.gz") == c.full
    c.run("stop", "r2", wanted=1)
    assert "r2" in c.err, c.err


def status_is_a_table_or_json(c):
    c.run("status")
    assert "5.0 s" in c.out and "1.0 MiB" in c.out and "812 ns" in c.out, c.out
    c.run("status", "--json")
    assert json.loads(c.out) == STATUS


def a_delay_comes_before_the_recording(c):
    begin = time.monotonic()
    c.run("record", "-p", c.pid, "--delay", "0.3", "-d", "0.1", "-o", "x.svg")
    assert time.monotonic() - begin > 0.35
    c.run("record", "--delay", "0.2", "-o", "y.svg", "--", "sh", "-c", "sleep 0.4; exit 3", wanted=3)
    assert "onExec" not in c.daemon.called("Record")[-1]


def install_private(c, script):
    """perfctl and something called perfd beside it, in a place of their own."""
    place = os.path.join(c.directory, "private")
    os.makedirs(place, exist_ok=True)
    if not c.perfctl.startswith(place):
        shutil.copy(c.perfctl, place)
    with open(os.path.join(place, "perfd"), "w", encoding="utf-8") as file:
        file.write(script)
    os.chmod(file.name, 0o755)
    return os.path.join(place, "perfctl")


PRIVATE_PERFD = """#!/usr/bin/python3
import os, sys
sys.path.insert(0, %r)
sys.dont_write_bytecode = True
from commands import Daemon
assert os.environ["LISTEN_PID"] == str(os.getpid())
assert os.environ["LISTEN_FDS"] == "2"
assert os.environ["LISTEN_FDNAMES"] == "connection:connection"
assert sorted(map(int, os.listdir("/proc/self/fd")))[:5] == [0, 1, 2, 3, 4]
with open(%r, "w") as file:
    file.write(str(os.getpid()))
Daemon.on_descriptors(open(%r, "rb").read())
os.unlink(%r)
"""


def a_private_daemon_is_started_and_ended(c):
    profile, mark = os.path.join(c.directory, "profile"), os.path.join(c.directory, "running")
    with open(profile, "wb") as file:
        file.write(c.full)
    script = PRIVATE_PERFD % (os.path.dirname(os.path.abspath(__file__)), mark, profile, mark)
    public, c.perfctl = c.perfctl, install_private(c, script)
    try:
        c.run("record", "--no-daemon", "-p", c.pid, "-d", "0.2", "-o", "x.pb.gz")
        assert c.read("x.pb.gz") == c.full
        assert len([line for line in c.err.splitlines() if "private" in line]) == 1, c.err
        assert not os.path.exists(mark), "it has ended before perfctl has"
        process = c.start("record", "--no-daemon", "-o", "y.pb.gz", "--", "sleep", "60",
                          start_new_session=True)
        while not os.path.exists(mark):
            time.sleep(0.01)
        time.sleep(0.5)
        # As Ctrl-C does: to all of the terminal's foreground processes.
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 128 + signal.SIGINT, process.returncode
        assert c.read("y.pb.gz") == c.full, "Ctrl-C does not reach the private daemon"
        install_private(c, "#!/bin/sh\necho 'no luck today' >&2\nexit 1\n")
        c.run("record", "--no-daemon", "-p", c.pid, "-o", "z.pb.gz", wanted=6)
        assert "no luck today" in c.err, c.err
        assert c.files() == ["x.pb.gz", "y.pb.gz"], c.files()
    finally:
        c.perfctl = public


def every_command_has_help_with_an_example(c):
    c.run("help")
    names = re.findall(r"^  (\w+) +\w", c.out, re.M)
    assert len(names) >= 9, names
    for name in names:
        if name not in ["help", "version", "perfctl"]:
            c.run(name, "--help")
            assert "\nExample:\n  " in c.out and c.out.startswith("Usage: perfctl " + name), c.out
    c.run("--version")
    c.run("nonsense", wanted=2)
    c.run(wanted=2)


CHECKS = [
    all_outputs_are_written, what_was_taken_is_fetched_when_others_have_theirs,
    without_output_there_is_a_file_and_a_table, json_is_a_summary,
    standard_output_gets_folded_stacks, quiet_says_nothing, a_signal_keeps_what_was_taken,
    a_command_is_run_and_its_status_is_ours, runs_are_one_profile_that_tells_them_apart,
    a_run_that_fails_ends_the_series, two_commands_are_run_in_turn,
    baselines_are_saved_listed_shown_and_removed, a_report_comes_with_what_it_rests_on,
    source_files_are_called_after_where_they_lie, a_signal_goes_on_to_the_command,
    errors_of_the_daemon_have_their_codes, a_lost_daemon_is_an_error,
    outputs_are_checked_before_anything_begins, a_full_standard_output_is_an_error,
    a_target_that_did_nothing_is_no_failure, a_target_that_is_not_there_is_told,
    a_detached_recording_is_listed_and_stopped, status_is_a_table_or_json,
    a_delay_comes_before_the_recording, a_private_daemon_is_started_and_ended,
    every_command_has_help_with_an_example,
]


def main():
    perfctl, make_profile = [os.path.abspath(path) for path in sys.argv[1:3]]
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        commands = Commands(perfctl, make_profile, directory)
        for check in CHECKS:
            commands.reset()
            try:
                check(commands)
                print("ok:", check.__name__)
            except (AssertionError, OSError, ValueError, subprocess.TimeoutExpired) as error:
                failed += 1
                print("FAILED:", check.__name__, repr(error))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
