"""Run an engine's account queries and say, by section, what could be read."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import Any, cast

from sync_pipeline.collect.counted import Counts
from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.collect.server_facts import facts_of
from sync_pipeline.collect.understanding import identified, understood
from sync_pipeline.collect.unknown import columns_or_warning, newer_hint
from sync_pipeline.collect.use import use_of
from sync_pipeline.collect.visibility import Visibility, package_of
from sync_pipeline.engines.access.doubts import MOST_NAMED
from sync_pipeline.engines.base import (
    PROVIDERS_OWN,
    Connection,
    DatabaseEntry,
    Engine,
    EntersPlaces,
    Grantee,
    HiddenDatabases,
    Hosted,
    KnowsByRows,
    Query,
)
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import (
    ConnectError,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    ResultLimit,
    ServerLimit,
    SyncError,
)
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.pattern import like
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, ServerIdentity, Snapshot
from sync_pipeline.model.text import first_names

ConnectionOpener = Callable[[str | None], AbstractContextManager[Connection]]
_SOME = "The server shows some of its accounts only, and of those their grants alone."
EXCLUDED = "It is left out by SYNC_PIPELINE_EXCLUDED_DATABASES."
_SERVICES_OWN = "The provider of the service keeps it."
_UNREADABLE = (PrivilegeError, QueryError, QueryTimeout)


@dataclass(frozen=True, slots=True)
class CollectScope:
    """What to read: `object_detail` opens each database, at most `max_databases`.

    `excluded` are patterns of databases that are not read.
    """

    username: str
    object_detail: bool = True
    max_databases: int = 500
    excluded: tuple[str, ...] = ()


def collect_accounts(
    engine: Engine, open_database: ConnectionOpener, scope: CollectScope, observed_at: datetime
) -> Snapshot:
    """Read all accounts and grants of one instance, and make accounts of what was read.

    Raises:
        SyncError: no connection, wrong server, or the list of accounts was not readable.
    """
    return read_accounts(engine, open_database, scope, observed_at).snapshot()


def read_accounts(
    engine: Engine, open_database: ConnectionOpener, scope: CollectScope, observed_at: datetime
) -> AccountReading:
    """Read all accounts and grants of one instance with a constant number of queries.

    Constant a server, and a constant a database where each has its own catalog. A query
    that fails leaves its sections marked unread; only a failure to list the accounts
    themselves ends the collection, because nothing can be compared without the list.

    Raises:
        SyncError: no connection, wrong server, or the list of accounts was not readable.
    """
    started = time.monotonic()
    with open_database(None) as connection:
        server = identified(engine, connection)
        reading = AccountReading(engine, server, scope.username, observed_at)
        connected = time.monotonic()
        visibility = Visibility(connection, package_of(engine))
        counts = Counts(connection, package_of(engine), server, engine.counts)
        for query in engine.account_queries:
            if not query.per_database:
                _read(engine, query, reading, visibility, counts)
        with understood("the columns of its catalog"):
            _check_catalog(engine, connection, reading)
        with understood("the query of its databases"):
            listed, reading.hidden = _listed(engine, connection, scope.username, server)
        reading.server = _known_by_rows(engine, reading, listed)
        reading.entries = _closed(engine, reading.server, listed)
        reading.excluded = frozenset(
            entry.name for entry in reading.entries if _is_left_out(entry.name, scope.excluded)
        )
        # The last on the connection: whatever goes wrong in it takes nothing else away.
        reading.use = use_of(reading, visibility, package_of(engine))
    if reading.hidden is not None and not reading.hidden.is_meant:
        reading.warnings.append(str(reading.hidden))
    _report_origins(engine, reading.entries, reading)
    _read_databases(engine, open_database, scope, reading.entries, reading)
    reading.timings = {
        "connect_seconds": connected - started,
        "collect_seconds": time.monotonic() - connected,
    }
    return reading


def _listed(
    engine: Engine, connection: Connection, username: str, server: ServerIdentity
) -> tuple[tuple[DatabaseEntry, ...], HiddenDatabases | None]:
    """Return the databases that may be seen, and the error where others are hidden."""
    known: object = engine
    try:
        if isinstance(known, EntersPlaces):
            return known.databases_at(connection, username, server), None
        return engine.databases(connection, username), None
    except HiddenDatabases as error:
        return error.listed, error


def _known_by_rows(
    engine: Engine, reading: AccountReading, entries: Sequence[DatabaseEntry]
) -> ServerIdentity:
    """Return the server with its platform, where its rows say more than it did itself."""
    if not isinstance(engine, KnowsByRows):
        return reading.server
    names = (entry.name for entry in entries)
    platform = cast("KnowsByRows", engine).platform_by(reading.rows, names, reading.server)
    return replace(reading.server, platform=platform)


def _closed(
    engine: Engine, server: ServerIdentity, entries: Sequence[DatabaseEntry]
) -> tuple[DatabaseEntry, ...]:
    """Return the databases, the provider's own as such that nobody is let into."""
    is_hosted = isinstance(engine, Hosted) and server.platform.is_managed
    closed = cast("Hosted", engine).closed_databases(server.platform) if is_hosted else ()
    return tuple(
        DatabaseEntry(entry.name, is_readable=False, reason=PROVIDERS_OWN, is_providers=True)
        if entry.name in closed
        else entry
        for entry in entries
    )


