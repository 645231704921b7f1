"""Taking in what a server says that it is set to, within bounds."""

from __future__ import annotations

from dataclasses import astuple
from typing import Any, cast

from sync_pipeline.engines.base import FactRow, Query
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import QueryError
from sync_pipeline.model.server_fact import MOST_CHARACTERS, MOST_FACTS, ServerFact

TOO_MANY = "too many"
"""The name of a row that a statement adds where it looked at a part only."""


def facts_of(query: Query[Any], rows: PackedRows, database: str, known: int) -> list[ServerFact]:
    """Return the facts of a query's rows; none where it reads something else.

    `known` is how many there are of the instance already.

    Raises:
        QueryError: there are more, or longer ones, than are kept, or more than the statement looks
            at. None of these rows is then.
    """
    if query.row is not FactRow:
        return []
    if known + len(rows) > MOST_FACTS:
        raise QueryError(f"More than {MOST_FACTS} facts of one server are not kept.")
    found = [_fact(row, database) for row in cast("Query[FactRow]", query).bound(rows)]
    for item in found:
        if item.name == TOO_MANY:
            raise QueryError(
                f"The server has more than {item.value} {item.subject}: none is judged."
            )
    if any(len(part) > MOST_CHARACTERS for item in found for part in astuple(item)):
        raise QueryError(
            f"Query {query.name} returned a text of more than {MOST_CHARACTERS} characters."
        )
    return found


def _fact(row: FactRow, database: str) -> ServerFact:
    """Return a fact without what no store can hold."""
    parts = (row.name, database or row.database, row.subject, row.value)
    return ServerFact(*(_text(part) for part in parts))


def _text(part: object) -> str:
    text = "" if part is None else str(part)
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")
