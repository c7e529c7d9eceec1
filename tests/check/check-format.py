#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every .c and .h is as clang-format 14 writes it; another version writes otherwise, and is a skip."""

import os
import re
import shutil
import subprocess
import sys

import tree

VERSION = 14


def find():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        path = shutil.which(name)
        if not path:
            continue
        version = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
        if re.search(rf"version {VERSION}\.", version.stdout):
            return path
    print(f"there is no clang-format {VERSION}")
    sys.exit(tree.SKIP)


def check(root):
    paths = tree.files(root, (".c", ".h"))
    result = subprocess.run(
        [find(), "--dry-run", "-Werror", "--style=file", *paths],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode == 0:
        return []
    return [line for line in result.stderr.split("\n") if ": error:" in line] or [result.stderr]


def self_test():
    here = os.path.dirname(os.path.abspath(__file__))
    style = tree.read(os.path.join(here, "../.."), ".clang-format")
    return tree.prove(
        check,
        {".clang-format": style, "cli/a.c": "int f(void)\n{\n\treturn 0;\n}\n"},
        [
            ("b.c:2", {"cli/b.c": "int f(void)\n{\n  return 0;\n}\n"}),
            ("b.h:1", {"cli/b.h": "int f(void) { return 0; }\n"}),
        ],
    )


if __name__ == "__main__":
    tree.main(check, self_test)
