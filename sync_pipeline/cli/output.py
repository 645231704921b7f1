"""The three forms of what a command shows: a table for people, JSON and CSV for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from sync_pipeline.cli.context import show_csv, show_notes, show_table, shown_time
from sync_pipeline.errors import ConfigurationError


class OutputFormat(StrEnum):
    """The form of what a command shows."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


FormatOption = Annotated[
    OutputFormat | None,
    typer.Option("--format", help="How to show it; in CSV, notes go to standard error."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="The same as --format json.")]
CsvOption = Annotated[bool, typer.Option("--csv", help="The same as --format csv.")]


@dataclass(frozen=True, slots=True)
class Cell:
    """A value that people read in another way than programs do, such as a size or a time."""

    raw: object
    shown: str


def time_cell(moment: datetime | None, otherwise: str = "") -> Cell:
    """Return a moment: for people to the second, for programs as ISO 8601."""
    return Cell(moment and moment.isoformat(), shown_time(moment) or otherwise)


@dataclass(frozen=True, slots=True)
class Output:
    """How a command shows what it found."""

    form: OutputFormat = OutputFormat.TABLE

    @classmethod
    def of(cls, form: OutputFormat | None, *, as_json: bool, as_csv: bool) -> Output:
        """Return what the options ask for.

        Raises:
            ConfigurationError: they ask for two forms.
        """
        asked = {form, *([OutputFormat.JSON] if as_json else [])}
        asked |= {OutputFormat.CSV} if as_csv else set()
        asked.discard(None)
        if len(asked) > 1:
            raise ConfigurationError(
                "An answer has one format.", hint="Give one of --format, --json and --csv."
            )
        return cls(*asked)  # type: ignore[arg-type]

    @property
    def is_json(self) -> bool:
        """Return whether it is JSON, of which each command says what is in it."""
        return self.form is OutputFormat.JSON

    @property
    def is_csv(self) -> bool:
        """Return whether it is CSV."""
        return self.form is OutputFormat.CSV

    @property
    def is_table(self) -> bool:
        """Return whether it is for people."""
        return self.form is OutputFormat.TABLE

    def show(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        nothing: str,
        notes: Sequence[str] = (),
    ) -> None:
        """Show rows as a table or CSV, then notes; `nothing` stands for a table without rows."""
        plain = [[self._plain(value) for value in row] for row in rows]
        if self.is_csv:
            show_csv(columns, plain)
        else:
            show_table(columns, plain, nothing)
        show_notes(notes, apart=self.is_csv)

    def _plain(self, value: object) -> object:
        if not isinstance(value, Cell):
            return value
        return value.raw if self.is_csv else value.shown
