"""Measure one instance, and say of every value why it is not known."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.collect.counted import Counts
from sync_pipeline.collect.understanding import identified, understood
from sync_pipeline.collect.visibility import Visibility, package_of
from sync_pipeline.engines.base import Engine, Query, Reading, RowT, needed, rest, sql_text
from sync_pipeline.errors import (
    ConnectError,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    ResultLimit,
    ServerLimit,
    SyncError,
)
from sync_pipeline.model.size import Measure, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity

_UNREADABLE = (PrivilegeError, QueryError, QueryTimeout)


@dataclass(frozen=True, slots=True)
class SizeScope:
    """What to measure: `largest_tables` of each database, `max_databases` opened at most."""

    username: str
    largest_tables: int = 0
    max_databases: int = 500


def collect_sizes(
    engine: Engine, open_database: ConnectionOpener, scope: SizeScope, observed_at: datetime
) -> SizeSnapshot:
    """Measure every database of one instance, and the server's logs and shared files.

    Raises:
        SyncError: no connection, wrong server, or the databases could not be listed.
    """
    started = time.monotonic()
    with open_database(None) as connection:
        server = identified(engine, connection)
        connected = time.monotonic()
        visibility = Visibility(connection, package_of(engine))
        reader = _Reader(engine, open_database, visibility, scope, server, observed_at)
        with understood("the queries of its sizes"):
            snapshot = engine.sizes(reader)
    return replace(
        snapshot,
        warnings=(*reader.warnings, *snapshot.warnings),
        notes=tuple(reader.notes),
        timings={
            "connect_seconds": connected - started,
            "collect_seconds": time.monotonic() - connected,
        },
    )


@dataclass(slots=True)
class _Reader:
    """A `SizeReader` on one open connection."""

    engine: Engine
    open_database: ConnectionOpener
    visibility: Visibility
    scope: SizeScope
    server: ServerIdentity
    observed_at: datetime
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    opened: int = 0

    @property
    def username(self) -> str:
        """Return the monitoring account."""
        return self.scope.username

    @property
    def largest_tables(self) -> int:
        """Return how many tables of each database are asked for."""
        return self.scope.largest_tables

    def read(self, query: Query[RowT], **parameters: object) -> Reading[RowT]:
        """Run a query on the server's connection."""
        return self._read(self.visibility, query, parameters)

    def read_in(
        self, database: str, *queries: Query[Any], **parameters: object
    ) -> tuple[Reading[Any], ...]:
        """Run queries on a new connection to one database."""
        self.opened += 1
        rest(self.visibility.connection)
        found: list[Reading[Any]] = []
        try:
            with self.open_database(database) as connection:
                here = Visibility(connection, package_of(self.engine))
                found.extend(self._read(here, query, parameters, database) for query in queries)
        except (ConnectError, ResultLimit, ServerLimit, *_UNREADABLE) as error:
            failure = self._failure(error, None, database)
            found += [Reading(failure=failure)] * (len(queries) - len(found))
        return tuple(found)

    def databases_now(self, query: Query[RowT]) -> Sequence[RowT]:
        """Run a listing again on a new connection."""
        rest(self.visibility.connection)
        with self.open_database(None) as connection:
            return self._rows(Visibility(connection, package_of(self.engine)), query, {})

    def may_read_in(self, database: str) -> Measure | None:
        """Return None while fewer databases than the limit were opened."""
        if self.opened < self.scope.max_databases:
            return None
        limit = self.scope.max_databases
        beyond = Measure.unreachable(
            f"Database {database} was not opened: the limit of {limit} databases was reached."
        )
        self.warn(beyond.reason)
        return beyond

    def warn(self, message: str) -> None:
        """Record a sentence, once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def _read(
        self,
        visibility: Visibility,
        query: Query[RowT],
        parameters: dict[str, object],
        database: str = "",
    ) -> Reading[RowT]:
        try:
            return Reading(self._rows(visibility, query, parameters))
        except _UNREADABLE as error:
            where = database or str(parameters.get("database", ""))
            return Reading(failure=self._failure(error, query, where))

    def _rows(
        self, visibility: Visibility, query: Query[RowT], parameters: dict[str, object]
    ) -> tuple[RowT, ...]:
        file = query.file_for(self.server.version_number, self.server.place)
        if file is None:
            raise QueryError(f"This version has no query {query.name}.")
        with understood(f"query {query.name}"):
            visibility.require(query)
            text = sql_text(package_of(self.engine), file)
            named = {name: value for name, value in parameters.items() if _names(text, name)}
            package = package_of(self.engine)
            counts = Counts(visibility.connection, package, self.server)
            return counts.rows(query, named or None)

    def _failure(self, error: SyncError, query: Query[Any] | None, database: str) -> Measure:
        where = f"Database {database}: " if database else ""
        if isinstance(error, PrivilegeError) and query is not None:
            needs = needed(self.engine, query, self.server, self.username, database)
            told = error.hint or f"It needs: {needs}"
            failure = Measure.denied(f"{where}{error.message} {told}")
            if query.opens:
                failure = Measure.denied(
                    f"{failure.reason} It is optional: it opens {query.opens}."
                )
                self.notes.append(failure.reason)
                return failure
        else:
            failure = Measure.unreachable(f"{where}{error.message}")
        self.warn(failure.reason)
        return failure


def _names(text: str, parameter: str) -> bool:
    """Return whether a statement names a parameter, in the form of either kind of driver."""
    return re.search(rf"%\({parameter}\)s|(?<!:):{parameter}\b", text) is not None