def _is_left_out(database: str, patterns: Sequence[str]) -> bool:
    return any(like(pattern, database) for pattern in patterns)


def _read(
    engine: Engine,
    query: Query[Any],
    reading: AccountReading,
    visibility: Visibility,
    counts: Counts,
    database: str = "",
) -> None:
    if reading.server.place in query.hidden_at:
        return
    if query.is_providers and reading.server.platform.is_managed:
        reading.report(query.fills, database, SectionStatus.PROVIDERS, _SERVICES_OWN)
        return
    if query.file_for(reading.server.version_number, reading.server.place) is None:
        if not query.shows_some:
            reading.report(query.fills, database, SectionStatus.NOT_APPLICABLE)
        return
    try:
        with understood(f"query {query.name}"):
            visibility.require(query)
            found = counts.packed(query)
            origins = _origins(query, found)
            facts = facts_of(query, found, database, len(reading.server_facts))
    except _UNREADABLE as error:
        if isinstance(error, PrivilegeError):
            error.hint = Grantee(engine, reading.server, reading.username).told(
                error, query, database
            )
        _record_unread(engine, query, reading, database, scope_error=error)
        return
    reading.rows.put(query, database, found)
    reading.server_facts += facts
    if query.origin:
        reading.origins[query.name] = origins
    if query.shows_some:
        _report_some(engine, query, reading)
    reading.report(query.fills, database, SectionStatus.READ)


def _report_some(engine: Engine, query: Query[Any], reading: AccountReading) -> None:
    """Report that the list of accounts is not whole: none that is not in it is gone."""
    if query.some:
        reading.report([SectionName.ACCOUNTS], "", SectionStatus.EXCLUDED, query.some)
        return
    needs = Grantee(engine, reading.server, reading.username).filled(query.shows_some)
    reason = f"{_SOME} {it_needs(needs)}"
    reading.report([SectionName.ACCOUNTS], "", SectionStatus.DENIED, reason)
    reading.warnings.append(f"{SectionName.ACCOUNTS} not read whole: {reason}")


def _origins(query: Query[Any], rows: PackedRows) -> frozenset[str]:
    """Return the databases from which rows came, where they say so."""
    if not (query.origin and rows):
        return frozenset()
    names = chain.from_iterable(names for (names,) in rows.of_columns((query.origin,)))
    return frozenset(name or "" for name in names)


def _check_catalog(engine: Engine, connection: Connection, reading: AccountReading) -> None:
    """Keep what could change any answer as the reason of the accounts, which were read."""
    unknown, warning = columns_or_warning(engine, connection, reading.server)
    key = SectionKey(SectionName.ACCOUNTS)
    report = reading.sections.get(key)
    if unknown and report and report.status is SectionStatus.READ:
        reading.sections[key] = replace(report, reason=unknown)
    if warning:
        reading.warnings.append(warning)


def _record_unread(
    engine: Engine,
    query: Query[Any],
    reading: AccountReading,
    database: str,
    scope_error: SyncError,
) -> None:
    denied = isinstance(scope_error, PrivilegeError)
    if SectionName.ACCOUNTS in query.fills and not database:
        scope_error.phase = Phase.COLLECT
        scope_error.hint = scope_error.hint or newer_hint(engine, reading.server) or None
        raise scope_error
    status = SectionStatus.DENIED if denied else SectionStatus.FAILED
    reading.report(query.fills, database, status, str(scope_error))
    if OF_SERVER.issuperset(query.fills):
        return
    where = f" in database {database}" if database else ""
    what = ", ".join(query.fills)
    reading.warnings.append(f"{what} not read{where}: {scope_error}")


