"""An answer as JSON and as CSV: the rows that the page shows, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from typing import Any

from sync_pipeline.report.csv_cells import csv_text
from sync_pipeline.visible import escaped_json
from sync_pipeline.web.asked import encoded, wrong
from sync_pipeline.web.views import Link, Table, Tree, Value, View


def as_json(view: View) -> dict[str, Any]:
    """Return an answer of one table as its items, and one of several with each by its name."""
    notes = list(view.notes)
    if not view.facts and len(view.tables) == 1:
        return {**_table(view.tables[0]), "notes": notes}
    facts = {column.name: plain(value) for column, value in view.facts}
    tables = {table.layout.name: _table(table) for table in view.tables}
    return {"name": view.about, "facts": facts, "tables": tables, "notes": notes}


def json_text(value: Mapping[str, Any]) -> str:
    """Return JSON in which nothing acts or hides."""
    return escaped_json(json.dumps(value, ensure_ascii=False, indent=1)) + "\n"


def as_csv(view: View, name: str) -> str:
    """Return a table of an answer: the one of a name, or the first.

    Raises:
        Refusal: there is no such table.
    """
    found = [item for item in view.tables if not name or item.layout.name == name]
    if not found:
        raise wrong("The answer has no table of this name.")
    columns = [column.name for column in found[0].layout.columns]
    return csv_text(columns, [[_cell(value) for value in row] for row in found[0].rows])


def plain(value: Value) -> Any:
    """Return a value as JSON has it; a moment and a day are ISO 8601."""
    if isinstance(value, Link):
        return value.text if value.number is None else value.number
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Tree):
        return _tree(value)
    return list(value) if isinstance(value, tuple) else value


def _tree(tree: Tree) -> dict[str, Any]:
    return {
        "name": plain(tree.value),
        "words": tree.words,
        "branches": [_tree(item) for item in tree.branches],
        "is_repeated": tree.is_repeated,
        "more": tree.more,
    }


def _table(table: Table) -> dict[str, Any]:
    names = [column.name for column in table.layout.columns]
    return {
        "items": [dict(zip(names, map(plain, row), strict=True)) for row in table.rows],
        "next": encoded(table.following) or None,
        "total": table.total,
    }


def _cell(value: Value) -> object:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value if isinstance(value, tuple) else plain(value)
