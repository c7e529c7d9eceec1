#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes the schema as C: embed.py OUTPUT.c FILE.sql"""

import sys


def main():
    output, name = sys.argv[1:]
    with open(name, encoding="utf-8") as file:
        lines = [line.rstrip() for line in file if not line.startswith("--")]
    with open(output, "w", encoding="utf-8") as file:
        file.write('#include "daemon/store/database.h"\n\nconst char database_schema[] =\n')
        file.write("".join(f'\t"{line}\\n"\n' for line in lines if line))
        file.write("\t;\n")


if __name__ == "__main__":
    main()
