"""Fixtures of the tests that run the command."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from workbench.benches.command import Command


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command on an empty home directory."""
    made = Command(tmp_path / "home", monkeypatch, capsys)
    yield made
    made.close()
