# SPDX-License-Identifier: GPL-2.0-or-later
"""Writes text files as C strings: embed.py OUT.c NAME=FILE…"""

import sys


def literal(line):
    """One line of text as a C string literal; whatever is not plain is written in octal."""
    out = []
    for byte in line.encode():
        char = chr(byte)
        if char in '"\\':
            out.append("\\" + char)
        elif char == "?":  # no trigraphs
            out.append("\\?")
        elif 32 <= byte < 127:
            out.append(char)
        else:
            out.append("\\%03o" % byte)
    return '"' + "".join(out) + '"'


def main():
    with open(sys.argv[1], "w", encoding="utf-8") as out:
        for argument in sys.argv[2:]:
            name, path = argument.split("=", 1)
            out.write("extern const char %s[];\nconst char %s[] =\n" % (name, name))
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    out.write("\t" + literal(line) + "\n")
            out.write("\t;\n")


if __name__ == "__main__":
    main()