def _report_origins(
    engine: Engine, entries: tuple[DatabaseEntry, ...], reading: AccountReading
) -> None:
    """Say of each database whether the statements that read all databases saw it.

    What may not be seen, or was closed meanwhile, gives no rows and no error.
    """
    spanning = [query for query in engine.account_queries if query.origin]
    fills = [name for query in spanning for name in query.fills]
    for entry in entries if spanning else ():
        if entry.name in reading.excluded:
            reading.report(fills, entry.name, SectionStatus.EXCLUDED, EXCLUDED)
            continue
        if not entry.is_readable:
            _unreadable(fills, entry, reading)
            continue
        for query in spanning:
            _report_origin(query, spanning[0], entry.name, reading)


def _report_origin(
    query: Query[Any], accounts: Query[Any], database: str, reading: AccountReading
) -> None:
    if query.file_for(reading.server.version_number, reading.server.place) is None:
        reading.report(query.fills, database, SectionStatus.NOT_APPLICABLE)
        return
    seen = reading.origins.get(query.name)
    if seen is None:
        failure = reading.sections[SectionKey(query.fills[0])]
        reading.report(query.fills, database, failure.status, failure.reason)
    elif database in (reading.origins[accounts.name] if query.may_be_empty else seen):
        reading.report(query.fills, database, SectionStatus.READ)
    else:
        reason = "No rows of it came back: it was closed meanwhile, or may not be seen."
        reading.report(query.fills, database, SectionStatus.FAILED, reason)
        what = ", ".join(query.fills)
        reading.warnings.append(f"{what} not read in database {database}: {reason}")


def _read_databases(
    engine: Engine,
    open_database: ConnectionOpener,
    scope: CollectScope,
    entries: tuple[DatabaseEntry, ...],
    reading: AccountReading,
) -> None:
    queries = [query for query in engine.account_queries if query.per_database]
    fills = [name for query in queries for name in query.fills]
    if not queries:
        return
    readable = [
        entry for entry in entries if entry.is_readable and entry.name not in reading.excluded
    ]
    if scope.object_detail:
        reading.warnings += _cautions(readable[: scope.max_databases])
    beyond = {entry.name for entry in readable[scope.max_databases :]}
    for entry in entries:
        if entry.name in reading.excluded:
            reading.report(fills, entry.name, SectionStatus.EXCLUDED, EXCLUDED)
        elif not scope.object_detail:
            reading.report(fills, entry.name, SectionStatus.SKIPPED, "The detail level is server.")
        elif not entry.is_readable:
            _unreadable(fills, entry, reading)
        elif entry.name in beyond:
            limited = replace(
                entry, reason=f"the limit of {scope.max_databases} databases was reached"
            )
            _unreadable(fills, limited, reading)
        else:
            _read_database(engine, open_database, queries, entry, reading)


def _cautions(opened: Sequence[DatabaseEntry]) -> Iterator[str]:
    """Yield what opening databases does to the server, once for all of them."""
    found: dict[str, list[str]] = {}
    for entry in opened:
        if entry.caution:
            found.setdefault(entry.caution, []).append(entry.name)
    for caution, names in found.items():
        yield f"{caution}: {first_names(names[:MOST_NAMED], len(names))}."


def _unreadable(fills: list[SectionName], entry: DatabaseEntry, reading: AccountReading) -> None:
    unread = SectionStatus.DENIED if entry.missing else SectionStatus.SKIPPED
    is_closed = entry.is_providers and reading.server.platform.is_managed
    status = SectionStatus.PROVIDERS if is_closed else unread
    needs = f" {it_needs(entry.missing)}" if entry.missing else ""
    reading.report(fills, entry.name, status, f"{entry.reason}.{needs}")
    if not entry.is_providers:
        reading.warnings.append(f"Database {entry.name} was not read: {entry.reason}.{needs}")


def _read_database(
    engine: Engine,
    open_database: ConnectionOpener,
    queries: list[Query[Any]],
    entry: DatabaseEntry,
    reading: AccountReading,
) -> None:
    """Read one database; whatever goes wrong in it stays in it."""
    try:
        with open_database(entry.name) as connection:
            visibility = Visibility(connection, package_of(engine))
            counts = Counts(connection, package_of(engine), reading.server)
            for query in queries:
                _read(engine, query, reading, visibility, counts, entry.name)
    except (ConnectError, ResultLimit, ServerLimit, *_UNREADABLE) as error:
        unread = [
            name
            for query in queries
            for name in query.fills
            if SectionKey(name, entry.name) not in reading.sections
        ]
        reading.report(unread, entry.name, SectionStatus.FAILED, str(error))
        reading.warnings.append(f"Database {entry.name} was not read: {error}")
