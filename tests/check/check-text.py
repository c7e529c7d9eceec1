#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every source file names its licence at its top, ends in a newline, and leaves nothing for later."""

import re

import tree

SUFFIXES = (".c", ".h", ".def", ".py", ".build", ".service", ".socket", ".conf", ".sh")
LATER = re.compile(r"\b(?:" + "|".join(("TO" "DO", "FIX" "ME", "X" "XX")) + r")\b")
LICENCE = "SPDX-License-Identifier: GPL-2.0-or-later"
# Data that tests read byte for byte.
DATA = re.compile(r"^tests/.*/(?:corpus|data|expected)[^/]*/")


def is_source(path, text):
    return path.endswith(SUFFIXES) or text.startswith("#!")


def check(root):
    problems = []
    for path in tree.files(root):
        if DATA.match(path):
            continue
        text = tree.read(root, path)
        if not is_source(path, text):
            continue
        if LICENCE not in "\n".join(text.split("\n")[:3]):
            problems.append(f"{path}:1: no '{LICENCE}' at the top")
        if text and not text.endswith("\n"):
            problems.append(f"{path}:{text.count(chr(10)) + 1}: no newline at the end")
        for number, line in enumerate(text.split("\n"), 1):
            later = LATER.search(line)
            if later:
                problems.append(f"{path}:{number}: {later.group()}: do it, or leave it out")
    return problems


def self_test():
    top = f"/* {LICENCE} */\n"
    later = "TO" + "DO"
    return tree.prove(
        check,
        {"cli/a.c": top + "int a; /* to do: none */\n", "cli/b.txt": later},
        [
            ("b.c:1: no 'SPDX", {"cli/b.c": "int b;\n"}),
            ("run:1: no 'SPDX", {"tests/run": "#!/bin/sh\n"}),
            ("meson.build:1: no 'SPDX", {"meson.build": "project('a')\n"}),
            ("b.c:2: " + later, {"cli/b.c": top + f"/* {later}: more */\n"}),
            ("b.c:2: no newline", {"cli/b.c": top + "int b;"}),
        ],
    )


if __name__ == "__main__":
    tree.main(check, self_test)
