"""The `sync-pipeline` command as a user runs it, in this process."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.cli.main import main
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store

CANARY = "c4nary-passw0rd-Ω"
"""A secret that must be found nowhere but in the vault."""


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Command:
    """Runs commands on one home directory, and watches for the canary."""

    def __init__(
        self, home: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.home = home
        self.patch = patch
        self.capture = capture
        self._stores: list[Store] = []
        patch.setenv("SYNC_PIPELINE_HOME", str(home))
        patch.delenv("COLUMNS", raising=False)  # that of whoever runs the tests

    def run(self, *arguments: str, stdin: str = "") -> Said:
        self.patch.setattr(sys, "argv", ["sync-pipeline", *arguments])
        self.patch.setattr(sys, "stdin", io.StringIO(stdin))
        self.capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.capture.readouterr()
        assert CANARY not in out + err
        assert "Traceback" not in err
        return Said(int(ended.value.code or 0), out, err)

    def ok(self, *arguments: str, stdin: str = "") -> Said:
        said = self.run(*arguments, stdin=stdin)
        assert said.status == 0, said
        assert said.err == ""
        return said

    def wrong(self, *arguments: str, stdin: str = "") -> str:
        """Run a command that is bad input: exit status 2, nothing on standard output."""
        said = self.run(*arguments, stdin=stdin)
        assert (said.status, said.out) == (2, ""), said
        return said.err

    def store(self) -> Store:
        """Open the store of the home; it is closed at the end of the test at the latest."""
        self._stores.append(Store.open(Settings.load().effective_store_url))
        return self._stores[-1]

    def close(self) -> None:
        """Close every store that a test opened: one left to the collector warns in Python 3.13."""
        for store in self._stores:
            store.close()


@contextmanager
def command_at(
    home: Path, now: datetime, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """Run commands on a home, for which it is this moment."""
    patch.setattr("sync_pipeline.cli.context.utc_now", lambda: now)
    made = Command(home, patch, capture)
    try:
        yield made
    finally:
        made.close()
