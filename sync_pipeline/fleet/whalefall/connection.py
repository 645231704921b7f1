"""The connection to a WhaleFall store: it reads, is bounded in time, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import class_row

from sync_pipeline.errors import ConfigurationError, Phase, StoreUnavailable
from sync_pipeline.fleet.whalefall.schema import LEFT_THERE, missing
from sync_pipeline.model.secret import Secret

CONNECT_SECONDS = 10
MOST_NAMED = 5
"""Of what a store lacks, how much is named."""
_SCHEMES = ("postgresql://", "postgresql+psycopg://", "postgresql+psycopg2://", "postgres://")
_IN_CLEAR = (
    "The password was not sent: it asks for it in clear. Add sslmode=verify-full (or require) to "
    "the URL, or require_auth=password where nobody else is on the network."
)
_AGAIN = "Nothing is half-written: run the command again, and it goes on from there."
RowT = TypeVar("RowT")

_SET = """
    SELECT pg_catalog.set_config(name, value, true)
    FROM (VALUES ('statement_timeout', %s), ('lock_timeout', %s),
        ('idle_in_transaction_session_timeout', '0'), ('TimeZone', 'UTC'),
        ('search_path', 'pg_catalog, pg_temp')) AS wanted (name, value)
"""
# Tables are named with their schema, so no function of the store's own stands in for the server's
# (PostgreSQL's manual, 5.10.6): it would run with the rights of whoever imports.

_READABLE = frozenset({"disable", "allow", "prefer"})
"""Modes of TLS (libpq `sslmode`) with which whoever listens, or answers, can have it without."""
_ALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}
"""A server that is gone without a word is noticed in a minute, and not after hours."""
_LOST_MILLISECONDS = 60_000
_COLUMNS = """
    SELECT c.relname, a.attname
    FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
    WHERE c.relnamespace = pg_catalog.to_regnamespace('public')
      AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped
"""


class WhaleFall:
    """An open WhaleFall store."""

    def __init__(self, connection: psycopg.Connection[Any], address: str) -> None:
        self._connection = connection
        self.address = address
        self.tables: Mapping[str, frozenset[str]] = {}
        self._seconds = CONNECT_SECONDS

    @classmethod
    @contextmanager
    def open(cls, url: Secret, statement_seconds: float) -> Iterator[WhaleFall]:
        """Connect to a store and make sure that it is one.

        Raises:
            ConfigurationError: the URL is none, or what answers is no such store.
            StoreUnavailable: it does not answer.
        """
        parameters = _parameters(url)
        address = "{host}:{port}/{dbname}".format_map(_Shown(parameters))
        try:
            connection = psycopg.connect(**parameters, prepare_threshold=None)
        except (psycopg.Error, TypeError, ValueError) as error:
            raise _unavailable(address, error, parameters) from None
        with _closing(connection):
            store = cls(connection, address)
            store._prepare(statement_seconds)
            yield store

    def _prepare(self, statement_seconds: float) -> None:
        self._seconds = max(1, round(statement_seconds))
        found: dict[str, set[str]] = {}
        with self._guarded():
            self._connection.read_only = True
            self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with self.reading():
                for table, column in self._connection.execute(_COLUMNS):
                    found.setdefault(table, set()).add(column)
        self.tables = {table: frozenset(names) for table, names in found.items()}
        lacks = missing(self.tables)
        if lacks:
            shown = ", ".join(lacks[:MOST_NAMED])
            more = f" and {len(lacks) - MOST_NAMED} more" if len(lacks) > MOST_NAMED else ""
            raise ConfigurationError(
                f"{self.address} (revision {self.revision()}) is no WhaleFall store that can be "
                f"read: it lacks {shown}{more}.",
                hint="Upgrade WhaleFall with its own migrations first. Nothing was changed.",
            )

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Read in one view that nobody's writing changes (PostgreSQL's manual, 13.2.2).

        What the session is set to holds for this transaction: a pool may lend another one next.
        """
        with self._guarded(), self._connection.transaction():
            self._connection.execute(_SET, (f"{self._seconds}s", f"{self._seconds}s"))
            yield

    def rows(self, kind: type[RowT], query: str, parameters: Mapping[str, Any]) -> list[RowT]:
        """Return the rows of a query as records whose fields are its columns."""
        with self._guarded(), self._connection.cursor(row_factory=class_row(kind)) as cursor:
            return cursor.execute(query, parameters).fetchall()

    def left_there(self) -> list[tuple[str, str, int]]:
        """Return the tables that are not taken, why, and about how many rows they have."""
        query = (
            "SELECT c.relname, greatest(c.reltuples, 0)::bigint FROM pg_catalog.pg_class AS c "
            "WHERE c.relnamespace = pg_catalog.to_regnamespace('public') AND c.relname = ANY(%s)"
        )
        with self.reading():
            found = dict(self._connection.execute(query, (list(LEFT_THERE),)).fetchall())
        return [(name, LEFT_THERE[name], found[name]) for name in LEFT_THERE if name in found]

    def revision(self) -> str:
        """Return the revision that its migrations noted."""
        if "version_num" not in self.tables.get("alembic_version", ()):
            return "unknown"
        query = sql.SQL("SELECT version_num FROM public.alembic_version ORDER BY 1 DESC LIMIT 1")
        with self.reading():
            row = self._connection.execute(query).fetchone()
        return str(row[0]) if row else "unknown"

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except psycopg.errors.QueryCanceled:
            raise StoreUnavailable(
                f"A question to {self.address} took longer than it may.",
                phase=Phase.COLLECT,
                hint=f"{_AGAIN} Give it more time with --statement-timeout.",
            ) from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise ConfigurationError(
                f"{self.address} does not let this account read: {error.diag.message_primary}.",
                hint="Give it SELECT on the tables of the schema public.",
            ) from None
        except psycopg.Error as error:
            what = error.diag.message_primary or type(error).__name__
            raise StoreUnavailable(
                f"{self.address} can't be read: {what}.", phase=Phase.COLLECT, hint=_AGAIN
            ) from None


