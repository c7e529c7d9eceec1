#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
The man pages against the programs: each command has a page, each option of a --help stands in its
page and the other way round, and the roff is sound.

usage: check-man.py DIRECTORY PERFCTL PERFD
"""

import os
import re
import stat
import subprocess
import sys

import tree

# Pages that belong to no command.
OTHERS = {"perfctl.1", "perfctl-formats.5", "perfd.8", "perfd.conf.5", "org.perfctl.profiler.7"}


def output(*command):
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, encoding="utf-8"
    ).stdout


def options_of_help(text):
    """The long options that lines begin with, and the letters before them."""
    found = set()
    for letter, name in re.findall(r"^\s+(?:(-\w), )?(--[\w-]+)", text, re.MULTILINE):
        found |= {letter, name} - {""}
    return found


def options_of_page(text):
    """The options that stand bold in the line below a .TP."""
    found = set()
    for line in re.findall(r"^\.TP\n(.*)$", text.replace("\\-", "-"), re.MULTILINE):
        found |= set(re.findall(r"\\fB(--?[\w-]+)\\fR", line))
    return found


def compare(page, in_page, in_help):
    problems = [f"{page}:1: has not {word}, which --help has" for word in sorted(in_help - in_page)]
    return problems + [
        f"{page}:1: has {word}, which --help has not" for word in sorted(in_page - in_help)
    ]


def check(directory, perfctl, perfd):
    pages = {
        name: tree.read(directory, name)
        for name in os.listdir(directory)
        if re.fullmatch(r".+\.[1578]", name)
    }
    commands = re.findall(r"^  ([a-z]+)  ", output(perfctl, "--help"), re.MULTILINE)
    commands = {f"perfctl-{name}.1": name for name in commands if name not in ("help", "version")}
    if not commands:
        return [f"{perfctl}: --help names no command"]
    expected = OTHERS | set(commands)
    problems = [f"{name}:1: there is no such page" for name in sorted(expected - set(pages))]
    problems += [f"{name}:1: is a page of nothing" for name in sorted(set(pages) - expected)]
    for name in sorted(expected & set(pages)):
        if name in commands:
            text = output(perfctl, commands[name], "--help")
            problems += compare(name, options_of_page(pages[name]), options_of_help(text))
            if name.removesuffix(".1").replace("-", "\\-", 1) not in pages["perfctl.1"]:
                problems.append(f"perfctl.1:1: does not name {name}")
        elif name == "perfd.8":
            text = output(perfd, "--help")
            problems += compare(name, options_of_page(pages[name]), options_of_help(text))
        for line in output("groff", "-ww", "-z", "-man", "-Tutf8", os.path.join(directory, name)).split("\n"):
            if line:
                problems.append(f"{name}:1: {line}")
    return problems


def self_test():
    def program(*lines):
        return "#!/bin/sh\n" + "\n".join(lines) + "\n"

    lines = ("[ $# -eq 1 ] && echo '  run  Runs' && exit", "echo '  -p, --pid PID   it'")
    page = '.TH A 1 ""\n.TP\n\\fB\\-p\\fR, \\fB\\-\\-pid\\fR PID\nit\n'
    sound = {
        **{name: '.TH A 1 ""\n.PP\nperfctl\\-run\n' for name in OTHERS},
        "perfd.8": page,
        "perfctl-run.1": page,
        "perfctl": program(*lines),
        "perfd": program(lines[1]),
    }

    def look(root):
        programs = [os.path.join(root, name) for name in ("perfctl", "perfd")]
        for path in programs:
            os.chmod(path, stat.S_IRWXU)
        return check(root, *programs)

    return tree.prove(
        look,
        sound,
        [
            ("run.1:1: has not --tid, which", {"perfctl": program(*lines, "echo '      --tid T'")}),
            ("perfd.8:1: has not -q, which", {"perfd": program("echo '  -q, --pid PID'")}),
            ("run.1:1: has --all, which", {"perfctl-run.1": page + ".TP\n\\fB\\-\\-all\\fR\nall\n"}),
            ("perfctl-stop.1:1: is a page of nothing", {"perfctl-stop.1": page}),
            ("perfctl-go.1:1: there is no such", {"perfctl": program("echo '  go  Goes'")}),
            ("perfctl.1:1: does not name perfctl-run.1", {"perfctl.1": '.TH A 1 ""\n'}),
            ("perfd.8:1:", {"perfd.8": page + ".NOSUCHMACRO\n"}),
        ],
    )


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    tree.main(check, self_test)
