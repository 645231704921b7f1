"""Engines and transactions of the store, the same on SQLite and PostgreSQL."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import (
    JSON,
    ColumnClause,
    ColumnElement,
    Connection,
    Engine,
    Table,
    TextClause,
    any_,
    bindparam,
    func,
    inspect,
    literal_column,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.types import TypeEngine

from sync_pipeline.errors import ConfigurationError, Phase, StoreUnavailable
from sync_pipeline.files.locks import exclusive
from sync_pipeline.files.obstacles import Obstacle, obstacle_of
from sync_pipeline.files.private import make_private, make_private_file
from sync_pipeline.store.arrays import AmongJson
from sync_pipeline.store.connections import (
    BUSY_SECONDS,
    close_engine,
    postgresql_engine,
    sqlite_engine,
)
from sync_pipeline.store.marks import Marks
from sync_pipeline.store.masking import masked, without_secrets
from sync_pipeline.store.remembered import Remembered

MIGRATION_LOCK = 7_233_114_511
_MIGRATIONS = Path(__file__).parent / "migrations" / "versions"
REVISIONS = "alembic_version"
"""The table in which Alembic keeps the revision (its manual, "Tutorial")."""
ValueT = TypeVar("ValueT", int, str)


@dataclass(frozen=True, slots=True)
class _View:
    """A transaction in which a thread reads, and the mark of the state that it sees."""

    connection: Connection
    mark: Hashable


class _OfThread(threading.local):
    """What each thread has of its own."""

    view: _View | None = None


class Database:
    """One database of the store. Safe to share between threads.

    `is_read_only`: it refuses whatever would change it.
    """

    def __init__(self, url: str, *, is_read_only: bool = False) -> None:
        self.url = _checked(url)
        self.is_read_only = is_read_only
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        try:
            engine = sqlite_engine if self.is_sqlite else postgresql_engine
            self._engine = engine(self.url, is_read_only=is_read_only)
        except (TypeError, ValueError, ArgumentError):
            raise _wrong_parameter() from None
        self._views = self._single = self._engine
        if not self.is_sqlite:
            self._views = self._engine.execution_options(isolation_level="REPEATABLE READ")
            self._single = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # SQLite has one writer. Threads take turns here: waiting for its lock they would poll.
        self._turn = threading.Lock()
        self._writer: AbstractContextManager[Any] = self._turn if self.is_sqlite else nullcontext()
        self._marks = Marks(self._single, is_sqlite=self.is_sqlite)
        self.remembered = Remembered(self.mark) if is_read_only else None
        """What was read, of a process that reads again and again."""
        self._own = _OfThread()

    @property
    def engine(self) -> Engine:
        """Return the SQLAlchemy engine."""
        return self._engine

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Run one write transaction; SQLite takes its write lock at once.

        Raises:
            StoreUnavailable: the store does not answer; nothing was written.
        """
        self._require_no_view()
        with self._writer, self.guarded(), self._engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def write_soon(self, seconds: float) -> Iterator[Connection]:
        """Run one write transaction that waits for the locks of others no longer than this.

        Raises:
            StoreUnavailable: it would have to, or the store does not answer; nothing was written.
        """
        self._require_no_view()
        wait = f"{round(seconds * 1000)}"
        with ExitStack() as stack:
            if self.is_sqlite:
                self._take_turn(stack, seconds)
            stack.enter_context(self.guarded())
            connection = stack.enter_context(self._engine.begin())
            if not self.is_sqlite:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {wait}")
                yield connection
                return
            connection.exec_driver_sql(f"PRAGMA busy_timeout={wait}")
            try:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={BUSY_SECONDS * 1000}")
            yield connection

    def _require_no_view(self) -> None:
        """Refuse who reads in one view, at once.

        The server would, but on a second connection, for which those wait that have the first ones.
        """
        if self._own.view is not None:
            raise self.unavailable(PermissionError("a process that shows it only reads"))

    def _take_turn(self, stack: ExitStack, seconds: float) -> None:
        if not self._turn.acquire(timeout=seconds):
            raise self.unavailable(TimeoutError("another thread writes"))
        stack.callback(self._turn.release)

    @contextmanager
    def one_view(self) -> Iterator[None]:
        """Let whatever this thread reads in the block be read in one view, and of one mark.

        So it is on PostgreSQL, in a process that only reads: there each read costs more to begin
        and to end than most take to be answered. SQLite does both at once, in the process itself,
        and could merge nothing of what was written as long as the view is open.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if self.is_sqlite or self.remembered is None or self._own.view is not None:
            yield
            return
        # The connection is taken before anything is waited for that another thread makes. Nothing
        # is committed: one that was lost in the block was told of there.
        with self.guarded(), self._views.connect() as connection:
            self._own.view = _View(connection, self._marks.of(connection))
            try:
                yield
            finally:
                self._own.view = None

    @property
    def is_in_view(self) -> bool:
        """Return whether all reads of this thread are of the state that its mark tells."""
        return self._own.view is not None

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Run reads in one consistent view.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if self._own.view is not None:
            with self.guarded():
                yield self._own.view.connection
            return
        with self.guarded(), self._views.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN")
            yield connection

    @contextmanager
    def write_once(self) -> Iterator[Connection]:
        """Run one statement that writes, which is a transaction of its own.

        Raises:
            StoreUnavailable: the store does not answer; nothing was written.
        """
        self._require_no_view()
        with self._writer, self.guarded(), self._single.connect() as connection:
            yield connection

    @contextmanager
    def read_once(self) -> Iterator[Connection]:
        """Run one statement that reads: it needs no transaction around it.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if self._own.view is not None:
            with self.guarded():
                yield self._own.view.connection
            return
        with self.guarded(), self._single.connect() as connection:
            yield connection

    def lock(self, connection: Connection, *tables: Table) -> None:
        """Let no other transaction change these tables before this one ends.

        On SQLite every write transaction keeps the others out already.
        """
        if not self.is_sqlite:
            names = ", ".join(f'"{table.name}"' for table in tables)
            connection.exec_driver_sql(f"LOCK TABLE {names} IN SHARE ROW EXCLUSIVE MODE")

    def mark(self) -> Hashable:
        """Return what tells the state of the database from that after any transaction that wrote.

        Raises:
            StoreUnavailable: the store does not answer.
        """
        if self._own.view is not None:
            return self._own.view.mark
        with self.guarded():
            return self._marks.now()

    @contextmanager
    def guarded(self) -> Iterator[None]:
        """Say of errors that mean it that the store does not answer.

        Raises:
            StoreUnavailable: such an error came out of the block.
        """
        try:
            yield
        except OperationalError as error:
            raise self.unavailable(error.orig) from None
        except DBAPIError as error:
            # Without a statement it was connecting that failed, as with an unknown parameter.
            is_known = error.connection_invalidated or error.statement is None
            if not (is_known or _is_no_database(error.orig) or self._obstacle(error)):
                raise
            raise self.unavailable(error.orig) from None
        except PoolTimeout:
            busy = TimeoutError("all connections that this process may have are busy")
            raise self.unavailable(busy) from None

    def unavailable(self, error: BaseException | None) -> StoreUnavailable:
        """Say that the store does not answer, without the secrets of its URL."""
        reason = " ".join(without_secrets(str(error), self.url).split())
        obstacle = self._obstacle(error)
        if obstacle is None:
            return StoreUnavailable(
                f"The store {masked(self.url)} does not answer: {reason}.",
                phase=Phase.STORE,
                hint="Nothing was written; start the store and run the command again.",
            )
        return StoreUnavailable(
            f"The store {masked(self.url)} does not answer: {obstacle.what} ({reason}).",
            phase=Phase.STORE,
            hint=f"Nothing was written. {obstacle.hint}, and run the command again.",
        )

    def _obstacle(self, error: BaseException | None) -> Obstacle | None:
        place = Path(str(self.url.database)) if self.is_sqlite else None
        return obstacle_of(error, place)

    def upgrade(self) -> None:
        """Bring the tables to the newest revision; several processes may come at once.

        Raises:
            ConfigurationError: a newer sync_pipeline made the tables.
            StoreUnavailable: the store does not answer.
        """
        with self.guarded(), self._migration_lock():
            self._require_connects()
            revision = self.revision()
            if revision == newest_revision():
                return
            from sync_pipeline.store.upgrades import upgrade_tables  # noqa: PLC0415 - seldom

            upgrade_tables(self._engine, revision, newest_revision())

    def require_newest(self) -> None:
        """Make sure that the tables are those of this version, and leave them as they are.

        Raises:
            ConfigurationError: they are not, or there are none.
            StoreUnavailable: the store does not answer.
        """
        with self.guarded():
            self._require_connects()
            revision = self.revision()
        if revision != newest_revision():
            raise ConfigurationError(
                f"The tables of the store {masked(self.url)} are not those of this version.",
                hint="Run any command of this version that writes, such as `sync-pipeline "
                "instances list`, and start this again.",
            )

    def revision(self) -> str | None:
        """Return the revision of the tables, None where there are none yet."""
        with self.read() as connection:
            if not inspect(connection).has_table(REVISIONS):
                return None
            found: str | None = connection.scalar(text(f"SELECT version_num FROM {REVISIONS}"))  # noqa: S608
            return found

    def close(self) -> None:
        """Give every connection back, and those in use when their threads are done."""
        self._marks.close()
        close_engine(self._engine)

    def _require_connects(self) -> None:
        """Connect once, so that a parameter that the driver does not take is told as such."""
        try:
            self._engine.connect().close()
        except (TypeError, ValueError):
            # Without the driver's text, which may quote the parameter's value.
            raise _wrong_parameter() from None

    @contextmanager
    def _migration_lock(self) -> Iterator[None]:
        if not self.is_sqlite:
            with self._engine.connect() as connection:
                connection.execute(text("SELECT pg_advisory_lock(:k)"), {"k": MIGRATION_LOCK})
                try:
                    yield
                finally:
                    connection.execute(text("SELECT pg_advisory_unlock(:k)"), {"k": MIGRATION_LOCK})
            return
        path = Path(str(self.url.database))
        with ExitStack() as stack:
            try:
                make_private(path.parent)
                stack.enter_context(exclusive(path.with_name(f"{path.name}.migrating")))
                # SQLite gives the files beside it the mode that this one has.
                if "uri" not in self.url.query:
                    make_private_file(path)
            except OSError as error:
                raise self.unavailable(error) from None
            yield