class _Shown(dict[str, Any]):
    """What of the address is known."""

    def __missing__(self, key: str) -> str:
        return {"port": "5432", "host": "localhost"}.get(key, "?")


@contextmanager
def _closing(connection: psycopg.Connection[Any]) -> Iterator[None]:
    try:
        yield
    finally:
        connection.close()


def _parameters(url: Secret) -> dict[str, Any]:
    text = url.reveal().strip()
    for scheme in _SCHEMES:
        if text.startswith(scheme):
            try:
                found: dict[str, Any] = dict(
                    conninfo_to_dict(f"postgresql://{text.removeprefix(scheme)}")
                )
            except psycopg.Error:
                break
            if found.get("sslmode", "prefer") in _READABLE:
                found.setdefault("require_auth", "!password")
            return {
                "connect_timeout": CONNECT_SECONDS,
                "application_name": "sync_pipeline import",
                **_ALIVE,
                "tcp_user_timeout": _LOST_MILLISECONDS,
                **found,
                "client_encoding": "UTF8",
            }
    raise ConfigurationError(
        "The address of the WhaleFall store is no URL of PostgreSQL.",
        hint="Write postgresql://user:password@host:5432/name, or env:NAME for where it is.",
    )


def _unavailable(
    address: str, error: Exception, parameters: Mapping[str, Any]
) -> ConfigurationError | StoreUnavailable:
    if not isinstance(error, psycopg.Error):
        return ConfigurationError(
            "The address of the WhaleFall store has a parameter that the driver does not take."
        )
    reason = " ".join(str(error).split())
    password = parameters.get("password")
    if password:
        reason = reason.replace(str(password), "***")
    is_refused = "authentication method requirement" in reason
    return StoreUnavailable(
        f"The WhaleFall store {address} does not answer: {reason}.",
        phase=Phase.CONNECT,
        hint=_IN_CLEAR if is_refused else "Nothing was changed.",
    )
