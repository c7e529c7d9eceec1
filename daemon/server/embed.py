#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the table of descriptions.h: embed.py OUTPUT.c FILE.varlink..."""

import re
import sys


def literal(text):
    """C string literals, one per line."""
    lines = text.splitlines(keepends=True)
    escaped = (
        re.sub(r"[^ -~]", lambda m: "".join(f"\\{b:03o}" for b in m[0].encode()),
               line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?"))
        for line in lines
    )
    return "\n".join(f'\t\t"{line}"' for line in escaped)


def main():
    output, *files = sys.argv[1:]
    rows = []
    for name in files:
        with open(name, encoding="utf-8") as file:
            text = file.read()
        interface = re.search(r"^interface\s+(\S+)", text, re.MULTILINE)[1]
        rows.append(f'\t{{"{interface}",\n{literal(text)}}},\n')
    with open(output, "w", encoding="utf-8") as file:
        file.write('#include "daemon/server/descriptions.h"\n\n#include <stddef.h>\n\n')
        file.write("const struct description descriptions[] = {\n")
        file.write("".join(rows))
        file.write("\t{NULL, NULL},\n};\n")


if __name__ == "__main__":
    main()
