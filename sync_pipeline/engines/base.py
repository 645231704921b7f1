"""What an engine is: its queries, its connections, and how rows become accounts."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import cache
from importlib import resources
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.access.doubts import Known
from sync_pipeline.engines.access.parts import Elsewhere
from sync_pipeline.engines.wire.budget import Usage
from sync_pipeline.engines.wire.limits import Meter, ReadLimits
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import ConfigurationError, PrivilegeError, QueryError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import it_needs, said_by_others
from sync_pipeline.model.instance import EngineName, Instance, TlsMode
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import Grant, SectionName
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.size import Measure, SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, StateSources
from sync_pipeline.model.use import UseSample

RowT = TypeVar("RowT")
Version = tuple[int, ...]
PROVIDERS_OWN = "it is the provider's own, and nobody else is let in: nothing has to be granted"
UNWRITABLE = "<a name that no statement can hold>"
"""What stands in a statement for such a name: the server refuses it, whatever its text."""
ANYBODY = ""
"""What a query needs that every account may run: no statement."""
_UNEXPECTED = "Every account may run it: look in the server's log for who refuses it."
_OPEN_NAME = re.compile(r"\{(user|user_text|database)\}")


@dataclass(frozen=True, slots=True)
class Variant:
    """The text of a query for servers from `since` on (the lowest version it fits).

    `place` is the part of a server that the text fits (`ServerIdentity.place`), empty: any
    that has no text of its own. `needs` and `count` stand before the query's where the text
    needs something else, or reads something else.
    """

    since: Version
    file: str
    place: str = ""
    needs: str = ""
    count: str = ""


@dataclass(frozen=True, slots=True)
class Query(Generic[RowT]):
    """One read-only catalog query, beside the type of its rows.

    `row` is a data class; columns are bound to its fields by name. `needs` is the
    statement that lets the monitoring account run it, or `ANYBODY`, with `{user}` (and, per
    database, `{database}`) left open for `Grantee`, which quotes them: no quotes stand around
    them here. A server older than every variant does not have the section.

    `origin` is the field that names the database of a row, where one statement reads all
    databases of a server at once (empty in a row: the server itself). Such a query was read
    in a database only where rows of it came back; `may_be_empty` says that having none is
    possible, so that the rows of the accounts decide.

    `check` is the file of a query that is asked first, for catalogs that leave rows out
    without an error: each of its rows names, as `missing`, a privilege without which rows
    of this one may be hidden. `check_needs` is the statement that gives it, where it is another
    than `needs`.

    `opens` makes its grant optional: it says what else that would open. Without the grant
    the value is unknown, which is no fault that anybody is warned of.

    `shows_some` marks a query that lists some accounts only, and is the statement that would let
    all be seen. Its accounts section is denied, so that none that is not listed counts as gone;
    what else it fills was read of those that it lists. `some` says so where the instance is
    registered for less than the whole: nobody is warned of that.

    `hidden_at` are places where it is not asked, because another query reads what it fills;
    `absent_at` those that have nothing of what it reads: its sections are not applicable there.

    `made` are variants for places that the monitoring script makes ready in a way of their own:
    they read what it makes, or need another grant.

    `count` is the file of a statement that counts the rows which the query must return: one
    row with one column, `counted`. Where the numbers differ, the query was not read. It is
    asked where `Engine.counts` does not tell. `denied` is the file of a statement that lists
    to whom a permission (a parameter of that name) is denied, where `check` says it is missing.

    `holder` is the field that names the account to which each row gives a grant, and nothing
    else to anybody. Where queries of an engine have one, all grants of an account are made of
    those rows of theirs that name it, whatever other rows there are. `telling` is how the names
    of those holders begin whose grants say something of other accounts as well.

    `is_providers` marks what a managed service keeps to itself: it is not asked for there.
    """

    name: str
    row: type[RowT]
    fills: tuple[SectionName, ...]
    variants: tuple[Variant, ...]
    needs: str
    per_database: bool = False
    origin: str = ""
    may_be_empty: bool = False
    check: str = ""
    check_needs: str = ""
    opens: str = ""
    made: tuple[Variant, ...] = ()
    hidden_at: tuple[str, ...] = ()
    absent_at: tuple[str, ...] = ()
    shows_some: str = ""
    some: str = ""
    count: str = ""
    denied: str = ""
    holder: str = ""
    telling: str = ""
    is_providers: bool = False

    def variant_for(self, version: Version, place: str = "") -> Variant | None:
        """Return the newest variant that fits, or None: not applicable."""
        if place in self.absent_at:
            return None
        here = [item for item in (*self.variants, *self.made) if item.place == place]
        anywhere = [variant for variant in self.variants if not variant.place]
        fitting = [variant for variant in here or anywhere if variant.since <= version]
        return max(fitting, key=lambda variant: variant.since) if fitting else None

    def file_for(self, version: Version, place: str = "") -> str | None:
        """Return the file of the newest variant that fits, or None: not applicable."""
        variant = self.variant_for(version, place)
        return variant.file if variant else None

    def count_for(self, version: Version, place: str = "") -> str:
        """Return the file of the statement that counts the rows; empty: none does."""
        variant = self.variant_for(version, place)
        return (variant.count if variant else "") or self.count

    def needs_at(self, server: ServerIdentity) -> str:
        """Return the statement that lets an account run the query on this server."""
        variant = self.variant_for(server.version_number, server.place)
        return (variant.needs if variant else "") or self.needs

    @property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that its rows have: the fields of the row type, in their order."""
        return _fields(self.row)  # type: ignore[arg-type]

    def bind(self, row: Mapping[str, Any]) -> RowT:
        """Make a row record from column names.

        Raises:
            QueryError: the columns are not the fields of the row type.
        """
        expected = set(self.columns)
        if expected != set(row):
            raise QueryError(
                f"Query {self.name} returned the columns {sorted(row)}, not {sorted(expected)}."
            )
        return self.row(**row)

    def require_columns(self, rows: PackedRows) -> None:
        """Refuse a result whose columns are not the fields of the row type.

        Raises:
            QueryError: they are others. A result without rows may have any.
        """
        expected = sorted(self.columns)
        if rows and sorted(rows.columns) != expected:
            raise QueryError(
                f"Query {self.name} returned the columns {sorted(rows.columns)}, not {expected}."
            )

    def bound(self, rows: PackedRows) -> Iterator[RowT]:
        """Make the row records of a result, whose columns are right."""
        if rows:
            make: Any = self.row
            for columns in rows.of_columns(self.columns):
                yield from map(make, *columns)