@cache
def newest_revision() -> str:
    """Return the revision of this version's tables: files of migrations begin with theirs.

    This version's are those that were there when this was imported: a process that goes on after
    an upgrade knows the tables of the old one alone.
    """
    return max(path.name[1:].partition("_")[0] for path in _MIGRATIONS.glob("r[0-9]*_*.py"))


newest_revision()


def _is_no_database(error: BaseException | None) -> bool:
    """Return whether SQLite found something else in the file, or a damaged database."""
    code = getattr(error, "sqlite_errorcode", None)
    return code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)


def _wrong_parameter() -> ConfigurationError:
    return ConfigurationError(
        "SYNC_PIPELINE_STORE_URL has a parameter after its `?` that the driver does not take.",
        hint="Correct its name and value.",
    )


def _checked(url: str) -> URL:
    try:
        parsed = make_url(url)
        driver = parsed.get_backend_name(), parsed.get_driver_name()
    except (ArgumentError, NoSuchModuleError, ValueError):  # a port that is no number
        driver = ("", "")
        parsed = None
    if parsed is None or driver not in (("sqlite", "pysqlite"), ("postgresql", "psycopg")):
        raise ConfigurationError(
            "SYNC_PIPELINE_STORE_URL is not a URL of a supported store.",
            hint="Write sqlite:////path/file.db or postgresql+psycopg://user@host/name.",
        )
    if driver[0] == "sqlite" and not parsed.database:
        raise ConfigurationError(
            "SYNC_PIPELINE_STORE_URL names no file.", hint="Write sqlite:////path/file.db."
        )
    if driver[0] != "sqlite" and "@" in f"{parsed.host}{parsed.database}":
        # What follows the first @ of a password would be shown as the host's name.
        raise ConfigurationError(
            "SYNC_PIPELINE_STORE_URL has an @ after its host's name.",
            hint="Write %40 for an @ in the password, and %2F for a /.",
        )
    return parsed


