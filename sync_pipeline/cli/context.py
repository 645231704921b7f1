"""What every command opens, and how it says what it found."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.moment import read_past
from sync_pipeline.model.text import LONGEST_NAME, shortened
from sync_pipeline.report.csv_cells import cell_text, csv_text
from sync_pipeline.visible import escaped_json, visible, visible_lines

if TYPE_CHECKING:
    from sync_pipeline.workflows.dependencies import SyncDeps

PLAIN_WIDTH = 160
"""Columns of a table that goes into a file or a pipe."""
WIDEST = 10_000
SHOWN = 60
MANY_ROWS = 200
"""Above it a table is written line by line: laying it out as a whole would take seconds."""
MOST_ROWS = 2**31 - 1
"""The highest number that an option of rows takes, and every store."""


def utc_now() -> datetime:
    """Return the present moment, aware."""
    return datetime.now(UTC)


@contextmanager
def dependencies() -> Iterator[SyncDeps]:
    """Open the store and the secrets that the settings name."""
    from sync_pipeline.files.private import secure_home
    from sync_pipeline.fleet.secrets import SecretVault
    from sync_pipeline.settings import Settings
    from sync_pipeline.store.store import Store
    from sync_pipeline.workflows.dependencies import SyncDeps

    settings = Settings.load()
    secure_home(settings.home)
    store = Store.open(settings.effective_store_url)
    try:
        tell = say_beside if sys.stderr.isatty() else None
        yield SyncDeps(store, SecretVault.open(settings), settings, utc_now, tell)
    finally:
        store.close()


def say_beside(text: str) -> None:
    """Show how far the work is, beside the answer."""
    typer.echo(visible(text), err=True)


def say(text: str) -> None:
    """Print one line."""
    typer.echo(visible(text))


def show_lines(lines: Iterable[str]) -> None:
    """Print lines of which nothing acts or hides, with the signs that the output has."""
    encoding = sys.stdout.encoding or "utf-8"
    for line in map(visible, lines):
        text = line if is_encodable(line) else line.encode(encoding, "backslashreplace").decode()
        sys.stdout.write(f"{text}\n")


def show_text(text: str) -> None:
    """Print a text of several lines."""
    typer.echo(visible_lines(text), nl=False)


def show_script(text: str) -> None:
    """Print what is to be run: exactly into a file or a pipe, visible on a terminal."""
    # Not by `echo`, which takes away what looks like a colour.
    sys.stdout.write(visible_lines(text) if sys.stdout.isatty() else _exact(text))


def show_json(value: Any) -> None:
    """Print JSON that a script can read; times are ISO 8601."""
    typer.echo(json_text(value))


def json_text(value: Any) -> str:
    """Return JSON in which nothing acts or hides, with the signs that the output has."""
    text = escaped_json(json.dumps(value, default=json_plain, ensure_ascii=False, indent=2))
    return text if is_encodable(text) else json.dumps(value, default=json_plain, indent=2)


def json_lines(values: Sequence[Any], between: str) -> str:
    """Return such JSON of some values, each in a line, with a text between them."""
    encode = json.JSONEncoder(default=json_plain, ensure_ascii=False).encode
    text = escaped_json(between.join(map(encode, values)))
    if is_encodable(text):
        return text
    return between.join(map(json.JSONEncoder(default=json_plain).encode, values))


def json_plain(value: object) -> str:
    """Return what stands in JSON for a value that it has no form for; times are ISO 8601."""
    return value.isoformat() if isinstance(value, datetime) else str(value)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]], nothing: str) -> None:
    """Print a table, or a sentence where there is nothing to show; a tuple is a cell of lines."""
    if not rows:
        say(nothing)
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=_width())
    if len(rows) > MANY_ROWS:
        from sync_pipeline.cli.long_table import long_table

        cells = [[cell_text(value) for value in row] for row in rows]
        sys.stdout.writelines(f"{line}\n" for line in long_table(console, columns, cells))
        return
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell_text(value)) for value in row))
    console.print(table)


def shown_width() -> int:
    """Return the columns of what people read."""
    found = _width()
    return found or shutil.get_terminal_size((PLAIN_WIDTH, 0)).columns


def _width() -> int | None:
    """Return the columns of a table; None: those of the terminal.

    COLUMNS says it for a file or a pipe too (POSIX, Base Definitions 8.3).
    """
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isascii() and wanted.isdigit() and int(wanted[:6]):
        return min(int(wanted[:6]), WIDEST)
    return None if sys.stdout.isatty() else PLAIN_WIDTH


def show_csv(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows as CSV with a header; a cell without a value is empty."""
    sys.stdout.write(_exact(csv_text(columns, rows)))


def _exact(text: str) -> str:
    """Return a text that is to be read by a program.

    Raises:
        ConfigurationError: the encoding of the output has no sign for a part of it.
    """
    if not is_encodable(text):
        raise ConfigurationError(
            f"The output has signs that {sys.stdout.encoding} can't show; nothing was written.",
            hint="Set PYTHONIOENCODING=utf-8.",
        )
    return text


def is_encodable(text: str) -> bool:
    """Return whether the output has a sign for each of a text."""
    if text.isascii():
        return True
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def show_notes(notes: Sequence[str], *, apart: bool = False) -> None:
    """Print what an answer does not know; `apart` from it, on standard error."""
    for note in notes:
        typer.echo(visible(note if apart else f"Note: {note}"), err=apart)


def shown_time(moment: datetime | None) -> str:
    """Return a moment for people, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M:%S}Z" if moment else ""


def parse_past(text: str) -> datetime:
    """Read a moment that was, in ISO 8601, or how long ago it is, such as `24h`.

    Raises:
        ConfigurationError: it is neither, far from every sync, or has not come yet.
    """
    return read_past(text, utc_now())


def require_name(text: str, what: str) -> None:
    """Refuse what can't be the name of anything that people write again.

    Raises:
        ConfigurationError: it is empty or too long, has a control character, or a space at an end.
    """
    from sync_pipeline.fleet.rows import can_be_written

    if not 0 < len(text) <= LONGEST_NAME or not can_be_written(text):
        raise ConfigurationError(
            f"{shortened(text, SHOWN)!r} can't be {what}.",
            hint=f"Give a name of 1 to {LONGEST_NAME} visible characters.",
        )
