#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
What is said against what there is: commands, exit codes, stop reasons, and the public contract's
methods and errors against the code that answers them. The README may name only files that exist.
"""

import os
import re

import tree

CONTRACT = "proto/org.perfctl.profiler.varlink"
INTERFACE = "org.perfctl.profiler"
CLASSES = ("COMPLETE", "TRUNCATED", "NO_USER_STACK")

COMMENT = re.compile(r"#[^\n]*")
TOKEN = re.compile(r"\s*(->|[A-Za-z][A-Za-z0-9_.]*|\[string\]|\[\]|[?():,])")
# A name as Varlink has them: types, methods and errors, fields.
MEMBER = re.compile(r"[A-Z][A-Za-z0-9]*")
FIELD = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")
BASIC = {"bool", "int", "float", "string", "object"}


class Contract:
    """A Varlink interface: https://varlink.org/Interface-Definition, without anonymous enums."""

    def __init__(self, text):
        self.tokens, self.types, self.used = [], set(), set()
        self.methods, self.errors = [], []
        text = COMMENT.sub(lambda match: " " * len(match.group()), text).rstrip()
        position = 0
        while position < len(text):
            match = TOKEN.match(text, position)
            if not match:
                raise ValueError(f"unexpected {text[position:].split()[0]!r}")
            self.tokens.append(match.group(1))
            position = match.end()
        self.parse()

    def take(self, expected=None):
        token = self.tokens.pop(0) if self.tokens else "the end"
        if expected and token != expected and not (
            hasattr(expected, "fullmatch") and expected.fullmatch(token)
        ):
            raise ValueError(f"{token!r} instead of {getattr(expected, 'pattern', expected)!r}")
        return token

    def parse_type(self):
        while self.tokens and self.tokens[0] in ("?", "[]", "[string]"):
            self.take()
        if self.tokens and self.tokens[0] == "(":
            self.parse_struct()
            return
        name = self.take()
        if name not in BASIC:
            self.used.add(name)

    def parse_struct(self):
        names = set()
        self.take("(")
        while self.tokens and self.tokens[0] != ")":
            name = self.take(FIELD)
            if name in names:
                raise ValueError(f"field {name!r} stands twice")
            names.add(name)
            self.take(":")
            self.parse_type()
            if self.tokens and self.tokens[0] != ")":
                self.take(",")
        self.take(")")

    def parse(self):
        self.take("interface")
        if self.take() != INTERFACE:
            raise ValueError(f"the interface is not {INTERFACE}")
        while self.tokens:
            kind, name = self.take(), self.take(MEMBER)
            if name in self.types | set(self.methods) | set(self.errors):
                raise ValueError(f"{name!r} stands twice")
            if kind == "type":
                self.types.add(name)
            elif kind == "method":
                self.methods.append(name)
                self.parse_struct()
                self.take("->")
            elif kind == "error":
                self.errors.append(name)
            else:
                raise ValueError(f"{kind!r} is no kind of member")
            self.parse_struct()
        if self.used - self.types:
            raise ValueError(f"no such type: {sorted(self.used - self.types)}")


def line_of(text, needle):
    return text[: text.find(needle)].count("\n") + 1 if needle in text else 1


def check_contract(root):
    text = tree.read(root, CONTRACT)
    try:
        contract = Contract(text)
    except ValueError as error:
        return [f"{CONTRACT}:1: is not Varlink: {error}"]
    problems = []
    code = "\n".join(
        tree.read(root, path)
        for path in tree.files(root, (".c", ".h"))
        if path.startswith("daemon/server/")
    )
    for name in contract.methods:
        line = line_of(text, f"method {name}(")
        if not text.split("\n")[line - 2].startswith("#"):
            problems.append(f"{CONTRACT}:{line}: method {name} has no comment")
        if not re.search(rf'[".]{name}"', code):
            problems.append(f"{CONTRACT}:{line}: method {name} is not answered")
    for name in contract.errors:
        if not re.search(rf'[".]{name}"', code):
            line = line_of(text, f"error {name}(")
            problems.append(f"{CONTRACT}:{line}: error {name} is never given")
    return problems + check_dispatch(root)


def check_dispatch(root):
    """Each `struct method` that is defined stands in the table, and each row is defined."""
    path = "daemon/server/methods.def"
    names = re.findall(r"^METHOD\((\w+)\)", tree.strip(tree.read(root, path)), re.MULTILINE)
    rows = {f"method_{name}" for name in names}
    defined = set()
    for source in tree.files(root, (".c",)):
        if source.startswith("daemon/server/"):
            code = tree.strip(tree.read(root, source))
            defined |= set(re.findall(r"^const struct method (method_\w+) = {", code, re.MULTILINE))
    problems = [f"{path}:1: {name} is not in the table" for name in sorted(defined - rows)]
    return problems + [f"{path}:1: {name} is not defined" for name in sorted(rows - defined)]


