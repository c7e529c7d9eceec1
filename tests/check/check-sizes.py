#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
How long files and functions are, and how many parameters a function takes. Outputs
(`ret_...`) stand beside the parameters and are not counted. The scanner knows the kernel's style,
which the format check enforces: a function's opening and closing braces stand alone in column 0,
and nothing else opens one there.
"""

import re
import sys

import tree

SOURCE_FAILS, SOURCE_WARNS = 700, 500
HEADER_FAILS = 150
# What crosses the kernel border stands in one file.
HEADERS = {"bpf/abi.h": 300}
FUNCTION_FAILS = 60
PARAMETERS_FAIL = 5

WORDS_AFTER = re.compile(r"(?:__attribute__|__attribute)\s*$")
OPENING = re.compile(r"\)\s*\n\{[ \t]*\n")


def group_before(text, end):
    """Where the parenthesis opens that closes at text[end]."""
    depth = 0
    for i in range(end, -1, -1):
        if text[i] == ")":
            depth += 1
        elif text[i] == "(":
            depth -= 1
            if depth == 0:
                return i
    return -1


def count_parameters(text):
    depth, parameters = 0, [""]
    if text.strip() in ("", "void"):
        return 0
    for character in text:
        depth += character in "([{"
        depth -= character in ")]}"
        if character == "," and depth == 0:
            parameters.append("")
        else:
            parameters[-1] += character
    return sum(not re.search(r"\bret_\w+(?:\[\w*\])?\s*$", parameter) for parameter in parameters)


def functions(text):
    """(name, its first line, lines, parameters) of each function in C without comments."""
    for match in OPENING.finditer(text):
        close = match.start()
        opens = group_before(text, close)
        # Attributes may stand behind the parameters.
        while opens > 0 and WORDS_AFTER.search(text, 0, opens):
            close = text.rfind(")", 0, opens)
            opens = group_before(text, close)
        name = re.search(r"(\w+)\s*$", text[:opens])
        if opens < 0 or not name:
            continue
        end = text.find("\n}", match.end() - 1)
        if end < 0:
            continue
        # A signature begins behind the last thing that ended in column 0 or with a semicolon.
        start = name.start()
        while True:
            before = text.rfind("\n", 0, start)
            previous = text[text.rfind("\n", 0, before) + 1 : before] if before > 0 else ""
            if before <= 0 or not previous.strip() or previous[0] in "#}" or previous.rstrip()[-1] in ";{":
                start = before + 1
                break
            start = before
        n = count_parameters(text[opens + 1 : close])
        # BPF_PROG(name, context...) and its kind count the function's name as one.
        if name.group(1).startswith("BPF_"):
            n -= 1
        first = text.count("\n", 0, start) + 1
        last = text.count("\n", 0, end + 1) + 1
        yield name.group(1), first, last - first + 1, n


def check(root, warn=True):
    problems = []
    for path in tree.files(root, (".c", ".h")):
        text = tree.read(root, path)
        n_lines = text.count("\n")
        is_header = path.endswith(".h") and not path.endswith(".bpf.h")
        limit = HEADERS.get(path, HEADER_FAILS) if is_header else SOURCE_FAILS
        if n_lines > limit:
            problems.append(f"{path}:{limit + 1}: {n_lines} lines; at most {limit}")
        elif warn and not is_header and n_lines > SOURCE_WARNS:
            print(f"warning: {path}: {n_lines} lines; aim at 350", file=sys.stderr)
        for name, line, length, n in functions(tree.strip(text)):
            if length > FUNCTION_FAILS:
                problems.append(
                    f"{path}:{line}: {name} has {length} lines; at most {FUNCTION_FAILS}"
                )
            if n > PARAMETERS_FAIL:
                problems.append(
                    f"{path}:{line}: {name} takes {n} parameters; at most {PARAMETERS_FAIL}"
                )
    return problems


def function(name, parameters, n_lines):
    return f"static int {name}({parameters})\n{{\n" + "\treturn 0;\n" * (n_lines - 3) + "}\n"


def self_test():
    five = "int a, int b, int *ret_a, int ret_b[2],\n\tint (*c)(int, int, int), int d[2], int e"
    sound = {
        "cli/a.c": "/* a */\n" * 10
        + function("long_enough", five, 59)
        + function("none", "void", 60)
        + "int table[] = {\n" + "\t1,\n" * 100 + "};\n",
        "cli/a.h": "int a(int a, int b);\n" * 150,
        "bpf/a.bpf.h": "/* a */\n" * 700,
        "bpf/b.bpf.h": "int BPF_PROG(on_tick, int a, int b, int c, int d, int e)\n{\n\treturn 0;\n}\n",
    }
    text = 'int f(const char *a)\n{\n\tputs("}\\n{");\n\t/*\n}\n*/\n\treturn 0;\n}\n'
    failures = []
    if list(functions(tree.strip(text))) != [("f", 1, 8, 1)]:
        failures.append(f"a brace in a comment or text counts: {list(functions(tree.strip(text)))}")
    return failures + tree.prove(
        lambda root: check(root, warn=False),
        sound,
        [
            ("b.c:701: 701 lines", {"cli/b.c": "\n" * 701}),
            ("701 lines", {"bpf/c.bpf.h": "\n" * 701}),
            ("b.h:151: 151 lines", {"cli/b.h": "\n" * 151}),
            ("b.c:2: f has 61 lines", {"cli/b.c": "\n" + function("f", "void", 61)}),
            ("f has 61 lines", {"cli/b.c": function("f", "int a,\n\tint b", 60)}),
            ("b.c:3: f takes 6 parameters", {"cli/b.c": "int x;\n\n" + function("f", five + ", int g", 9)}),
            (
                "f takes 6 parameters",
                {"cli/b.c": "int f(int a, int b, int c, int d, int e, int g) "
                 "__attribute__((cold))\n{\n\treturn 0;\n}\n"},
            ),
        ],
    )


if __name__ == "__main__":
    tree.main(check, self_test)
