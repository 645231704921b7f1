"""How far long work is: seldom, not at once, and to somebody who waits alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sync_pipeline.cli.context import dependencies
from sync_pipeline.workflows import progress
from sync_pipeline.workflows.progress import Progress


def test_there_is_a_line_for_each_tenth(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(progress.time, "monotonic", lambda: now)
    told: list[str] = []
    noted = Progress(told.append, "Reviewing", 1000)
    noted._begun = 0.0
    for done in range(1, 1001):
        now = done / 20
        noted.note(done)
    assert len(told) == 11
    assert told[0] == "Reviewing: 20 of 1000 instances."
    assert told[1:] == [f"Reviewing: {tenth}00 of 1000 instances." for tenth in range(1, 10)] + [
        "Reviewing: 1000 of 1000 instances."
    ]


def test_quick_work_says_nothing() -> None:
    told: list[str] = []
    Progress(told.append, "Reviewing", 1).note(1)
    assert told == []


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_command_tells_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    is_terminal: bool,
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_HOME", str(tmp_path))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    with dependencies() as deps:
        assert (deps.tell is not None) is is_terminal
        if deps.tell:
            deps.tell("half \x1b of it")
    assert capsys.readouterr() == ("", "half \\x1b of it\n" if is_terminal else "")