def check_commands(root):
    path = "cli/commands.c"
    readme = tree.read(root, "README.md")
    commands = re.findall(r"&command_(\w+)", tree.strip(tree.read(root, path)))
    code = {
        source: tree.read(root, source)
        for source in tree.files(root, (".c",))
        if source.startswith("cli/")
    }
    problems = [] if commands else [f"{path}:1: no table of commands found"]
    for name in commands:
        if f"perfctl {name}" not in readme:
            problems.append(f"README.md:1: does not say 'perfctl {name}'")
        definition = f"const struct command command_{name} = {{"
        sources = [source for source in code if definition in code[source]]
        if not sources:
            problems.append(f"{path}:1: command_{name} is not defined")
            continue
        text = code[sources[0]].split(definition)[1].split("\n}")[0]
        for field in ("usage", "summary", "example"):
            if not re.search(rf"\.{field}\s*=\s*\"", text):
                problems.append(f"{sources[0]}:1: perfctl {name} --help has no {field}")
    return problems


def check_exit_codes(root):
    path = "cli/commands.h"
    enum = re.search(r"enum exit_code {(.*?)}", tree.strip(tree.read(root, path)), re.DOTALL)
    if not enum:
        return [f"{path}:1: no enum exit_code"]
    readme = tree.read(root, "README.md")
    problems = []
    for name, value in re.findall(r"(\w+)\s*=\s*(\d+)", enum.group(1)):
        if not re.search(rf"^\|[^|]*\b{value}\b", readme, re.MULTILINE):
            problems.append(f"README.md:1: no row for exit code {value} ({name})")
    return problems


def check_stop_reasons(root):
    path = "bpf/stop-reason.def"
    text = tree.read(root, path)
    problems, words = [], set()
    for number, line in enumerate(text.split("\n"), 1):
        if not line.startswith("STOP("):
            continue
        row = re.fullmatch(r'STOP\((\w+), "([^"]*)", (\w+), "([^"]*)"\)', line)
        if not row:
            problems.append(f"{path}:{number}: is not STOP(NAME, \"word\", CLASS, \"sentence\")")
            continue
        _, word, kind, sentence = row.groups()
        if not re.fullmatch(r"[a-z0-9-]+", word) or word in words:
            problems.append(f"{path}:{number}: '{word}' is no word, or stands twice")
        words.add(word)
        if kind not in CLASSES:
            problems.append(f"{path}:{number}: {kind} is not one of {', '.join(CLASSES)}")
        if len(sentence.split()) < 3:
            problems.append(f"{path}:{number}: '{word}' has no sentence")
    if not words and not problems:
        problems.append(f"{path}:1: no stop reasons found")
    return problems


def check_reasons(root):
    """Why a frame has no name: each word that names are left out with stands in the manual page."""
    page = "docs/man/perfctl-formats.5.in"
    text = tree.read(root, page).replace("\\-", "-")
    problems = []
    for source in tree.files(root, (".c",)):
        if not source.startswith("daemon/symbolize/"):
            continue
        for number, line in enumerate(tree.read(root, source).split("\n"), 1):
            words = re.findall(r'"([a-z]+(?:-[a-z]+)+)"', line)
            if not re.match(r"\s*(/?\*|//)", line):
                problems += [f"{source}:{number}: {page} does not say what {word} means" for word in words
                             if not word.startswith("perfd-") and not re.search(rf"\b{word}\b", text)]
    return problems


def check_readme_paths(root):
    """In `` a path with a slash that begins with one of our directories must exist."""
    readme = tree.read(root, "README.md")
    problems = []
    for match in re.finditer(r"`([\w./-]+/[\w./-]*)`|\]\(([\w./-]+)\)", readme):
        path = match.group(1) or match.group(2)
        if match.group(1) and path.lstrip("./").split("/")[0] not in tree.DIRECTORIES:
            continue
        # A word in capitals stands for a name to be chosen.
        if re.search(r"\b[A-Z]{4,}\b", os.path.basename(path)) and path != "LICENSE":
            continue
        if not os.path.exists(os.path.join(root, path)):
            line = readme.count("\n", 0, match.start()) + 1
            problems.append(f"README.md:{line}: there is no {path}")
    return problems


