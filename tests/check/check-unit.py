#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The units as systemd sees them: understood in every line, and exposed at most 2.0 of 10. And as we know
perfd's: none of the settings that would take away what sampling needs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import tree

EXPOSURE = "20"
UNITS = ("perfd.service", "perfd.socket", "perfd-fetch@.service", "perfd-fetch.socket")
# What breaks perfd: it hides the targets, forbids bpf, perf_event_open or openat2, or makes the
# capabilities worthless.
HARMFUL = (
    ("ProcSubset", "pid"),
    ("ProtectProc", "invisible"),
    ("ProtectProc", "noaccess"),
    ("PrivateUsers", "yes"),
    ("RestrictSUIDSGID", "yes"),
)


def analyze(arguments, directory):
    result = subprocess.run(
        ["systemd-analyze", *arguments],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout.strip().split("\n")


def check(root):
    if not shutil.which("systemd-analyze"):
        print("there is no systemd-analyze")
        sys.exit(tree.SKIP)
    path = "systemd/perfd.service"
    text = tree.read(root, path)
    problems = []
    for key, value in HARMFUL:
        if re.search(rf"^{key}={value}$", text, re.MULTILINE):
            problems.append(f"{path}:1: {key}={value} breaks perfd")
    for line in re.findall(r"^SystemCallFilter=~(.*)$", text, re.MULTILINE):
        for group in {"@privileged", "@debug"} & set(line.split()):
            problems.append(f"{path}:1: SystemCallFilter=~{group} breaks perfd")
    with tempfile.TemporaryDirectory() as directory:
        # Anything executable will do: it is looked at, not run.
        for unit in UNITS:
            with open(os.path.join(directory, unit), "w", encoding="utf-8") as file:
                content = tree.read(root, "systemd/" + unit)
                file.write(re.sub(r"@libexecdir@/[a-z-]+", "/bin/true", content))
        _, lines = analyze(["verify", *("./" + unit for unit in UNITS)], directory)
        problems += [
            f"{path}:1: {line}"
            for line in lines
            # What is told apart from the unit's own text is about the machine.
            if re.search(r"perfd(-fetch@?)?\.(service|socket):\d+", line)
        ]
        for unit in UNITS:
            if not unit.endswith(".service"):
                continue
            failed, lines = analyze(
                ["security", "--offline=yes", "--threshold=" + EXPOSURE, "./" + unit], directory
            )
            if failed:
                problems.append(f"systemd/{unit}:1: more than {EXPOSURE} of 100: {lines[-1]}")
    return problems


def self_test():
    here = os.path.dirname(os.path.abspath(__file__))
    root = os.path.join(here, "../..")
    service, fetch = "systemd/perfd.service", "systemd/perfd-fetch@.service"
    sound = {"systemd/" + unit: tree.read(root, "systemd/" + unit) for unit in UNITS}

    def plus(line):
        return {service: sound[service].replace("[Service]\n", f"[Service]\n{line}\n")}

    return tree.prove(
        check,
        sound,
        [
            ("PrivateUsers=yes breaks", plus("PrivateUsers=yes")),
            ("~@debug breaks", plus("SystemCallFilter=~@debug")),
            ("NoSuchSetting", plus("NoSuchSetting=yes")),
            ("more than 20", {service: "[Service]\nType=notify\nExecStart=@libexecdir@/perfd\n"}),
            ("fetch@.service:1: more", {fetch: "[Service]\nExecStart=@libexecdir@/perfd-fetch\n"}),
        ],
    )


if __name__ == "__main__":
    tree.main(check, self_test)