@dataclass(frozen=True, slots=True)
class FactRow:
    """A row of a query of what the server is set to; it fills a section of `OF_SERVER`.

    Of a query per database, the database is known without the row.
    """

    name: str
    database: str
    subject: str
    value: str


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column of a catalog that says what accounts are or may do."""

    relation: str
    column_name: str


@dataclass(frozen=True, slots=True)
class CatalogCheck:
    """Which columns the catalogs of accounts have, and which of them are known.

    A column that is not among the known may give or take rights that no statement reads.
    `known` are those of all releases, in small letters. The query fills no section: where
    it can't be read, that is only said.
    """

    query: Query[CatalogColumn]
    known: Mapping[str, frozenset[str]]

    def unknown(self, rows: Sequence[CatalogColumn]) -> tuple[str, ...]:
        """Return the columns that are not known, as `catalog.column`."""
        return tuple(
            f"{row.relation}.{row.column_name}"
            for row in rows
            if row.column_name.lower() not in self.known.get(row.relation.lower(), ())
        )


@dataclass(frozen=True, slots=True)
class GrantNote:
    """What a line of the monitoring script opens; `start` is how such lines begin.

    `optional` is a statement that is not in the script: the note says what it is for. One that
    only a superuser can run is not shown for a managed service, which keeps that to itself.
    """

    start: str
    opens: str
    optional: str = ""
    is_superusers: bool = False


@dataclass(frozen=True, slots=True)
class CertificateCheck:
    """What checks the server's certificate: the least TLS mode that does, and its options."""

    mode: TlsMode
    options: str = ""


