"""Measure one instance, and say of every value why it is not known."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sync_pipeline.collect.accounts import ConnectionOpener
from sync_pipeline.collect.counted import Counts
from sync_pipeline.collect.understanding import identified, understood
from sync_pipeline.collect.visibility import Visibility, package_of
from sync_pipeline.engines.base import (
    Connection,
    Engine,
    Grantee,
    Query,
    Reading,
    RowT,
    rest,
    sql_text,
)
from sync_pipeline.errors import (
    ConnectError,
    ConnectReason,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    ResultLimit,
    ServerLimit,
    SyncError,
)
from sync_pipeline.model.pattern import like
from sync_pipeline.model.size import Measure, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity

_UNREADABLE = (PrivilegeError, QueryError, QueryTimeout)
_KEPT_SECONDS = 10.0
"""What is kept for ending a statement that the server does not end, and for what comes after."""


@dataclass(frozen=True, slots=True)
class SizeScope:
    """What to measure: `largest_tables` of each database, `max_databases` opened at most.

    Databases that `excluded` patterns match are not opened. The work must have ended at `ends_at`
    (`time.monotonic`); one statement takes at most `statement_seconds`.
    """

    username: str
    largest_tables: int = 0
    max_databases: int = 500
    ends_at: float | None = None
    statement_seconds: float = 0.0
    excluded: tuple[str, ...] = ()


def collect_sizes(
    engine: Engine, open_database: ConnectionOpener, scope: SizeScope, observed_at: datetime
) -> SizeSnapshot:
    """Measure every database of one instance, and the server's logs and shared files.

    Raises:
        SyncError: no connection, wrong server, or the databases could not be listed.
    """
    started = time.monotonic()
    with ExitStack() as links:
        link = _Link(open_database, links)
        server = identified(engine, link.opened())
        connected = time.monotonic()
        reader = _Reader(engine, open_database, link, scope, server, observed_at)
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


class _Link:
    """The connection to the server itself; one that waited in vain is replaced.

    The server may still be busy with a statement that nobody waits for any more.
    """

    def __init__(self, open_database: ConnectionOpener, links: ExitStack) -> None:
        self._open_database = open_database
        self._links = links
        self.connection: Connection | None = None
        self._visibility: Visibility | None = None

    def opened(self) -> Connection:
        """Return the connection, a new one where it was given up."""
        if self.connection is None:
            self.connection = self._links.enter_context(self._open_database(None))
        return self.connection

    def visibility(self, engine: Engine) -> Visibility:
        """Return what the connection may see."""
        if self._visibility is None:
            self._visibility = Visibility(self.opened(), package_of(engine))
        return self._visibility

    def rest(self) -> None:
        """Let no transaction wait on it while another connection is opened."""
        if self.connection is not None:
            rest(self.connection)

    def give_up(self) -> None:
        """Close the connection; the next statement opens another."""
        self.connection = self._visibility = None
        self._links.pop_all().close()


@dataclass(slots=True)
class _Reader:
    """A `SizeReader` on one open connection."""

    engine: Engine
    open_database: ConnectionOpener
    link: _Link
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
        return self._read(self.link.visibility(self.engine), query, parameters)

    def attempt(self, query: Query[RowT], **parameters: object) -> Reading[RowT]:
        """Run a query that may fail, a lost connection included, without a warning."""
        visibility = self.link.visibility(self.engine)
        try:
            return Reading(self._rows(visibility, query, parameters))
        except _UNREADABLE as error:
            return Reading(failure=Measure.unreachable(error.message))
        except ConnectError as error:
            if error.reason is not ConnectReason.LOST:
                raise
            self.link.give_up()
            return Reading(failure=Measure.unreachable(error.message))

    def is_excluded(self, database: str) -> bool:
        """Return whether a pattern leaves a database out."""
        return any(like(pattern, database) for pattern in self.scope.excluded)

    def has_time(self) -> bool:
        """Return whether one more statement may take as long as it is allowed to."""
        if self.scope.ends_at is None:
            return True
        left = self.scope.ends_at - time.monotonic()
        return left > self.scope.statement_seconds + _KEPT_SECONDS

    def read_in(
        self, database: str, *queries: Query[Any], **parameters: object
    ) -> tuple[Reading[Any], ...]:
        """Run queries on a new connection to one database."""
        self.opened += 1
        self.link.rest()
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
        self.link.rest()
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

    def filled(self, template: str, database: str = "") -> str:
        """Return a statement that is needed, with the names of this server's account."""
        return self._grantee.filled(template, database)

    @property
    def _grantee(self) -> Grantee:
        return Grantee(self.engine, self.server, self.username)

    def warn(self, message: str) -> None:
        """Record a sentence, once."""
        if message not in self.warnings:
            self.warnings.append(message)

    def note(self, message: str) -> None:
        """Record a sentence that warns of nothing."""
        self.notes.append(message)

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
            failure = self._failure(error, query, where)
            return Reading(failure=failure, is_timeout=isinstance(error, QueryTimeout))

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
            counts = Counts(visibility.connection, package_of(self.engine), self.server)
            try:
                return counts.rows(query, named or None)
            except QueryTimeout:
                if visibility.connection is self.link.connection:
                    self.link.give_up()
                raise

    def _failure(self, error: SyncError, query: Query[Any] | None, database: str) -> Measure:
        where = f"Database {database}: " if database else ""
        if isinstance(error, PrivilegeError) and query is not None:
            told = self._grantee.told(error, query, database)
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
