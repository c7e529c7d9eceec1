#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Who may include what. The tables are the architecture's; the code below only reads them. A room is
the longest key of ROOMS that a file's path begins with; it may always include itself.
"""

import fnmatch
import re

import tree

PROTO = ["proto/base/", "proto/profile/", "proto/wire/"]
DAEMON = ["proto/base/", "daemon/base/"]

# Room: what else it may include of ours, as a directory or as one file.
ROOMS = {
    "bpf/": [],
    "proto/base/": [],
    "proto/profile/": ["proto/base/"],
    "proto/wire/": ["proto/base/"],
    "daemon/base/": ["proto/base/"],
    "daemon/access/": ["proto/base/"],
    "daemon/opener/": DAEMON,
    "daemon/capture/": DAEMON
    + ["bpf/abi.h", "bpf/unwind-row.h", "bpf/perfd.skel.h", "bpf/stop-reason.def"],
    "daemon/target/": DAEMON
    + ["daemon/access/", "daemon/capture/sample.h", "proto/profile/", "bpf/stop-reason.def"],
    "daemon/unwind/": DAEMON
    + ["bpf/abi.h", "bpf/unwind-row.h", "daemon/target/objects.h", "daemon/worker/messages.h",
       "daemon/worker/unwind-compiler.h"],
    "daemon/worker/": ["proto/base/", "bpf/abi.h", "bpf/unwind-row.h"],
    "daemon/symbolize/": DAEMON
    + [
        "proto/profile/",
        "daemon/fetch/messages.h",
        "daemon/opener/opener.h",
        "daemon/target/objects.h",
        "daemon/worker/messages.h",
        "daemon/worker/jit-messages.h",
    ],
    "daemon/fetch/": ["proto/base/"],
    "daemon/store/": DAEMON + ["daemon/access/", "proto/profile/"],
    "daemon/server/": PROTO + ["daemon/base/", "daemon/access/", "daemon/target/selector.h"],
    # main, manager, pipeline and its helpers
    "daemon/": PROTO
    + ["bpf/abi.h", "daemon/store/messages.h"]
    + ["daemon/" + room + "/" for room in
       ("base", "access", "opener", "capture", "target", "unwind", "symbolize", "server")],
    "cli/": PROTO,
    "tests/": ["bpf/", "cli/", "daemon/", "proto/"],
}

# A library's headers: the files that may include them. Everything else in <> is libc's or the
# kernel's.
LIBRARIES = {
    "jansson.h": [
        "proto/profile/profile-json.c",
        "proto/profile/profile-json.h",
        "proto/wire/*",
        "daemon/server/method*.c",
        "cli/*",
        "tests/*",
    ],
    "zlib.h": ["proto/profile/pprof*", "daemon/store/*", "tests/*"],
    "isa-l/*": ["daemon/worker/*"],
    "systemd/*": ["daemon/base/*", "daemon/main.c", "tests/*"],
    "ini.h": ["daemon/base/config.c"],
    "bpf/bpf_*.h": ["bpf/*.bpf.*", "tests/bench/*.bpf.c"],
    "bpf/bpf.h": ["daemon/capture/*", "daemon/unwind/upload.c", "tests/*"],
    "bpf/libbpf.h": ["daemon/capture/*", "daemon/unwind/upload.c", "tests/*"],
    "bpf/btf.h": ["daemon/capture/*", "tests/*"],
    "libelf.h": ["daemon/worker/*", "tests/*"],
    "gelf.h": ["daemon/worker/*", "tests/*"],
    "dwarf.h": ["daemon/worker/*", "tests/*"],
    "elfutils/debuginfod.h": ["daemon/fetch/debuginfod.c"],
    "elfutils/*": ["daemon/worker/*", "tests/*"],
    "libiberty/*": ["daemon/worker/*"],
    "lzma.h": ["daemon/worker/*"],
    "zstd.h": ["daemon/worker/*", "daemon/store/*"],
    "demangle.h": ["daemon/worker/*"],
    "seccomp.h": ["proto/base/call-filter.*", "tests/*"],
    "sqlite3.h": ["daemon/store/*"],
    "curses.h": ["cli/command-top.c"],
    "ncurses*/*": ["cli/command-top.c"],
    "check.h": ["tests/*"],
}

# libc's and the kernel's.
SYSTEM = """
    arpa/* asm/* linux/* net/* netinet/* sanitizer/* sys/*
    assert.h ctype.h dirent.h dlfcn.h elf.h endian.h errno.h fcntl.h fenv.h float.h fnmatch.h ftw.h
    getopt.h glob.h grp.h inttypes.h libgen.h limits.h link.h locale.h malloc.h math.h mntent.h
    netdb.h poll.h pthread.h pty.h pwd.h regex.h sched.h search.h setjmp.h signal.h spawn.h
    stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h stdnoreturn.h
    string.h strings.h syslog.h termios.h threads.h time.h uchar.h unistd.h utime.h utmp.h wchar.h
    wctype.h x86intrin.h immintrin.h
""".split()
# What the kernel side may have of the system: types alone.
SYSTEM_OF_BPF = ["linux/types.h", "linux/bpf.h", "stdbool.h", "stddef.h", "stdint.h"]

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)', re.MULTILINE)


def matches(name, patterns):
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def room_of(path):
    rooms = [room for room in ROOMS if path.startswith(room)]
    return max(rooms, key=len) if rooms else None


def may_include(path, room, name):
    """None, or why not."""
    target = room_of(name)
    if target is None:
        return "is no path from the root of the tree"
    if target == room:
        return None
    if any(name == allowed or target == allowed for allowed in ROOMS[room]):
        return None
    if room == "tests/":
        return None
    return f"is not for {room}"


def check_outside(path, name):
    for pattern, allowed in LIBRARIES.items():
        if fnmatch.fnmatchcase(name, pattern):
            return None if matches(path, allowed) else f"is for {' '.join(allowed)} only"
    if ".bpf." in path:
        return None if name in SYSTEM_OF_BPF else "is not for the kernel side"
    if not matches(name, SYSTEM):
        return "belongs to no library that we know"
    return None


def check(root):
    problems = []
    for path in tree.files(root, (".c", ".h", ".def")):
        room = room_of(path)
        # Programs that tests look at are made of whatever they need.
        if path.startswith("tests/") and "/programs/" in path:
            continue
        text = tree.read(root, path)
        for match in INCLUDE.finditer(text):
            ours, outside = match.groups()
            line = text.count("\n", 0, match.start()) + 1
            if room is None:
                why = "stands in a directory that the table does not have"
            elif ours:
                why = may_include(path, room, ours)
                if not why and ours.endswith(".c") and not path.startswith("tests/"):
                    why = "is a source file"
                if not why and ".bpf." in path and not ours.startswith("bpf/"):
                    why = "is not for the kernel side"
            else:
                why = check_outside(path, outside)
            if why:
                problems.append(f"{path}:{line}: {ours or outside} {why}")
    return problems


def self_test():
    sound = {
        "proto/profile/profile.c": '#include <stdio.h>\n#include "proto/base/log.h"\n',
        "proto/profile/profile-json.c": "#include <jansson.h>\n",
        "daemon/worker/symbols.c": "#include <elfutils/libdw.h>\n",
        "proto/base/call-filter.c": "#include <seccomp.h>\n",
        "daemon/capture/capture.c": '#include <bpf/libbpf.h>\n#include "bpf/perfd.skel.h"\n',
        "daemon/pipeline.c": '#include "daemon/target/targets.h"\n',
        "bpf/walk.bpf.h": '#include <bpf/bpf_helpers.h>\n#include "bpf/abi.h"\n',
        "cli/main.c": '#include "proto/wire/call.h"\n',
        "tests/unit/test.c": '#include <check.h>\n#include "daemon/target/targets.h"\n',
    }
    return tree.prove(
        check,
        sound,
        [
            ("a.c:1: daemon/main.h is not for", {"cli/a.c": '#include "daemon/main.h"\n'}),
            ("is not for cli/", {"cli/render/a.c": '#include "bpf/abi.h"\n'}),
            ("is not for proto/base/", {"proto/base/a.h": '#include "proto/profile/profile.h"\n'}),
            ("is not for proto/wire/", {"proto/wire/a.c": '#include "proto/profile/profile.h"\n'}),
            ("is not for daemon/target/", {"daemon/target/a.c": '#include "daemon/opener/opener.h"\n'}),
            ("is not for daemon/server/", {"daemon/server/a.c": '#include "daemon/pipeline.h"\n'}),
            ("a.c:2: jansson.h is for", {"proto/profile/a.c": "\n#  include <jansson.h>\n"}),
            ("libdw.h is for", {"daemon/symbolize/a.c": "#include <elfutils/libdw.h>\n"}),
            ("seccomp.h is for", {"daemon/server/a.c": "#include <seccomp.h>\n"}),
            ("sd-event.h is for", {"cli/a.c": "#include <systemd/sd-event.h>\n"}),
            ("sqlite3.h is for", {"daemon/a.c": "#include <sqlite3.h>\n"}),
            ("belongs to no library", {"cli/a.c": "#include <glib.h>\n"}),
            ("not for the kernel side", {"bpf/a.bpf.h": "#include <stdio.h>\n"}),
            ("not for bpf/", {"bpf/a.bpf.h": '#include "proto/base/log.h"\n'}),
            ("no path from the root", {"cli/a.c": '#include "options.h"\n'}),
            ("a source file", {"cli/a.c": '#include "cli/b.c"\n'}),
        ],
    )


if __name__ == "__main__":
    tree.main(check, self_test)
