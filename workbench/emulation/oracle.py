"""An Oracle that runs the engine's own SQL: translated, on tables with documented columns.

The tables hold the rows of all containers. `CDB_*` and `V$*` views show those of the
containers that CONTAINER_DATA lets the account see, and of open ones alone; `DBA_*` views
those of the container that the session is in. A view that was not granted does not exist.
What this can't show is whether Oracle's parser, its types and its privileges agree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any

import duckdb
import oracledb
import sqlglot
from sqlglot import exp

from sync_pipeline.engines.oracle.wire.errors import query_error
from workbench.emulation.answers import Answers, digest
from workbench.emulation.oracle_catalog import (
    USERENV,
    USERENV_SINCE,
    VIEWS,
    Column,
    Release,
    View,
)

_DUCKDB = {"NUMBER": "BIGINT", "DATE": "TIMESTAMP", "TIMESTAMP WITH TIME ZONE": "TIMESTAMPTZ"}
OPEN = ("READ WRITE", "READ ONLY")
ROOT = 1
SEED = 2


@dataclass
class Container:
    """A container of a database; `total_size` is what V$PDBS says."""

    con_id: int
    name: str
    open_mode: str = "READ WRITE"
    restricted: str = "NO"
    status: str = "NORMAL"
    total_size: int = 0

    @property
    def is_readable(self) -> bool:
        """Return whether CDB_* views have rows of it."""
        return self.open_mode in OPEN and self.restricted != "YES"


@dataclass
class Session:
    """Who asks: in which container, seeing which others, with which views granted."""

    container: int = 0
    sees: frozenset[int] | None = None
    granted: frozenset[str] | None = None
    protocol: str = "tcp"
    database_role: str = "PRIMARY"
    cloud_service: str | None = None
    fails: Mapping[str, str] = field(default_factory=dict)
    """By view, the error that reading it raises."""


_idle: list[duckdb.DuckDBPyConnection] = []
"""Empty databases of this process: to make one takes longer than what a session asks of it."""


@contextmanager
def _empty_database() -> Iterator[duckdb.DuckDBPyConnection]:
    """Lend a database that nobody else uses; all that is done in it is undone afterwards."""
    raw = _idle.pop() if _idle else _new_database()
    raw.execute("BEGIN")
    yield raw
    # One in which a session failed goes.
    raw.execute("ROLLBACK")
    _idle.append(raw)


def _new_database() -> duckdb.DuckDBPyConnection:
    raw = duckdb.connect(":memory:", config={"threads": "1"})
    raw.execute("SET TimeZone = 'UTC'")
    # Planning takes longer than reading a few rows.
    raw.execute("PRAGMA disable_optimizer")
    raw.execute("CREATE MACRO sys_extract_utc(moment) AS timezone('UTC', moment)")
    raw.execute("CREATE TABLE userenv (parameter VARCHAR, value VARCHAR)")
    raw.execute(
        "CREATE MACRO sys_context(space, wanted) AS "
        "(SELECT value FROM userenv WHERE parameter = wanted)"
    )
    return raw


class EmulatedOracle:
    """The dictionary of one database."""

    def __init__(self, release: Release = (19,), full_version: str = "19.22.0.0.0") -> None:
        self.release = release
        self.containers: dict[int, Container] = {}
        self.statements: list[str] = []
        self._rows: dict[str, list[dict[str, Any]]] = {}
        banner = {"product": "Oracle Database 19c Enterprise Edition ", "status": "Production"}
        version = f"{release[0]}.{release[1] if len(release) > 1 else 0}.0.0.0"
        if release >= (18,):
            banner["version_full"] = full_version
        self.add("product_component_version", 0, version=version, **banner)
        self.add("dual", 0, dummy="X")

    def add(self, view: str, c: int, /, **values: Any) -> None:
        """Put a row into a view (named as in a database without containers)."""
        columns = {column.name: column for column in VIEWS[view].in_release(self.release)}
        unknown = set(values) - set(columns)
        if unknown:
            raise LookupError(f"{view} has no column {sorted(unknown)} in {self.release}")
        row = {name: _checked(column, values.get(name)) for name, column in columns.items()}
        self._rows.setdefault(view, []).append({"#con_id": c, **row})

    def set(self, view: str, c: int, /, name: str, **values: Any) -> None:
        """Put a row into a view in the place of the one of its name in the same container."""
        rows = self._rows.setdefault(view, [])
        rows[:] = [row for row in rows if (row["name"], row["#con_id"]) != (name, c)]
        self.add(view, c, name=name, **values)

    @contextmanager
    def session(self, session: Session) -> Iterator[EmulatedConnection]:
        """Open a session on the rows as they are now."""
        with ExitStack() as stack:

            def made() -> duckdb.DuckDBPyConnection:
                raw = stack.enter_context(_empty_database())
                values = self.userenv(session)
                marks = ", ".join(["(?, ?)"] * len(values))
                raw.execute(f"INSERT INTO userenv VALUES {marks}", list(chain(*values.items())))
                return raw

            yield EmulatedConnection(made, session, self)

    def userenv(self, session: Session) -> dict[str, str | None]:
        """Return the parameters of a session by their names."""
        here = self.containers.get(session.container)
        return {
            "CON_ID": str(session.container),
            "CON_NAME": here.name if here else "ORCL",
            "NETWORK_PROTOCOL": session.protocol,
            "DATABASE_ROLE": session.database_role,
            "CLOUD_SERVICE": session.cloud_service,
        }

    def state_of(self, name: str, session: Session) -> object:
        """Return all that tells a view of a session from the same one of another."""
        of = name.replace("cdb_", "dba_", 1)
        return name, self.release, self._limit(name, session), self._rows.get(of, [])

    def make_table(self, raw: duckdb.DuckDBPyConnection, name: str) -> None:
        """Make the table of a view: the rows of all containers."""
        columns = VIEWS[name].in_release(self.release)
        table = f'"rows of {name}"'
        types = ", ".join(f'"{column.name}" {_duckdb_type(column)}' for column in columns)
        raw.execute(f'CREATE TABLE {table} ("#con_id" BIGINT, {types})')
        rows = [list(row.values()) for row in self._rows.get(name, [])]
        if rows:
            marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
            raw.execute(f"INSERT INTO {table} VALUES {marks}", [v for row in rows for v in row])

    def make_view(self, raw: duckdb.DuckDBPyConnection, name: str, session: Session) -> None:
        """Make a view of a table, for who asks; `CDB_` views have a column more."""
        of = name.replace("cdb_", "dba_", 1)
        listed = ", ".join(f'"{column.name}"' for column in VIEWS[of].in_release(self.release))
        if name.startswith("cdb_"):
            listed += ', "#con_id" AS con_id'
        limit = self._limit(name, session)
        raw.execute(f'CREATE VIEW "{name}" AS SELECT {listed} FROM "rows of {of}" {limit}')

    def _limit(self, name: str, session: Session) -> str:
        seen: Iterable[int] = self._seen(session)
        if name == "dba_pdbs":
            return "" if session.container == ROOT else f"WHERE pdb_id = {session.container}"
        if name.startswith("cdb_"):
            seen = (it for it in seen if it in (0, ROOT) or self.containers[it].is_readable)
        elif not name.startswith(("v$", "gv$")):
            seen = (0, session.container) if VIEWS[name].is_everywhere else (session.container,)
        return f'WHERE "#con_id" IN ({", ".join(map(str, seen))})'

    def _seen(self, session: Session) -> tuple[int, ...]:
        if session.container != ROOT:
            return (0, session.container)
        sees = session.sees if session.sees is not None else frozenset(self.containers)
        return (0, ROOT, *sorted(sees - {0, ROOT}))


_ANSWERS: Answers[list[dict[str, Any]]] = Answers(lambda rows: rows)


class EmulatedConnection:
    """A connection of the engine, on translated statements."""

    def __init__(
        self,
        made: Callable[[], duckdb.DuckDBPyConnection],
        session: Session,
        server: EmulatedOracle,
    ) -> None:
        self._raw = cache(made)
        self._session = session
        self._server = server
        self._made: set[str] = set()
        self._states: dict[str, bytes] = {}

    def fetch(
        self, sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        """Run one statement of the engine."""
        self._server.statements.append(sql)
        statement = translated(sql)
        if statement.binds != set(parameters or ()):
            self._raise("DPY-4008: no bind placeholder fits what was given")
        later = {name for name, since in USERENV_SINCE.items() if since <= self._server.release}
        if statement.parameters - USERENV - later:
            self._raise("ORA-02003: invalid USERENV parameter")
        for view in statement.views:
            self._check_view(view)
        states = [self._states[view] for view in statement.views]
        userenv = statement.parameters and self._server.userenv(self._session)
        key = digest(statement.text, parameters, states, userenv)
        return [
            dict(row) for row in _ANSWERS.get(key, lambda: self._work_out(statement, parameters))
        ]

    def _work_out(
        self, statement: Statement, parameters: Mapping[str, object] | None
    ) -> list[dict[str, Any]]:
        for view in statement.views:
            self._make_view(view)
        cursor = self._raw().execute(statement.text, dict(parameters or {}) or None)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def _check_view(self, name: str) -> None:
        """Refuse a view that may not be read; keep the rows of one that was not read before."""
        if name in self._session.fails:
            self._raise(self._session.fails[name])
        view = VIEWS.get(name.replace("cdb_", "dba_", 1))
        exists = view is not None and view.since <= self._server.release
        if view is None or not exists or not self._may_read(view, name):
            self._raise("ORA-00942: table or view does not exist")
        if name not in self._states:
            self._states[name] = digest(self._server.state_of(name, self._session))

    def _make_view(self, name: str) -> None:
        of = name.replace("cdb_", "dba_", 1)
        if self._is_new(f"rows of {of}"):
            self._server.make_table(self._raw(), of)
        if self._is_new(name):
            self._server.make_view(self._raw(), name, self._session)

    def _is_new(self, name: str) -> bool:
        is_new = name not in self._made
        self._made.add(name)
        return is_new

    def _may_read(self, view: View, name: str) -> bool:
        granted = self._session.granted
        return view.is_everywhere or granted is None or name in granted

    def _raise(self, message: str) -> None:
        raise query_error(oracledb.DatabaseError(message), "emulated")

    def abort(self) -> None:
        """Do nothing: nothing waits."""

    def close(self) -> None:
        """Do nothing: the session ends with its context."""


@dataclass(frozen=True)
class Statement:
    """A statement of Oracle, in DuckDB's words, and what it names."""

    text: str
    binds: frozenset[str]
    views: tuple[str, ...]
    parameters: frozenset[str]


