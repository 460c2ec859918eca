"""What a test needs of the machine and does not find.

`make test` passes such a test over and says so in its last lines. Where NOTHING_MISSING is set, as `make test-all`
sets it, the test fails.
"""

import os
from collections import defaultdict
from typing import NoReturn

import pytest

_MARK = "not run for want of "
_REMEDY = "; to have it: "


def missing(what: str, command: str) -> NoReturn:
    """Pass the running test over for want of `what`, which `command` brings; or fail it."""
    if os.environ.get("NOTHING_MISSING"):
        pytest.fail(f"{what} is missing{_REMEDY}{command}", pytrace=False)
    pytest.skip(f"{_MARK}{what}{_REMEDY}{command}")


def summary(reports: list[pytest.TestReport]) -> list[str]:
    """A line for each thing that was missing, of the reports of skipped tests."""
    tests: dict[tuple[str, str], set[str]] = defaultdict(set)
    for report in reports:
        if isinstance(report.longrepr, tuple) and _MARK in report.longrepr[2]:
            what, _, command = report.longrepr[2].partition(_MARK)[2].partition(_REMEDY)
            tests[what, command].add(report.nodeid)
    return [
        f"{len(names)} test{'' if len(names) == 1 else 's'} {_MARK}{what}{_REMEDY}{command}"
        for (what, command), names in sorted(tests.items())
    ]
