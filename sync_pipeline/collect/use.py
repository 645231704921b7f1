"""Asking a server who uses its accounts, on the connection of an account sync.

Whatever goes wrong costs a note, and never the sync.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.collect.understanding import understood
from sync_pipeline.collect.visibility import Visibility
from sync_pipeline.engines.base import Grantee, KnowsUse, Query, RowT, sql_text
from sync_pipeline.errors import PrivilegeError, QueryError, SyncError
from sync_pipeline.model.use import UseSample

MOST_ACCOUNTS = 100_000
"""A sample of more accounts, or of more who connected, is not kept."""


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks one server; a refusal says which grant would let it."""

    visibility: Visibility
    package: str
    reading: AccountReading

    def __call__(self, query: Query[RowT]) -> Sequence[RowT]:
        """Return the rows of a query.

        Raises:
            SyncError: as `Connection.fetch` does; PrivilegeError also where its check says so.
        """
        server = self.reading.server
        file = query.file_for(server.version_number, server.place)
        if file is None:
            raise QueryError(f"This server has no query {query.name}.")
        try:
            self.visibility.require(query)
            rows = self.visibility.connection.fetch(sql_text(self.package, file))
        except PrivilegeError as error:
            grantee = Grantee(self.reading.engine, server, self.reading.username)
            error.hint = grantee.told(error, query)
            raise
        return [query.bind(row) for row in rows]


def use_of(reading: AccountReading, visibility: Visibility, package: str) -> UseSample | str | None:
    """Return a sample, why there is none, or None where the engine tells nothing of use."""
    engine: object = reading.engine
    if not isinstance(engine, KnowsUse):
        return None
    ask = Asker(visibility, package, reading)
    try:
        with understood("the query of who is logged in"):
            sample = engine.use(ask, reading.rows, reading.server, reading.username)
            if len(sample.sightings) > MOST_ACCOUNTS:
                return f"More than {MOST_ACCOUNTS} who connected are not kept."
            return sample
    except SyncError as error:
        return str(error)
