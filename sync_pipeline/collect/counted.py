"""Whether all rows of a catalog came: the server is asked how many there are.

A limit of the server or of something before it (`sql_select_limit`, a proxy) cuts an answer
off without an error, and what did not come would look as if it were gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sync_pipeline.engines.base import Connection, Query, RowT, sql_text
from sync_pipeline.engines.wire.rows import PackedRows, read_packed
from sync_pipeline.errors import PrivilegeError, QueryError, QueryTimeout
from sync_pipeline.model.snapshot import ServerIdentity

MOST_READS = 3
"""Between an answer and its count an account may come or go, where they are no snapshot."""


class Counts:
    """What one connection's server counts; the statement for many queries is asked once."""

    def __init__(
        self,
        connection: Connection,
        package: str,
        server: ServerIdentity,
        together: Query[Any] | None = None,
    ) -> None:
        self._connection = connection
        self._package = package
        self._where = server.version_number, server.place
        self._together = together
        self._known: Mapping[str, int] | None = None

    def rows(
        self, query: Query[RowT], parameters: Mapping[str, object] | None = None
    ) -> tuple[RowT, ...]:
        """Return the rows of a query that this server has, as many as the server counts.

        Raises:
            SyncError: as `packed` does.
        """
        return tuple(query.bound(self.packed(query, parameters)))

    def packed(
        self, query: Query[Any], parameters: Mapping[str, object] | None = None
    ) -> PackedRows:
        """Return the rows of a query as they are held until records are made of them.

        Raises:
            QueryError: the server counts more or fewer rows than came, each time it was asked.
            SyncError: what the connection raises.
        """
        file = query.file_for(*self._where)
        if file is None:
            raise QueryError(f"This version has no query {query.name}.")
        text = sql_text(self._package, file)
        found = PackedRows()
        counted: int | None = 0
        for _ in range(MOST_READS):
            found = read_packed(self._connection, text, parameters)
            query.require_columns(found)
            counted = self._counted(query)
            if counted in (None, len(found)):
                return found
            self._known = None
        raise QueryError(
            f"Query {query.name} returned {len(found)} rows, and the server counts {counted}: the "
            "answer is not whole, and nothing that is missing in it is taken for gone.",
            hint="Look for what limits rows on the server, or in a proxy before it "
            "(sql_select_limit, a row filter).",
            retryable=True,
        )

    def _counted(self, query: Query[Any]) -> int | None:
        """Return how many rows a query must have; None: nothing counts them."""
        if self._known is None:
            self._known = self._counted_together()
        if query.name in self._known:
            return self._known[query.name]
        file = query.count_for(*self._where)
        if not file:
            return None
        (row,) = self._connection.fetch(sql_text(self._package, file))
        (value,) = row.values()
        return int(value)

    def _counted_together(self) -> Mapping[str, int]:
        """Return the counts of many queries; none where one of them can't be read."""
        file = self._together.file_for(*self._where) if self._together else None
        if self._together is None or file is None:
            return {}
        try:
            rows = self._connection.fetch(sql_text(self._package, file))
        except (PrivilegeError, QueryError, QueryTimeout):
            return {}
        (row,) = rows
        return {name: int(value) for name, value in asdict(self._together.bind(row)).items()}