@cache
def translated(sql: str) -> Statement:
    """Translate one SELECT; anything else is refused."""
    (tree,) = sqlglot.parse(sql, read="oracle")
    assert isinstance(tree, exp.Select), "only reads"
    for table in tree.find_all(exp.Table):
        # Every view is SYS's; V_$X and X are two names of what is V$X for everybody.
        if isinstance(table.this, exp.Identifier) and table.db:
            assert table.db.lower() == "sys", "a name that a synonym or a schema could change"
            table.replace(
                exp.to_table(_plain(table.name), alias=table.alias or None, dialect="duckdb")
            )
    return Statement(
        tree.sql(dialect="duckdb", comments=False),
        frozenset(item.name for item in tree.find_all(exp.Placeholder)),
        tuple(table.name for table in tree.find_all(exp.Table)),
        frozenset(re.findall(r"SYS_CONTEXT\('USERENV', '(\w+)'\)", sql)),
    )


def _plain(name: str) -> str:
    name = name.lower().replace("v_$", "v$")
    return f'"{name}"' if "$" in name else name


def granted_by(script: str) -> frozenset[str]:
    """Return the views that a script of grants lets an account read."""
    found = re.findall(r"GRANT READ ON SYS\.(\S+) TO", script)
    return frozenset(name.lower().replace("v_$", "v$") for name in found)


def sees_all(script: str) -> bool:
    """Return whether a script lets a common user see all containers."""
    return "SET CONTAINER_DATA = ALL CONTAINER = CURRENT;" in script


def _duckdb_type(column: Column) -> str:
    return _DUCKDB.get(column.type, "VARCHAR") + (" NOT NULL" if column.is_required else "")


def _checked(column: Column, value: Any) -> Any:
    """Return a value as Oracle would keep it: an empty string is null, and lengths count."""
    if isinstance(value, str):
        match = re.fullmatch(r"VARCHAR2\((\d+)\)", column.type)
        if match is None or len(value) > int(match[1]):
            raise ValueError(f"{column.name} {column.type} can't hold {value!r}")
        return value or None
    return value
