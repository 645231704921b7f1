"""What a run shows stays small, whatever the fleet and its instances are like."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import SyncError
from sync_pipeline.model.change import AccountChange, AccountDiff, ChangeType
from sync_pipeline.model.failure import Failure, Failures
from sync_pipeline.model.finding import Finding, Review, Severity, counts_of
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.session import RecordStatus
from sync_pipeline.model.size import DatabaseSize, Measure, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity
from sync_pipeline.model.text import first_names, shortened
from sync_pipeline.orchestration.failures import failure_of
from sync_pipeline.orchestration.metadata import (
    findings_metadata,
    report_metadata,
    size_metadata,
)
from sync_pipeline.orchestration.runs.runs import FAILURES_ON_RUN, NAMES_IN_TAG
from sync_pipeline.store.sessions.reads import LONGEST_MESSAGE
from sync_pipeline.workflows.answers.findings import SessionReview
from sync_pipeline.workflows.sessions import LONGEST_SUMMARY, failure_summary
from sync_pipeline.workflows.syncing.accounts import AccountSyncReport
from sync_pipeline.workflows.syncing.sizes import SizeReport

MOST_IN_STEP = 20_000
SESSION = "5e55" * 9
NO_DIFF = AccountDiff()
counts = st.integers(0, 10_000)
# A long text is a short one many times over: hypothesis would make none of 100,000 characters.
texts = st.builds(lambda text, times: text * times, st.text(max_size=9), st.integers(1, 20_000))


def size_of(metadata: dict[str, object]) -> int:
    values = [getattr(value, "value", None) for value in metadata.values()]
    return sum(len(str(value)) for value in values) + sum(map(len, metadata))


@given(counts, st.integers(0, 400), texts, texts)
def test_a_step_of_the_account_sync(changes: int, lines: int, name: str, line: str) -> None:
    change = AccountChange(name, ChangeType.MODIFY_PRIVILEGE, NO_DIFF, (line,) * lines)
    report = AccountSyncReport(
        "i", RecordStatus.COMPLETED, line, warnings=(line,) * changes, changes=(change,) * changes
    )
    assert size_of(dict(report_metadata(report))) < MOST_IN_STEP


@given(counts, texts, texts)
def test_a_step_of_the_size_collection(count: int, name: str, warning: str) -> None:
    databases = (DatabaseSize(name, Measure.known(5)),) * count
    snapshot = SizeSnapshot(ServerIdentity("1", (1,)), datetime.now(UTC), databases)
    report = SizeReport(
        "i", RecordStatus.COMPLETED, warning, warnings=(warning,) * count, snapshot=snapshot
    )
    assert size_of(dict(size_metadata(report))) < MOST_IN_STEP


@given(counts, texts)
def test_the_notes_of_a_review(count: int, note: str) -> None:
    found = SessionReview(Review(notes=(note,) * count), counts_of(()))
    assert size_of(dict(findings_metadata(found))) < MOST_IN_STEP


def test_what_was_left_out_is_counted_and_where_it_is_said() -> None:
    changes = [
        AccountChange(f"a{number}", ChangeType.ADD, NO_DIFF, ("x",)) for number in range(900)
    ]
    report = AccountSyncReport("i", RecordStatus.COMPLETED, "done", changes=tuple(changes))
    lines = str(report_metadata(report)["changes"].value).splitlines()
    shown = len(lines) - 4
    assert 50 < shown < 900
    assert lines[-1] == f"… and {900 - shown} more, see the change log."


@given(st.integers(0, 20_000), st.integers(0, FAILURES_ON_RUN), texts, texts)
def test_the_summary_of_a_run(total: int, shown: int, name: str, message: str) -> None:
    message = message[: LONGEST_MESSAGE + 1]  # what the store gives of it
    first = tuple(
        Failure(f"{number}{name}", RecordStatus.FAILED, "connect", message)
        for number in range(min(total, shown))
    )
    summary = failure_summary(SESSION, Failures(total, first))
    assert len(summary) < LONGEST_SUMMARY + 200
    lines = summary.split("\n…")
    if not total:
        assert summary == ""
    if total > shown:
        assert f"more: sync-pipeline sessions show {SESSION} --failed" in lines[-1]


def test_the_summary_names_the_first_and_counts_the_rest() -> None:
    first = tuple(
        Failure(f"db{number:02}", RecordStatus.FAILED, "connect", "refused") for number in range(50)
    )
    lines = failure_summary(SESSION, Failures(312, first)).splitlines()
    assert lines[0] == "db00: failed: refused"
    assert len(lines) == 51
    assert lines[-1] == f"… and 262 more: sync-pipeline sessions show {SESSION} --failed"
    assert failure_summary(SESSION, Failures(50, first)).splitlines() == lines[:-1]


@given(st.lists(texts, max_size=NAMES_IN_TAG), counts)
def test_the_tag_of_a_run(names: list[str], more: int) -> None:
    tag = first_names(names, len(names) + more)
    assert len(tag) < 1_500
    assert ("more" in tag) >= (more > 0)


@given(texts, texts)
def test_the_failure_of_a_step(message: str, hint: str) -> None:
    failure = failure_of(SyncError(message, instance="i", hint=hint))
    assert len(failure.description or "") + size_of(dict(failure.metadata)) < MOST_IN_STEP


@pytest.mark.parametrize(("text", "most", "cut"), [("abc", 3, "abc"), ("abcd", 3, "ab…")])
def test_a_cut_text_says_so(text: str, most: int, cut: str) -> None:
    assert shortened(text, most) == cut


def test_the_rules_of_a_review_are_counted_and_bounded() -> None:
    found = tuple(
        Finding(f"i{n % 9}", EngineName.MYSQL, f"a{n}", rule, Severity.HIGH, "")
        for n in range(99)
        for rule in ("superuser", "x" * 9_000)
    )
    shown = findings_metadata(SessionReview(Review(found), counts_of(())))
    assert "| superuser | 99 | 9 |" in str(shown["findings by rule"].value)
    many = tuple(replace(found[0], rule=f"{n}{'x' * 200}") for n in range(999))
    assert size_of(dict(findings_metadata(SessionReview(Review(many), counts_of(()))))) < (
        MOST_IN_STEP
    )
