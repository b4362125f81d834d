#!/usr/bin/env python3
"""Adds up JUnit reports: names what failed and what was skipped and why, then prints 'N passed, N failed, N skipped'.

    scripts/summarize_tests.py REPORT.xml...

Exit code 1 if a test failed, a report is missing or a report holds no test.
"""

import collections
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def skip_reason(case, skipped):
    """The text given to GTEST_SKIP() or pytest.skip()."""
    output = case.findtext("system-out") or ""
    match = re.search(r": Skipped\n(.*?)\n+\[  SKIPPED \]", output, re.DOTALL)
    return " ".join((match.group(1) if match else skipped.get("message", "no reason given")).split())


def outcome(case):
    """('passed' | 'failed' | 'skipped', why)."""
    skipped = case.find("skipped")
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed", ""
    if skipped is not None:
        return "skipped", skip_reason(case, skipped)
    # ctest writes a status; a test that it could not start is not a skipped one.
    return ("passed", "") if case.get("status", "run") == "run" else ("failed", "not run")


def main(paths):
    found = collections.defaultdict(list)
    complete = True
    for path in map(pathlib.Path, paths):
        cases = list(ElementTree.parse(path).iter("testcase")) if path.is_file() else []
        if not cases:
            print(f"{path}: no test was run")
            complete = False
        for case in cases:
            kind, why = outcome(case)
            name = case.get("name") if case.get("classname") == case.get("name") else f"{case.get('classname')}.{case.get('name')}"
            found[kind].append(f"{name}: {why}" if why else name)
    for kind in ("skipped", "failed"):
        for line in found[kind]:
            print(f"{kind.upper()} {line}")
    print(f"{len(found['passed'])} passed, {len(found['failed'])} failed, {len(found['skipped'])} skipped")
    return 0 if complete and not found["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