@dataclass(frozen=True, slots=True)
class DatabaseEntry:
    """A database of a server; `reason` says why it can't be opened where it can't.

    `missing` is the grant that would open it, when a privilege is what is missing. `caution`
    says what opening it does to the server, where that is more than a connection.
    `is_providers`: nobody can be let in, so it is said, and nobody is warned.
    """

    name: str
    is_readable: bool
    reason: str = ""
    missing: str = ""
    caution: str = ""
    is_providers: bool = False


class HiddenDatabases(PrivilegeError):
    """The server hides some of its databases from the account: `listed` are the others.

    `is_meant`: the instance is registered for these alone, so that nobody is warned.
    """

    def __init__(
        self,
        message: str,
        listed: Sequence[DatabaseEntry],
        *,
        missing: str,
        hint: str,
        is_meant: bool = False,
    ) -> None:
        super().__init__(message, missing=missing, hint=hint)
        self.listed = tuple(listed)
        self.is_meant = is_meant


@dataclass(frozen=True, slots=True)
class Target:
    """Where and as whom to connect. `statement_seconds` bounds every statement.

    `options` are settings of the installation that an engine's driver needs, by name; one of
    them may be a secret, so they are not shown.
    `limits` bound what is read, and `usage` counts it over all connections of one sync.
    From `ends_at` (`time.monotonic`) on nothing may be waited for.
    """

    instance: Instance
    username: str
    password: Secret
    statement_seconds: float
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
    limits: ReadLimits = field(default_factory=ReadLimits)
    usage: Usage = field(default_factory=Usage, compare=False)
    ends_at: float | None = None

    @property
    def meter(self) -> Meter:
        """Return a new meter for one result."""
        return Meter(self.limits, self.usage, self.instance.name)

    @property
    def connect_seconds(self) -> float:
        """Return how long connecting may take, from now on."""
        return self.within(self.instance.timeouts.connect_seconds)

    def within(self, seconds: float) -> float:
        """Return `seconds`, or what is left of the whole time where that is less."""
        if self.ends_at is None:
            return seconds
        return max(0.001, min(seconds, self.ends_at - time.monotonic()))


