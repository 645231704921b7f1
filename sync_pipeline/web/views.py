"""What an answer is, before it is a page, JSON or CSV: facts and tables.

Each of the three shows the same values. Names of servers stay data until then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from sync_pipeline.model.page import Key


@dataclass(frozen=True, slots=True)
class Link:
    """A text that leads to another page of the console, or to Dagster's UI (`is_outside`).

    `number` is what programs read in place of the text.
    """

    text: str
    address: str
    values: Mapping[str, str] = field(default_factory=dict)
    is_outside: bool = False
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Tree:
    """A text or a link with words beside it, and what branches off; the root may have neither.

    `is_repeated`: its branches are at another place. `more` branches are not shown.
    """

    value: str | Link | None
    words: str = ""
    branches: tuple[Tree, ...] = ()
    is_repeated: bool = False
    more: int = 0


Value = str | int | float | bool | date | None | tuple[str, ...] | Link | Tree


class Kind(StrEnum):
    """What a value is: how a page shows it, and what OpenAPI says of it.

    A size is in bytes, as its column's name says: a page shows it in units, and programs read it
    as it is. A change is in percent.
    """

    TEXT = "text"
    NAME = "name"
    MOMENT = "moment"
    DAY = "day"
    NUMBER = "number"
    SIZE = "size"
    CHANGE = "change"
    FLAG = "flag"
    STATE = "state"
    LINES = "lines"
    CODE = "code"
    PROSE = "prose"
    TREE = "tree"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, or a fact. `order` is the value of `sort` that sorts by it.

    A page leaves one that `is_rare` out where nothing is in it; programs get it always.
    """

    name: str
    kind: Kind = Kind.TEXT
    order: str = ""
    is_rare: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table, as they are for every request."""

    name: str
    columns: tuple[Column, ...]

    def of(
        self,
        rows: Iterable[Sequence[Value]],
        following: Key | None = None,
        total: int | None = None,
        whole: Link | None = None,
    ) -> Table:
        """Return a table of this layout."""
        return Table(self, tuple(map(tuple, rows)), following, total, whole)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of a layout. `following` is the key after which the next page begins.

    `whole` leads to the page of all of them, where these are some.
    """

    layout: Layout
    rows: tuple[tuple[Value, ...], ...]
    following: Key | None = None
    total: int | None = None
    whole: Link | None = None

    @property
    def shown(self) -> Table:
        """Return it as a page shows it: without rare columns in which there is nothing."""
        empty = {
            place
            for place, column in enumerate(self.layout.columns)
            if column.is_rare and all(row[place] in (None, ()) for row in self.rows)
        }
        if not empty:
            return self
        kept = [place for place in range(len(self.layout.columns)) if place not in empty]
        columns = tuple(self.layout.columns[place] for place in kept)
        rows = tuple(tuple(row[place] for place in kept) for row in self.rows)
        return replace(self, layout=replace(self.layout, columns=columns), rows=rows)


class Stroke(StrEnum):
    """How a line of a plot is drawn: as what was measured, or as what is expected."""

    MEASURED = "measured"
    EXPECTED = "expected"


@dataclass(frozen=True, slots=True)
class Line:
    """Values by date, in order; None is a gap. `name` is the key of a text (`line.NAME`)."""

    name: str
    points: tuple[tuple[date, int | float | None], ...]
    stroke: Stroke = Stroke.MEASURED


@dataclass(frozen=True, slots=True)
class Level:
    """A value that does not change, such as a limit; its name is a text as that of a line."""

    name: str
    value: int | float


@dataclass(frozen=True, slots=True)
class Plot:
    """Values over time: a picture, with its values in the table of the view that it names.

    Where they are in a table of another page, `more` leads there. The gaps of the first line are
    what it says was not measured. `band` are dates with what is least and most expected. `kind` is
    what the values are: a number, or a size. Its heading is a text (`plot.NAME`).
    """

    name: str
    table: str
    lines: tuple[Line, ...]
    band: tuple[tuple[date, float, float], ...] = ()
    level: Level | None = None
    kind: Kind = Kind.SIZE
    more: Link | None = None


@dataclass(frozen=True, slots=True)
class View:
    """An answer. `about` is the name in the title; `notes` say what the answer does not know.

    `plots` are shown before the tables. `hint` is the key of a text that says what to do next.
    `left_out` are tables that were not asked for: a page does not say of them that they are empty.
    `beside` leads to what is not among these; its text is the key of one (`beside.TEXT`).
    """

    tables: tuple[Table, ...] = ()
    facts: tuple[tuple[Column, Value], ...] = ()
    notes: tuple[str, ...] = ()
    about: str = ""
    plots: tuple[Plot, ...] = ()
    left_out: tuple[str, ...] = ()
    hint: str = ""
    beside: Link | None = None
