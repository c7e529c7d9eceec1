#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the built programs are linked against: each library has one door, and what parses foreign bytes
is not in the privileged program. libelf comes into perfd with libbpf, but is not its own.

usage: check-needed.py PROGRAM...
"""

import os
import re
import subprocess
import tempfile

import tree

SYSTEM = {"libc", "libm", "ld-linux-x86-64", "libgcc_s", "libasan", "libubsan"}
ALLOWED = {
    "perfd": {"libbpf", "libinih", "libjansson", "libseccomp", "libsystemd", "libz"},
    "perfctl": {"libjansson", "libz"},
    "perfd-store": {"libjansson", "libseccomp", "libsqlite3", "libz"},
    "perfd-fetch": {"libdebuginfod", "libseccomp"},
    "perfd-elf-worker": {"libdw", "libelf", "libisal", "liblzma", "libseccomp", "libzstd"},
}


def needed(path):
    result = subprocess.run(["readelf", "-dW", path], capture_output=True, text=True, check=True)
    return [name.split(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.+)\]", result.stdout)]


def check(*paths):
    problems = []
    for path in paths:
        program = os.path.basename(path)
        libraries = needed(path)
        if "libc" not in libraries:
            problems.append(f"{path}: no NEEDED entry for libc: is it a program?")
        for library in libraries:
            if library not in ALLOWED[program] | SYSTEM:
                problems.append(f"{path}: is linked against {library}")
    return problems


def self_test():
    """Links a `perfd` that needs libelf."""
    failures = []
    with tempfile.TemporaryDirectory() as root:
        source, program = os.path.join(root, "a.c"), os.path.join(root, "perfd")
        with open(source, "w", encoding="utf-8") as file:
            file.write("int main(void)\n{\n\treturn 0;\n}\n")
        for libraries, expected in (([], False), (["-lelf"], True), (["-ldw"], True)):
            subprocess.run(
                ["cc", source, "-o", program, "-Wl,--no-as-needed", *libraries], check=True
            )
            if bool(check(program)) != expected:
                failures.append(f"linked with {libraries}: {check(program)}")
    return failures


if __name__ == "__main__":
    tree.main(check, self_test)
