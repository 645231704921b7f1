"""What every command opens, and how it says what it found."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.private import secure_home
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.report.csv_cells import harmless
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.visible import escaped_json, visible, visible_lines
from sync_pipeline.workflows.dependencies import SyncDeps

PLAIN_WIDTH = 160
"""Columns of a table that goes into a file or a pipe."""


def utc_now() -> datetime:
    """Return the present moment, aware."""
    return datetime.now(UTC)


@contextmanager
def dependencies() -> Iterator[SyncDeps]:
    """Open the store and the secrets that the settings name."""
    settings = Settings.load()
    secure_home(settings.home)
    store = Store.open(settings.effective_store_url)
    try:
        yield SyncDeps(store, SecretVault.open(settings), settings, utc_now)
    finally:
        store.close()


def say(text: str) -> None:
    """Print one line."""
    typer.echo(visible(text))


def show_text(text: str) -> None:
    """Print a text of several lines."""
    typer.echo(visible_lines(text), nl=False)


def show_script(text: str) -> None:
    """Print what is to be run: exactly into a file or a pipe, visible on a terminal."""
    # Not by `echo`, which takes away what looks like a colour.
    sys.stdout.write(visible_lines(text) if sys.stdout.isatty() else text)


def show_error(text: str) -> None:
    """Print lines on standard error."""
    typer.echo(visible_lines(text), err=True)


def show_json(value: Any) -> None:
    """Print JSON that a script can read; times are ISO 8601."""
    text = json.dumps(value, default=_plain, ensure_ascii=False, indent=2)
    typer.echo(escaped_json(text))


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """Print a table, or a sentence where there is nothing to show; a tuple is a cell of lines."""
    if not rows:
        say(nothing)
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console()
    if not console.is_terminal:
        console = Console(width=PLAIN_WIDTH)
    console.print(table)


def show_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as CSV with a header; a cell without a value is empty."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([[harmless(value, _cell(value)) for value in row] for row in rows])


def show_notes(notes: Sequence[str], *, apart: bool = False) -> None:
    """Print what an answer does not know; `apart` from it, on standard error."""
    for note in notes:
        typer.echo(visible(note if apart else f"Note: {note}"), err=apart)


def _cell(value: object) -> str:
    if isinstance(value, tuple):
        return "\n".join(visible(str(line)) for line in value)
    return "" if value is None else visible(str(value))


def shown_time(moment: datetime | None) -> str:
    """Return a moment for people, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 date or time; without a zone it is UTC.

    Raises:
        ConfigurationError: it is neither.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(
            f"{text!r} is not a time.", hint="Write it as 2026-01-31T09:00:00Z."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
