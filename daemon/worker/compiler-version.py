#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
A number that changes with the source of the table compiler, so that tables which an older one has
compiled are not taken from the cache for its successor's.

usage: compiler-version.py HEADER SOURCE…
"""

import hashlib
import pathlib
import sys

digest = hashlib.sha256()
for path in sys.argv[2:]:
    digest.update(pathlib.Path(path).read_bytes())
pathlib.Path(sys.argv[1]).write_text(
    "/* SPDX-License-Identifier: GPL-2.0-or-later */\n"
    "#pragma once\n\n"
    f"#define UNWIND_COMPILER_VERSION UINT64_C(0x{digest.hexdigest()[:16]})\n", encoding="ascii")
