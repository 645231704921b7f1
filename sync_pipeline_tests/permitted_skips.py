"""A pytest plugin: which tests may be skipped, and why. Any other skip is a failure.

A test that is skipped shows nothing, in every run, and nobody sees it. So each kind of skip is
permitted here, and the run ends with a list of those that there were.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from fnmatch import fnmatchcase

import pytest

TESTS = "sync_pipeline_tests"


@dataclass(frozen=True)
class PermittedSkip:
    """Tests by a pattern of their ids, what the skip says, and why nothing is wrong with it."""

    tests: str
    says: str
    why: str

    def covers(self, test: str, said: str) -> bool:
        """Return whether a skip is of this kind."""
        return fnmatchcase(test, self.tests) and re.match(self.says, said) is not None


OF_ANOTHER_RELEASE = "another Debian release brings it: apt and a mirror of Debian are needed"
PERMITTED = (
    PermittedSkip(
        f"{TESTS}/*", r"MySQL [\d.]+ is not available: ", "only Debian unstable brings it"
    ),
    PermittedSkip(f"{TESTS}/*", r"MariaDB [\d.]+ is not available: ", OF_ANOTHER_RELEASE),
    PermittedSkip(f"{TESTS}/*", r"PostgreSQL \d+ is not available: ", OF_ANOTHER_RELEASE),
    PermittedSkip(f"{TESTS}/*", r"pgbouncer is not available: ", OF_ANOTHER_RELEASE),
    PermittedSkip(f"{TESTS}/*", r"promtool is not available: ", OF_ANOTHER_RELEASE),
    PermittedSkip(f"{TESTS}/*", r"Compose is not available: ", OF_ANOTHER_RELEASE),
    PermittedSkip(
        f"{TESTS}/orchestration/test_wheel.py*",
        r"Python [\d.]+ is not on this machine",
        "only the Python that runs the tests has to be there",
    ),
    PermittedSkip(
        f"{TESTS}/orchestration/test_wheel.py*",
        r"Python [\d.]+ is tried where SYNC_PIPELINE_TEST_EVERY_PYTHON is set",
        "it takes minutes; the Python that runs the tests is tried in each run",
    ),
    PermittedSkip(
        f"{TESTS}/unit/project/test_deploy.py*",
        "systemd-analyze is not on this machine",
        "a machine or container may have no systemd",
    ),
    PermittedSkip(
        f"{TESTS}/contract/test_sqlserver_real.py*",
        "no server: set SYNC_PIPELINE_TEST_SQLSERVER",
        "no SQL Server can be installed here",
    ),
    PermittedSkip(
        f"{TESTS}/*",
        "no Babelfish: set SYNC_PIPELINE_TEST_BABELFISH",
        "no package or mirror brings it",
    ),
    PermittedSkip(
        f"{TESTS}/contract/test_oracle_server.py*",
        "SYNC_PIPELINE_TEST_ORACLE names no server",
        "no Oracle can be installed here",
    ),
    PermittedSkip(
        f"{TESTS}/contract/test_sqlserver_routing.py*",
        "this Linux can't keep a thread from TCP ports",
        "Landlock knows TCP from Linux 6.7 on",
    ),
    PermittedSkip(
        f"{TESTS}/*",
        "no file system can be mounted here: ",
        "a container without CAP_SYS_ADMIN can't; the limits of a process are tried everywhere",
    ),
    PermittedSkip(f"{TESTS}/*", "only root can be two users", "CI is root; other users can't be"),
)


def permission(test: str, said: str) -> PermittedSkip | None:
    """Return what permits a skip, or None."""
    return next((item for item in PERMITTED if item.covers(test, said)), None)


def said_by(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the reason of a skip, as the test gave it."""
    told = report.longrepr
    text = str(told[2]) if isinstance(told, tuple | list) else str(told or "")
    return text.removeprefix("Skipped: ")


def _judge(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Make a failure of a skip that nothing permits."""
    if not report.skipped or hasattr(report, "wasxfail"):
        return
    said = said_by(report)
    if permission(report.nodeid, said) is None:
        report.outcome = "failed"
        report.longrepr = (
            f"{report.nodeid} was skipped: {said}. No skip of this kind is permitted: let the test "
            f"run, or name the kind in {TESTS}/permitted_skips.py, with its reason."
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _judge(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _judge(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the skips that there were, with what permits each kind."""
    found: Counter[tuple[str, str]] = Counter()
    for report in terminalreporter.stats.get("skipped", []):
        said = said_by(report)
        permitted = permission(report.nodeid, said)
        found[(said, permitted.why if permitted else "not permitted")] += 1
    if found:
        terminalreporter.section("permitted skips")
    for (said, why), count in sorted(found.items()):
        terminalreporter.line(f"{count} skipped: {said} (permitted: {why})")
