# SPDX-License-Identifier: GPL-2.0-or-later
"""
What the checks share: which files there are, C without its comments and texts, and the ends of a
check. A check is a function from the root of a tree to a list of problems, each "file:line: what".
Each check proves itself first: a planted violation must be found, and a sound tree must pass.
"""

import contextlib
import os
import re
import sys
import tempfile

DIRECTORIES = ("bpf", "cli", "daemon", "docs", "packaging", "proto", "systemd", "tests", ".ci")
SKIP = 77


def files(root, suffixes=None):
    """Paths below the root, relative to it, sorted; with one of these suffixes."""
    found = []
    for name in os.listdir(root):
        if os.path.isfile(os.path.join(root, name)):
            found.append(name)
    for top in DIRECTORIES:
        for directory, _, names in os.walk(os.path.join(root, top)):
            if "__pycache__" in directory:
                continue
            found += [os.path.relpath(os.path.join(directory, name), root) for name in names]
    return sorted(path for path in found if not suffixes or path.endswith(tuple(suffixes)))


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


_TOKENS = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL
)


def strip(text):
    """C without comments and without what is in texts; each line stays where it is."""

    def blank(match):
        token = match.group()
        if token[0] in "\"'":
            return token[0] * 2
        return "\n" * token.count("\n") or " "

    return _TOKENS.sub(blank, text)


@contextlib.contextmanager
def planted(contents):
    """A tree of our own, {path: text}."""
    with tempfile.TemporaryDirectory() as root:
        for path, text in contents.items():
            os.makedirs(os.path.dirname(os.path.join(root, path)) or root, exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                file.write(text)
        yield root


def prove(check, sound, violations):
    """
    `sound` is a tree that must pass; each violation is (text that must be in the one problem,
    files that are added to the sound tree).
    """
    failures = []
    with planted(sound) as root:
        for problem in check(root):
            failures.append(f"a sound tree has a problem: {problem}")
    for expected, extra in violations:
        with planted({**sound, **extra}) as root:
            problems = check(root)
        if not any(expected in problem for problem in problems):
            failures.append(f"not found: {expected!r} in {sorted(extra)}; found {problems}")
    return failures


def main(check, self_test):
    """usage: check-X.py --self-test | check-X.py ROOT [ARGUMENT...]"""
    if sys.argv[1:] == ["--self-test"]:
        problems = self_test()
    else:
        problems = check(*sys.argv[1:])
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)
