#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Man pages out of what there is anyway, so that no page can say what its program does not:

    make-page.py command VERSION PERFCTL NAME             a command's page, out of its --help
    make-page.py page VERSION SOURCE [PERFCTL PERFD]      SOURCE, with @commands@ and @options@ out of
                                                          the programs' --help
    make-page.py config VERSION perfd.conf                keys, defaults and what is said of them
    make-page.py protocol VERSION FILE.varlink            the contract, with its comments

writes roff with man(7) macros to standard output.
"""

import re
import subprocess
import sys

OPTION = re.compile(r"  (?:    )?(-[^ ].*?)(?:  +(.*))?$")


def escape(text):
    """One line of text; nothing in it is a command of roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace("…", "\\&...")
    return "\\&" + text if text.startswith(".") else text


def literal(lines):
    return ["", ".RS 4", ".nf", *map(escape, lines), ".fi", ".RE"] if lines else []


def header(name, section, version):
    return [
        '.\\" SPDX-License-Identifier: GPL-2.0-or-later',
        f'.TH {escape(name.upper())} {section} "" "perfctl {version}" "perfctl"',
        ".nh",
        ".ad l",
    ]


def help_of(*command):
    done = subprocess.run([*command, "--help"], stdout=subprocess.PIPE, check=True, encoding="utf-8")
    return done.stdout.split("\n")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def options(lines):
    """[(option with its argument, help)] of lines as --help has them."""
    found = []
    for line in lines:
        match = OPTION.match(line)
        if match:
            found.append([match[1], match[2] or ""])
        elif found and line.startswith(" " * 20):
            found[-1][1] = f"{found[-1][1]} {line.strip()}".strip()
    return found


def option_lines(rows):
    out = []
    for left, text in rows:
        names = [
            re.sub(r"^(-[^ ]+)(.*)$", lambda m: f"\\fB{escape(m[1])}\\fR{escape(m[2])}", name)
            for name in left.split(", ")
        ]
        out += [".TP", ", ".join(names), escape(text)]
    return out


def split_help(lines):
    """usage, what stands before the options, options, example."""
    parts, key = {"usage": [lines[0].partition(" ")[2]], "text": [], "Options:": [], "Example:": []}, "text"
    for line in lines[1:]:
        if line in parts:
            key = line
        else:
            parts[key].append(line)
    return parts


def paragraphs(lines):
    out = []
    for line in lines:
        out.append(escape(line) if line else ".PP")
    while out and out[-1] == ".PP":
        out.pop()
    return [line for i, line in enumerate(out) if i == 0 or line != ".PP" or out[i - 1] != ".PP"]


def command_page(version, perfctl, name):
    parts = split_help(help_of(perfctl, name))
    summary, *rest = "\n".join(parts["text"]).strip("\n").split("\n")
    rest = "\n".join(rest).strip("\n").split("\n") if rest else []
    page = header(f"perfctl-{name}", 1, version)
    page += [".SH NAME", f"perfctl\\-{name} \\- {escape(summary[0].lower() + summary[1:])}"]
    usage = parts["usage"][0].removeprefix(f"perfctl {name}").strip()
    page += [".SH SYNOPSIS", f".B perfctl {name}", escape(usage)]
    page += [".SH DESCRIPTION", escape(summary) + "."] + ([".PP"] if rest else []) + paragraphs(rest)
    page += [".SH OPTIONS", *option_lines(options(parts["Options:"]))]
    page += [".SH EXAMPLE", *literal([line.strip() for line in parts["Example:"] if line])]
    page += [
        ".SH EXIT STATUS", "As of all commands: see", ".BR perfctl (1).",
        ".SH SEE ALSO", ".BR perfctl (1),", ".BR perfctl\\-formats (5),", ".BR perfd (8)",
    ]
    return page


