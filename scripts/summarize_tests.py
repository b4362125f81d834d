#!/usr/bin/env python3
"""Summarizes JUnit reports: prints the ten slowest tests, the skipped tests with reasons, the failed tests, and
'N passed, N failed, N skipped'.

    scripts/summarize_tests.py REPORT.xml...

A report by ctest lists shards of test programs, NAME.0, NAME.1 ..., and programs that are one test, NAME. The tests of a shard
are in SHARD.xml in the same folder, which the program writes when it ends; a shard without that file crashed or was stopped,
and counts as a failure.
Exit code 1 if a test failed, a report is missing or a report holds no test.
"""

import collections
import dataclasses
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

NUM_SLOWEST = 10


@dataclasses.dataclass
class Test:
    name: str
    outcome: str  # passed, failed or skipped
    reason: str = ""
    seconds: float = 0.0


def full_name(case):
    names = dict.fromkeys([case.get("classname"), case.get("name")])
    return ".".join(filter(None, names)) + (f" ({case.get('value_param')})" if case.get("value_param") else "")


def parse_case(case):
    """A test case of GoogleTest or pytest."""
    test = Test(full_name(case), "passed", seconds=float(case.get("time") or 0))
    skipped = case.find("skipped")
    if case.find("failure") is not None or case.find("error") is not None:
        test.outcome = "failed"
    elif skipped is not None and skipped.get("message", "").startswith("SKIP_RETURN_CODE"):  # ctest's
        test.outcome, test.reason = "skipped", (case.findtext("system-out") or "no reason given").strip()
    elif case.get("status") == "notrun":
        test.outcome, test.reason = "skipped", "disabled in its source file"
    elif skipped is not None:
        # GoogleTest writes the source location on a separate line before the reason.
        reason = (skipped.get("message") or "no reason given").splitlines()[1 if case.get("file") else 0 :]
        test.outcome, test.reason = "skipped", " ".join(reason).removeprefix("SKIPPED: ")
    return test


def read_cases(path):
    return list(ElementTree.parse(path).iter("testcase")) if path.is_file() else []


def read_report(path):
    tests = []
    for case in read_cases(path):
        shard = path.parent / f"{case.get('name')}.xml"
        is_shard = case.get("classname") == case.get("name") and re.search(r"\.\d+$", case.get("name"))
        if not is_shard:  # ctest gives the name of a shard twice
            tests.append(parse_case(case))
        elif shard.is_file():
            tests += map(parse_case, read_cases(shard))
        else:
            tests.append(Test(case.get("name"), "failed", "ended without a report of its tests"))
    return tests


def main(paths):
    found = collections.defaultdict(list)
    complete = True
    for path in map(pathlib.Path, paths):
        tests = read_report(path)
        if not tests:
            print(f"{path}: no test was run")
            complete = False
        for test in tests:
            found[test.outcome].append(test)
    ran = found["passed"] + found["failed"]
    for test in sorted(ran, key=lambda test: -test.seconds)[:NUM_SLOWEST]:
        print(f"{test.seconds:6.1f} s {test.name}")
    for outcome in ("skipped", "failed"):
        for test in found[outcome]:
            print(f"{outcome.upper()} {test.name}" + (f": {test.reason}" if test.reason else ""))
    print(f"{len(found['passed'])} passed, {len(found['failed'])} failed, {len(found['skipped'])} skipped")
    return 0 if complete and not found["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