class Connection(Protocol):
    """An open, read-only connection of a driver, with its errors already mapped."""

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one SELECT and return its rows by column name.

        With parameters the text names them as its driver does, `%(name)s` or `:name`;
        without, a percent sign is one.

        Raises:
            SyncError: PrivilegeError, QueryTimeout, ConnectError (lost), QueryError, or
                ResultLimit, after which the connection is closed.
        """
        ...

    def abort(self) -> None:
        """Break the connection from another thread, so that a blocked read returns."""
        ...

    def close(self) -> None:
        """Close without raising."""
        ...


@runtime_checkable
class Resting(Protocol):
    """A connection that holds a transaction between its statements."""

    def rest(self) -> None:
        """End the transaction without raising; the next statement begins another."""
        ...


def rest(connection: Connection) -> None:
    """Let no transaction wait on a connection while another one is opened."""
    if isinstance(connection, Resting):
        connection.rest()


class AccountRows:
    """The rows of every query that could be read, by query and database."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], PackedRows] = {}

    def put(self, query: Query[RowT], database: str, rows: PackedRows) -> None:
        """Keep the rows of a query, of one database where the query is per database."""
        self._rows[(query.name, database)] = rows

    def of(self, query: Query[RowT], database: str = "") -> Sequence[RowT]:
        """Return the rows of a query; none where it was not read."""
        return tuple(self.each(query, database))

    def each(self, query: Query[RowT], database: str = "") -> Iterator[RowT]:
        """Yield the rows of a query, made as they are asked for."""
        rows = self._rows.get((query.name, database))
        return iter(()) if rows is None else query.bound(rows)

    def values(self, query: Query[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield some columns of the rows of a query, of which no record is made."""
        rows = self._rows.get((query.name, ""))
        if rows:
            for some in rows.of_columns(columns):
                yield from zip(*some, strict=True)

    def was_read(self, query: Query[RowT]) -> bool:
        """Return whether a query of the server was read, with or without rows."""
        return (query.name, "") in self._rows

    def databases(self, query: Query[RowT]) -> tuple[str, ...]:
        """Return the databases in which a per-database query was read."""
        return tuple(database for name, database in self._rows if name == query.name)

    def items(self) -> Iterator[tuple[str, str, PackedRows]]:
        """Yield each query's name, database and rows, in an order of their own."""
        for name, database in sorted(self._rows):
            yield name, database, self._rows[name, database]


@dataclass(frozen=True, slots=True)
class Reading(Generic[RowT]):
    """The rows of one query, or the measure that says why there are none.

    `is_timeout`: the connection was there, and no answer came in time.
    """

    rows: Sequence[RowT] = ()
    failure: Measure | None = None
    is_timeout: bool = False


class SizeReader(Protocol):
    """What an engine is lent to measure one server: queries that fail stay one failure."""

    @property
    def server(self) -> ServerIdentity:
        """Return what the server said of itself."""
        ...

    @property
    def observed_at(self) -> datetime:
        """Return when the measuring began (UTC)."""
        ...

    @property
    def username(self) -> str:
        """Return the monitoring account."""
        ...

    @property
    def largest_tables(self) -> int:
        """Return how many tables of each database are asked for, 0: none."""
        ...

    def read(self, query: Query[RowT], **parameters: object) -> Reading[RowT]:
        """Run a query on the server's connection; a failure becomes a measure and a warning.

        Raises:
            SyncError: the connection was lost.
        """
        ...

    def attempt(self, query: Query[RowT], **parameters: object) -> Reading[RowT]:
        """Run a query that may fail where another way is left: no warning is recorded.

        A connection that the statement lost, or that waited in vain, is replaced.

        Raises:
            SyncError: no new connection could be opened.
        """
        ...

    def is_excluded(self, database: str) -> bool:
        """Return whether the settings leave a database out, so that it is not opened."""
        ...

    def has_time(self) -> bool:
        """Return whether a statement may be tried that could take all that one is allowed."""
        ...

    def read_in(
        self, database: str, *queries: Query[Any], **parameters: object
    ) -> tuple[Reading[Any], ...]:
        """Run queries on a new connection to one database; whatever fails stays in it."""
        ...

    def databases_now(self, query: Query[RowT]) -> Sequence[RowT]:
        """Run a listing again on a new connection, for what happened since the first."""
        ...

    def may_read_in(self, database: str) -> Measure | None:
        """Return None where one more database may be opened, or why it may not."""
        ...

    def filled(self, template: str, database: str = "") -> str:
        """Return a statement that is needed, with the names of this server's account."""
        ...

    def warn(self, message: str) -> None:
        """Record a sentence for people."""
        ...

    def note(self, message: str) -> None:
        """Record a sentence for people who test the instance; nobody is warned."""
        ...


class Engine(Known, Protocol):
    """One database engine. Instances of it hold no state."""

    name: EngineName
    default_port: int
    size_connections: int
    """How many connections measuring holds at once; an account sync holds one."""
    tells_tls: bool
    """Whether every account may know if its connection has TLS."""
    certificate_check: CertificateCheck | None
    """Where the login gives the password to whoever made the TLS: what looks who that is."""
    sources: StateSources
    """Of which sections beside `accounts` it is told who is a superuser, and who a role."""
    system_accounts: tuple[str, ...]
    """LIKE patterns of the accounts that the engine creates for itself."""
    system_databases: tuple[str, ...]
    """LIKE patterns of the databases that have no data of their own."""
    system_schemas: frozenset[str]
    """The schemas of the engine itself, beside those of its own accounts."""
    users_are_schemas: bool
    """Whether each user is the schema of its name."""
    is_of_service: bool
    """Whether the database of an instance is a service of a listener that has several databases."""
    elsewhere: Elsewhere
    """Which grants on one object may count for another."""
    grant_notes: tuple[GrantNote, ...]
    """What each line of the monitoring script opens, and the statements left to choice."""
    account_queries: tuple[Query[Any], ...]
    """What an account sync reads. The one that fills `accounts` comes first."""
    counts: Query[Any] | None
    """Counts the rows of many of these at once: one row, a column a query, by its name."""
    catalog: CatalogCheck | None
    """What tells whether the catalogs have columns that nothing here reads."""

    def connect(self, target: Target, database: str | None = None) -> Connection:
        """Open a bounded, read-only connection.

        Raises:
            SyncError: ConnectError, AuthenticationError, UnsupportedServer.
        """
        ...

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask the server what it is.

        Raises:
            UnsupportedServer: another product, or a version that is too old.
        """
        ...

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        """List the databases that have a catalog of their own; empty where none has.

        Raises:
            HiddenDatabases: some are hidden; what is not listed may be there all the same.
        """
        ...

    def written(self, name: str) -> str:
        """Return a name as statements for people write it, quoted whatever it holds. Pure.

        `UNWRITABLE`: there is no way to write it that the server and its usual client read
        as one name.
        """
        ...

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build the account states from the rows that could be read. Pure."""
        ...

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database and the server itself.

        Raises:
            SyncError: the databases could not be listed, or the connection was lost.
        """
        ...

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return how this engine decides what the accounts of a world may do. Pure."""
        ...

    def written_account(self, username: str, host: str) -> str:
        """Return the monitoring account as statements write it. Pure."""
        ...

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:
        """Return the least-privilege script for the monitoring account, one line a grant."""
        ...


def filled(template: str, *, user: str, database: str = "") -> str:
    """Return a template with its names, both as statements write them.

    `{user_text}` is the user's name within single quotes, without the double ones around it.
    In one pass: a name that holds `{database}` is not filled again.
    """
    names = {"user": user, "user_text": _in_literal(user), "database": database}
    return _OPEN_NAME.sub(lambda found: names[found[1]], template)


@dataclass(frozen=True, slots=True)
class Grantee:
    """The monitoring account on one server: who has to be granted what is missing.

    It is named as the server names it where that says more than the name that logged in: with
    its host (CURRENT_USER() of MySQL and MariaDB), or as the role that a session acts as.
    """

    engine: Engine
    server: ServerIdentity
    username: str

    def filled(self, template: str, database: str = "") -> str:
        """Return a statement that is needed, with its names as the engine writes them."""
        user = self.server.account or self.engine.written(self.username)
        return filled(template, user=user, database=self.engine.written(database))

    def told(self, error: PrivilegeError, query: Query[Any], database: str = "") -> str:
        """Return what people are told to do about a refusal; its own hint, where it has one.

        Nothing in the refusal itself is left that could be taken for a statement of ours.

        What is denied is revoked first, in its database: a DENY beats each GRANT (DENY,
        Transact-SQL).
        """
        error.message = said_by_others(error.message)
        by_check = query.check_needs if error.missing else ""
        needs = by_check or query.needs_at(self.server)
        if error.hint or not needs:
            return error.hint or _UNEXPECTED
        written = self.engine.written
        statements = [f"REVOKE {error.missing} FROM {written(to)};" for to in error.denied_to]
        if statements and database:
            statements.insert(0, self._entering(database))
        return it_needs(" ".join([*statements, self.filled(needs, database)]))

    def _entering(self, database: str) -> str:
        engine: object = self.engine
        if isinstance(engine, EntersPlaces):
            return engine.entering(database, self.server)
        return f"USE {self.engine.written(database)};"


def needed(
    engine: Engine, query: Query[Any], server: ServerIdentity, username: str, database: str = ""
) -> str:
    """Return the statement that lets the account run a query on this server."""
    return Grantee(engine, server, username).filled(query.needs_at(server), database)


class WritesNames(Protocol):
    """What of an engine says how names stand in statements."""

    name: EngineName

    def written(self, name: str) -> str:
        """Return a name as statements for people write it, or `UNWRITABLE`."""
        ...


def check_names(engine: WritesNames, *names: str) -> None:
    """Refuse names that the engine's statements can't hold.

    Raises:
        ConfigurationError: one of them is such a name.
    """
    for name in names:
        if engine.written(name) == UNWRITABLE:
            raise ConfigurationError(
                f"No statement of {engine.name} can hold the name {name!r}.",
                hint="Choose a name without control characters and, for Oracle, without "
                "double quotes.",
            )


def _in_literal(name: str) -> str:
    """Return a written name as the inside of a literal: two single quotes stand for one."""
    is_quoted = len(name) > 1 and name[0] == name[-1] == '"'
    return (name[1:-1] if is_quoted else name).replace("'", "''")


@runtime_checkable
class KnowsPlatforms(Protocol):
    """An engine that has scripts of their own for services that keep grants to themselves."""

    platforms: tuple[str, ...]
    """The names of the services, as the command line takes them."""

    def platform_script(
        self, username: str, platform: str, host: str = "%", databases: Sequence[str] = ()
    ) -> str:
        """Return the least-privilege script for one of the services.

        Raises:
            ConfigurationError: no statement can hold the name.
        """
        ...


@runtime_checkable
class KnowsByRows(Protocol):
    """An engine that sees whose service a server is in the rows that a sync reads anyway."""

    def platform_by(
        self, rows: AccountRows, databases: Iterable[str], server: ServerIdentity
    ) -> Platform:
        """Return whose service a server is, from its accounts and the names of its databases."""
        ...


@runtime_checkable
class KnowsMoreOfSome(Protocol):
    """An engine that may know other sections of some accounts than of all."""

    def known_of(
        self, rows: AccountRows, server: ServerIdentity
    ) -> Mapping[str, frozenset[SectionName]]:
        """Return, for these accounts, exactly the sections that are known."""
        ...


class Asks(Protocol):
    """Asks a server, on the connection of a sync, what is not of its accounts."""

    def __call__(self, query: Query[RowT]) -> Sequence[RowT]:
        """Return the rows of a query.

        Raises:
            SyncError: as `Connection.fetch` does; PrivilegeError also where its check says so.
        """
        ...


@runtime_checkable
class KnowsUse(Protocol):
    """An engine that tells who is logged in, or was."""

    def use(self, ask: Asks, rows: AccountRows, server: ServerIdentity, username: str) -> UseSample:
        """Return what is known of the use of the accounts whose rows were read.

        Raises:
            SyncError: that could not be read.
        """
        ...


@runtime_checkable
class EntersPlaces(Protocol):
    """An engine whose databases are listed and entered otherwise in some places."""

    def databases_at(
        self, connection: Connection, username: str, server: ServerIdentity
    ) -> tuple[DatabaseEntry, ...]:
        """List the databases as `Engine.databases` does, where the server is known.

        Raises:
            HiddenDatabases: some are hidden; what is not listed may be there all the same.
        """
        ...

    def entering(self, database: str, server: ServerIdentity) -> str:
        """Return what begins statements for people that must run in a database."""
        ...


@runtime_checkable
class Hosted(Protocol):
    """An engine whose managed services keep accounts and databases for themselves."""

    def closed_databases(self, platform: Platform) -> frozenset[str]:
        """Return the names of the databases into which the provider lets nobody."""
        ...

    def provider_accounts(self, platform: Platform) -> frozenset[str]:
        """Return the names of the accounts by which the provider runs the server."""
        ...

    def is_providers(self, account: AccountState, platform: Platform) -> bool:
        """Return whether an account is one by which the provider runs the server."""
        ...


@runtime_checkable
class KeepsOwn(Protocol):
    """An engine whose own roles are synced all the same, because others have rights by them."""

    keeps_own: bool


@runtime_checkable
class ReadsThrough(Protocol):
    """An engine whose script makes an account by whose rights the monitoring account reads."""

    reads_through: frozenset[str]
    """Its names, on each server of the engine."""


@runtime_checkable
class KnowsUnreviewed(Protocol):
    """An engine with grants on which no finding depends, so that a review need not see them."""

    def is_unreviewed(self, holder: AccountState, grant: Grant) -> bool:
        """Return whether all findings are the same with a grant of an account and without it.

        So it is where nobody may pass on anything on the object, and its database is there.
        """
        ...


@cache
def _fields(row: Any) -> tuple[str, ...]:
    return tuple(item.name for item in fields(row))


@cache
def sql_text(package: str, file: str) -> str:
    """Return the text of one of an engine's `sql/*.sql` files."""
    return (resources.files(package) / "sql" / file).read_text(encoding="utf-8")