def commands(perfctl):
    out = []
    for name in re.findall(r"^  ([a-z]\S*)  +(.*)$", "\n".join(help_of(perfctl)), re.MULTILINE):
        word, summary = name
        if word in ("help", "version"):
            out += [".TP", f".B {word}", escape(summary) + "."]
        elif word != "perfctl":
            out += [".TP", f".BR perfctl\\-{word} (1)", escape(summary) + "."]
    return out


def source_page(version, path, perfctl=None, perfd=None):
    page = []
    for line in read(path).rstrip("\n").split("\n"):
        if line == "@commands@":
            page += commands(perfctl)
        elif line == "@options@":
            page += option_lines(options(help_of(perfd)))
        else:
            page.append(line.replace("@version@", version))
    return page


def config_page(version, path):
    page = header("perfd.conf", 5, version)
    page += [
        ".SH NAME", "perfd.conf \\- configuration of the profiler's daemon",
        ".SH SYNOPSIS", ".I /etc/perfd/perfd.conf", ".br", ".I /etc/perfd/perfd.conf.d/*.conf",
        ".SH DESCRIPTION",
    ]
    text, heads = [], False
    for line in read(path).split("\n")[1:]:
        key = re.fullmatch(r"(#?)([a-z-]+) = ?(.*)", line)
        section = re.fullmatch(r"\[([a-z]+)\]", line)
        if section:
            page += paragraphs(text) if not heads else []
            page += [f".SH SECTION [{section[1].upper()}]"]
            text, heads = [], True
        elif key:
            value = f"\\fI{escape(key[3])}\\fR" if key[3] else "empty"
            page += [".TP", f"\\fB{escape(key[2])}=\\fR", *paragraphs([l for l in text if l])]
            page += [f"{'Default' if key[1] else 'As installed'}: {value}."]
            text = []
        elif line.startswith("#"):
            text.append(line.lstrip("# "))
    page += [
        ".SH NOTES",
        "What the file says counts after", ".B systemctl reload perfd", "or a restart;",
        ".B perfd \\-\\-check\\-config", "says what is wrong with it, by file and line.",
        ".SH SEE ALSO", ".BR perfd (8)",
    ]
    return page


def protocol_page(version, path):
    lines = read(path).split("\n")
    name = next(line.split()[1] for line in lines if line.startswith("interface "))
    page = header(name, 7, version)
    page += [
        ".SH NAME", f"{name} \\- what perfd answers on its socket",
        ".SH SYNOPSIS", f"unix:/run/perfd/{name}",
        ".SH DESCRIPTION",
        "perfd speaks Varlink on a Unix socket: one JSON object, ended by a NUL byte, for each call",
        "and each reply. Any client of Varlink will do; this is the interface that it finds there.",
        ".PP",
    ]
    comment, body, titles = [], [], {"type": "TYPES", "method": "METHODS", "error": "ERRORS"}
    sections, depth, current = {kind: [] for kind in titles}, 0, None
    for line in lines:
        word = line.split(" ")[0]
        if depth == 0 and not body:
            if line.startswith("#"):
                comment.append(line.lstrip("# "))
                continue
            if word == "interface":
                page += paragraphs(comment)
            if word not in titles:
                comment = []
                continue
            current = word
        body.append(line)
        code = line.partition("#")[0]
        depth += code.count("(") - code.count(")")
        if depth == 0 and body:
            member = re.match(r"\w+ (\w+)", body[0])[1]
            text = " ".join(comment)
            sections[current] += [f".SS {member}", *([escape(text)] if text else []), *literal(body)]
            comment, body = [], []
    for kind, title in titles.items():
        page += [f".SH {title}", *sections[kind]]
    return page + [".SH SEE ALSO", ".BR perfd (8),", ".BR perfctl (1)"]


PAGES = {"command": command_page, "page": source_page, "config": config_page, "protocol": protocol_page}

if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    print("\n".join(PAGES[sys.argv[1]](*sys.argv[2:])))
