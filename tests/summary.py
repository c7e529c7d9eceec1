#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Sums up what `meson test` left in BUILD/meson-logs/testlog-NAME.json, a line of JSON for each test.
A run without a log, and a suite without a test, count as failures: nothing goes missing silently.

usage: summary.py BUILD... -- SUITE...
"""

import glob
import json
import os
import sys

PASSED = ("OK", "EXPECTEDFAIL")


def last_line(text):
    lines = [line.strip() for line in (text or "").split("\n") if line.strip()]
    return lines[-1] if lines else "no reason given"


def main(arguments):
    builds = arguments[: arguments.index("--")]
    suites = set(arguments[arguments.index("--") + 1 :])
    n_passed, failed, skipped = 0, [], []
    for build in builds:
        logs = sorted(glob.glob(os.path.join(build, "meson-logs", "testlog-*.json")))
        if not logs:
            failed.append(f"{build}: no tests ran")
        for log in logs:
            with open(log, encoding="utf-8") as file:
                tests = [json.loads(line) for line in file]
            for test in tests:
                # meson writes "PROJECT:SUITE+SUITE / NAME".
                name = test["name"]
                suites -= set(name.split(" / ")[0].split(":")[-1].split("+"))
                if test["result"] in PASSED:
                    n_passed += 1
                elif test["result"] == "SKIP":
                    reason = last_line(test.get("stdout") or test.get("stderr"))
                    skipped.append(f"{build}: {name}: {reason}")
                else:
                    failed.append(f"{build}: {name}: {test['result']}")
    failed += [f"suite {suite}: has no test" for suite in sorted(suites)]
    for title, lines in (("skipped", skipped), ("failed", failed)):
        for line in lines:
            print(f"{title}: {line}")
    print(f"{n_passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
