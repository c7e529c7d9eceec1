#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""
Sums up what `meson test` left in BUILD/meson-logs/testlog-NAME.json, a line of JSON for each test.
A run without a log, and a suite without a test, count as failures: nothing goes missing silently.

usage: summary.py BUILD... -- SUITE... | summary.py --self-test
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

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


def summed_up(results, suites):
    """(exit status, last line) for tests of suite `unit` with these results; None: no log."""
    with tempfile.TemporaryDirectory() as build:
        if results is not None:
            os.mkdir(os.path.join(build, "meson-logs"))
            path = os.path.join(build, "meson-logs", "testlog-normal.json")
            with open(path, "w", encoding="utf-8") as file:
                for result in results:
                    file.write(json.dumps({"name": "perfctl:unit / a", "result": result}) + "\n")
        done = subprocess.run(
            [sys.executable, __file__, build, "--", *suites],
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
    return done.returncode, done.stdout.strip().split("\n")[-1]


def self_test():
    cases = (
        ((["OK", "SKIP", "OK"], ["unit"]), (0, "2 passed, 0 failed, 1 skipped")),
        ((["OK", "FAIL"], ["unit"]), (1, "1 passed, 1 failed, 0 skipped")),
        ((["OK", "TIMEOUT", "ERROR"], ["unit"]), (1, "1 passed, 2 failed, 0 skipped")),
        ((["OK"], ["unit", "worker"]), (1, "1 passed, 1 failed, 0 skipped")),
        ((None, []), (1, "0 passed, 1 failed, 0 skipped")),
    )
    failed = 0
    for (results, suites), expected in cases:
        got = summed_up(results, suites)
        if got != expected:
            print(f"{results} of {suites}: {got} instead of {expected}")
            failed = 1
    return failed


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    sys.exit(main(sys.argv[1:]))