def check_build_depends(root):
    """What is needed to build, and what the Debian source package says is: the same, but for what each
    of such packages has anyway (build-essential) and for debhelper."""
    path, control = "packaging/dependencies", "packaging/debian/control"
    needed = set(re.findall(r"^build (\S+)$", tree.read(root, path), re.MULTILINE))
    field = re.search(r"^Build-Depends:((?:\n .*)+)", tree.read(root, control), re.MULTILINE)
    said = set(re.findall(r"^ ([a-z0-9.+-]+)", field[1] if field else "", re.MULTILINE))
    said = {name for name in said if not name.startswith(("debhelper", "dh-"))}
    problems = [
        f"{control}:1: Build-Depends has not {name}, which {path} has"
        for name in sorted(needed - said - {"gcc", "libc6-dev"})
    ]
    return problems + [
        f"{control}:1: Build-Depends has {name}, which {path} has not" for name in sorted(said - needed)
    ]


PARTS = (
    check_build_depends,
    check_commands,
    check_exit_codes,
    check_stop_reasons,
    check_reasons,
    check_contract,
    check_readme_paths,
)


def check(root):
    problems = []
    for part in PARTS:
        problems += part(root)
    return problems


def self_test():
    contract = f"""interface {INTERFACE}
type Count (reason: string, count: int)
# Says what there is.
method List(all: ?bool) -> (counts: []Count)
error NoSuch(name: string)
"""
    methods = f"""const struct method method_list = {{.name = "{INTERFACE}.List"}};
static const char *error = "{INTERFACE}.NoSuch";
"""
    command = 'const struct command command_list = {\n.usage = "FILE", .summary = "Lists", .example = "perfctl list"\n}\n'
    reason = 'STOP(END, "end", COMPLETE, "an undefined return address")\n'
    sound = {
        "README.md": "`perfctl list` and `cli/commands.c`\n| code | |\n| 0 | done |\n| 2 | wrong |\n",
        "cli/commands.c": "\t&command_list,\n",
        "cli/command-list.c": command,
        "cli/commands.h": "enum exit_code {\n\tEXIT_DONE = 0, /* = 7 */\n\tEXIT_USAGE = 2,\n};\n",
        "bpf/stop-reason.def": reason,
        CONTRACT: contract,
        "daemon/server/methods.def": "METHOD(list)\n",
        "daemon/server/method-list.c": methods,
        "docs/man/perfctl-formats.5.in": ".B file\\-gone\n",
        "daemon/symbolize/names.c": 'execl("perfd-elf-worker");\nwhy = "file-gone";\n',
        "packaging/dependencies": "build gcc\nbuild meson\ntest git\n",
        "packaging/debian/control": "Build-Depends:\n debhelper-compat (= 13),\n meson (>= 1),\n",
    }

    def without(path, old, new=""):
        assert old in sound[path]
        return {path: sound[path].replace(old, new)}

    return tree.prove(
        check,
        sound,
        [
            ("does not say 'perfctl stop'", {"cli/commands.c": "\t&command_stop,\n"}),
            ("command_stop is not defined", {"cli/commands.c": "\t&command_stop,\n"}),
            ("command-list.c:1: perfctl list --help has no example", without("cli/command-list.c", ".example", ".a")),
            ("no row for exit code 2", without("README.md", "| 2 |", "| 3 |")),
            ("README.md:1: there is no cli/none.c", without("README.md", "cli/commands.c", "cli/none.c")),
            ("has not ninja, which", {"packaging/dependencies": "build meson\nbuild ninja\n"}),
            ("has meson, which", {"packaging/dependencies": "build gcc\n"}),
            ("def:2: 'end' is no word", {"bpf/stop-reason.def": reason * 2}),
            ("def:1: OTHER is not", without("bpf/stop-reason.def", "COMPLETE", "OTHER")),
            ("names.c:2: docs/man/perfctl-formats.5.in does not say what file-gone means", {
                "docs/man/perfctl-formats.5.in": ".B file\n"}),
            ("has no sentence", without("bpf/stop-reason.def", "an undefined return address")),
            ("is not STOP(", without("bpf/stop-reason.def", ", COMPLETE")),
            ("method List has no comment", without(CONTRACT, "# Says what there is.\n")),
            ("is not Varlink", without(CONTRACT, "->", "-")),
            ("is not Varlink", without(CONTRACT, "[]Count", "[]Counts")),
            ("method More is not answered", {CONTRACT: contract + "# M\nmethod More() -> ()\n"}),
            ("error Bad is never given", {CONTRACT: contract + "error Bad()\n"}),
            ("method_list is not in", without("daemon/server/methods.def", "METHOD(list)\n")),
            ("method_list is not defined", without("daemon/server/method-list.c", "const struct method m", "m")),
        ],
    )


if __name__ == "__main__":
    tree.main(check, self_test)
