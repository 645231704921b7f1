"""What another system knew before the move: beside what is known here, and never mixed into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sync_pipeline.model.imported import ImportedAccount
from sync_pipeline.model.text import shortened
from sync_pipeline.web.asked import Asked, Parameter
from sync_pipeline.web.resource import Resource
from sync_pipeline.web.resources.accounts import state_of
from sync_pipeline.web.resources.lines import LONGEST_LINE, MOST_OF_LIST, MOST_OF_ONE
from sync_pipeline.web.resources.links import history_link, instance_link
from sync_pipeline.web.resources.parameters import SELECTION, selected
from sync_pipeline.web.views import Column, Kind, Layout, Value, View
from sync_pipeline.workflows.console.answers import Answers

FROM = Column("from", is_rare=True)
"""The name of the system that was imported; nothing: it is of ours."""
DETAILS = Column("details", Kind.LINES, is_rare=True)
_WHERE = "and {more} more: sync-pipeline has them, with --json"
_LAST = (
    Column("state", Kind.STATE),
    Column("first_seen", Kind.MOMENT),
    Column("gone", Kind.MOMENT),
    Column("last_change", Kind.MOMENT),
    Column("last_seen", Kind.MOMENT),
)
BEFORE = Layout("before", (Column("from"), *_LAST, Column("of"), Column("could", Kind.LINES)))
LIST = Layout(
    "imported-accounts",
    (Column("instance", Kind.NAME), Column("account", Kind.NAME), *_LAST, Column("from")),
)


def every(answers: Answers, asked: Asked) -> View:
    """Return a page of accounts as they were last known before the move."""
    page = answers.imported.accounts(selected(asked), asked.text("account"), asked.place)
    return View((LIST.of(map(_row, page.items), page.next),))


def before_row(item: ImportedAccount) -> tuple[Value, ...]:
    """Return what was last known of an account."""
    return (item.source, *_last(item), item.owner, lines_of_json(item.state, MOST_OF_ONE))


def lines_of_json(text: str, most: int = MOST_OF_LIST) -> tuple[str, ...]:
    """Return JSON text in lines: a path and its value; lists of plain values in one line.

    Text that is nested deeper than it can be read is shown as it is.
    """
    if not text:
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return (shortened(text, LONGEST_LINE),)
    lines: list[str] = []
    more = 0
    for path, value in _leaves(found):
        if len(lines) < most:
            lines.append(shortened(f"{path}: {value}" if path else value, LONGEST_LINE))
        else:
            more += 1
    return (*lines, _WHERE.format(more=more)) if more else tuple(lines)


def _leaves(found: Any) -> Iterator[tuple[str, str]]:
    """Yield what is no object and no list of these; empty things are not told."""
    # No call for each level: an import may have been given more of them than a page can go down.
    waiting = [("", found)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(_below(path, name), part) for name, part in reversed(value.items())]
        elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
            parts = [(_below(path, str(number)), part) for number, part in enumerate(value, 1)]
            waiting += reversed(parts)
        elif isinstance(value, list):
            if value:
                yield path, ", ".join(map(_plain, value))
        elif value is not None and value != "":
            yield path, _plain(value)


def _below(path: str, name: str) -> str:
    return shortened(f"{path}.{name}" if path else name, LONGEST_LINE)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _row(item: ImportedAccount) -> tuple[Value, ...]:
    named = history_link(item.instance, item.name)
    return (instance_link(item.instance), named, *_last(item), item.source)


def _last(item: ImportedAccount) -> tuple[Value, ...]:
    return (
        state_of(
            is_active=item.is_active, is_superuser=item.is_superuser, is_locked=item.is_locked
        ),
        item.first_seen_at,
        item.deleted_at,
        item.last_change_at,
        item.last_sync_at,
    )


RESOURCES = (
    Resource(
        "imported-accounts",
        every,
        (LIST,),
        (Parameter("account"), *SELECTION),
        is_listed=False,
    ),
)
