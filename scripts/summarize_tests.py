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
    if case.get("status") == "disabled":
        return "skipped", "disabled in its source file"
    # ctest calls a test that it could not start skipped as well, but not for one of the SKIP_ reasons.
    if case.get("status") == "notrun" and not (skipped is not None and skipped.get("message", "").startswith("SKIP_")):
        return "failed", "could not be started"
    return ("passed", "") if skipped is None else ("skipped", skip_reason(case, skipped))


def full_name(case):
    # ctest gives the same text twice, pytest module and function.
    names = [case.get("classname"), case.get("name")]
    return names[1] if names[0] == names[1] else ".".join(names)


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
            found[kind].append(f"{full_name(case)}: {why}" if why else full_name(case))
    for kind in ("skipped", "failed"):
        for line in found[kind]:
            print(f"{kind.upper()} {line}")
    print(f"{len(found['passed'])} passed, {len(found['failed'])} failed, {len(found['skipped'])} skipped")
    return 0 if complete and not found["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