def inserting(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an INSERT that can say what becomes of rows that are there already."""
    if connection.dialect.name == "sqlite":
        return sqlite.insert(table)
    return postgresql.insert(table)


def insert_new(connection: Connection, table: Table, row: Mapping[str, Any]) -> None:
    """Insert a row unless there is one with its key."""
    connection.execute(inserting(connection, table).values(row).on_conflict_do_nothing())


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    keys: Sequence[str],
    update: Iterable[str],
) -> None:
    """Insert rows, or update the named columns of those that exist, in bulk.

    All rows have the same columns.
    """
    _write_rows(connection, table, rows, tuple(keys), tuple(update))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, all with the same columns, in bulk."""
    _write_rows(connection, table, rows, (), ())


def _write_rows(
    connection: Connection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    keys: tuple[str, ...],
    update: tuple[str, ...],
) -> None:
    if not rows:
        return
    backend, names = connection.dialect.name, tuple(rows[0])
    statement = _bulk_text(backend, table, names, keys, update)
    connection.execute(statement, _parameters(backend, names, rows))


@cache
def _bulk_text(
    backend: str,
    table: Table,
    names: tuple[str, ...],
    keys: tuple[str, ...],
    update: tuple[str, ...],
) -> TextClause:
    """Return the statement as text: SQLAlchemy compiles ON CONFLICT anew each time otherwise."""
    dialect = sqlite if backend == "sqlite" else postgresql
    statement = dialect.insert(table)
    if keys:
        changes = {column: statement.excluded[column] for column in update}
        statement = statement.on_conflict_do_update(index_elements=list(keys), set_=changes)
    if backend != "sqlite":
        # One array a column: half the time of a statement for each row.
        columns = [func.unnest(literal_column(f":{name}")) for name in names]
        statement = statement.from_select(list(names), select(*columns))
    compiled = statement.compile(dialect=dialect.dialect(paramstyle="named"), column_keys=names)
    types = {name: _bound_type(backend, table.c[name].type) for name in names}
    return text(str(compiled)).bindparams(
        *(bindparam(name, type_=kind) for name, kind in types.items())
    )


def _bound_type(backend: str, column_type: TypeEngine[Any]) -> TypeEngine[Any]:
    return column_type if backend == "sqlite" else ARRAY(column_type, dimensions=1)


def _parameters(
    backend: str, names: Sequence[str], rows: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the values to bind: a set for each row, or one set of arrays."""
    if backend == "sqlite":
        return [dict(row) for row in rows]
    return [{name: [row[name] for row in rows] for name in names}]


def among(
    connection: Connection, column: ColumnClause[ValueT], values: Sequence[ValueT]
) -> ColumnElement[bool]:
    """Return that a column holds one of these numbers or texts.

    They are one value to bind, so that there may be any number of them: PostgreSQL takes
    65,535 in a statement, SQLite 32,766.
    """
    if connection.dialect.name == "sqlite":
        return AmongJson(column, bindparam(None, list(values), type_=JSON))
    return column == any_(bindparam(None, list(values), type_=ARRAY(column.type)))


def among_named(backend: str, column: ColumnClause[Any], name: str) -> ColumnElement[bool]:
    """Return the same with the values bound by a name, as a list, whenever it is executed.

    For a statement that is made once: to make one anew takes longer than a small answer.
    """
    if backend == "sqlite":
        return AmongJson(column, bindparam(name, type_=JSON))
    return column == any_(bindparam(name, type_=ARRAY(column.type)))


def by_code_points(name: ColumnElement[str], *, is_sqlite: bool) -> ColumnElement[str]:
    """Return names in the order of code points, which SQLite's own is, to sort and compare by.

    The indexes of names have it, and PostgreSQL takes one for no other, not for an equality either.
    """
    return name if is_sqlite else name.collate("C")
