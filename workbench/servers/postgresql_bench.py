"""What a test does with a PostgreSQL server: make things, and read them as the product does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from sync_pipeline.collect.accounts import CollectScope, ConnectionOpener, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Connection, Target, rest
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, Instance, Timeouts, TlsMode, TlsOptions
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from workbench.servers.running import RunningServer

ENGINE = PostgreSql()
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEPT_DATABASES = ("postgres", "template0", "template1")
KEPT_TABLESPACES = ("pg_default", "pg_global")

KEPT = """
SELECT 'database', datname::text, datdba,
  array(SELECT unnest(coalesce(datacl, acldefault('d', datdba)))::text ORDER BY 1)::text
  FROM pg_database
UNION ALL SELECT 'tablespace', spcname::text, spcowner, spcacl::text FROM pg_tablespace
UNION ALL SELECT 'role', rolname::text, oid, rolconfig::text FROM pg_roles
UNION ALL SELECT 'member', member::regrole::text, roleid, admin_option::text FROM pg_auth_members
UNION ALL SELECT 'setting', setrole::text, setdatabase, setconfig::text FROM pg_db_role_setting
"""
KEPT_PARAMETERS = "UNION ALL SELECT 'parameter', parname, 0, paracl::text FROM pg_parameter_acl\n"


@dataclass
class Tally:
    """How many connections a collection opened, and how many statements it sent."""

    connections: int = 0
    statements: list[tuple[str, str]] = field(default_factory=list)


class _Counted:
    """A real connection whose statements are counted."""

    def __init__(self, inner: Connection, database: str, tally: Tally) -> None:
        self._inner = inner
        self._database = database
        self._tally = tally

    def rest(self) -> None:
        rest(self._inner)

    def fetch(
        self, text: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]:
        self._tally.statements.append((self._database, text))
        return self._inner.fetch(text, parameters)

    def abort(self) -> None:
        self._inner.abort()

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True)
class PostgresBench:
    """A server, and a database of its own for each test."""

    server: RunningServer
    database: str = "bench"

    @property
    def major(self) -> int:
        return int(self.server.version)

    def admin(self, database: str | None = None) -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as the superuser, each statement its own transaction."""
        return psycopg.connect(
            host=self.server.host,
            port=self.server.port,
            user=self.server.admin_user,
            dbname=database or self.database,
            autocommit=True,
        )

    def run(self, *statements: str | sql.Composable, database: str | None = None) -> None:
        with self.admin(database) as link:
            for statement in statements:
                link.execute(statement if isinstance(statement, sql.Composable) else raw(statement))

    def rows(self, query: str, database: str | None = None) -> list[tuple[Any, ...]]:
        with self.admin(database) as link:
            return link.execute(raw(query)).fetchall()

    def target(
        self, username: str = "postgres", password: str = "unused", **changes: Any
    ) -> Target:
        """Return where to connect; `changes` are fields of the instance."""
        timeouts = changes.pop("timeouts", Timeouts(connect_seconds=5, statement_seconds=20))
        instance = Instance(
            id=1,
            name="bench",
            engine=EngineName.POSTGRESQL,
            host=self.server.host,
            port=self.server.port,
            credential="monitor",
            tls=TlsOptions(TlsMode.DISABLE),
            timeouts=timeouts,
        )
        return Target(
            replace(instance, **changes), username, Secret(password), timeouts.statement_seconds
        )

    def collect(
        self,
        target: Target | None = None,
        *,
        object_detail: bool = True,
        tally: Tally | None = None,
        before_database: Callable[[str], None] | None = None,
    ) -> Snapshot:
        """Read the server as the account sync does, over real connections."""
        target = target or self.target()
        scope = CollectScope(target.username, object_detail=object_detail)
        return collect_accounts(ENGINE, self._opener(target, tally, before_database), scope, NOW)

    def sizes(
        self,
        target: Target | None = None,
        *,
        tally: Tally | None = None,
        before_database: Callable[[str], None] | None = None,
        **scope: int,
    ) -> SizeSnapshot:
        """Measure the server as the size collection does, over real connections."""
        target = target or self.target()
        opener = self._opener(target, tally, before_database)
        return collect_sizes(ENGINE, opener, SizeScope(target.username, **scope), NOW)

    def _opener(
        self,
        target: Target,
        tally: Tally | None,
        before_database: Callable[[str], None] | None,
    ) -> ConnectionOpener:
        deadline = Deadline(target.instance.timeouts.total_seconds)
        counts = tally or Tally()

        @contextmanager
        def opened(database: str | None) -> Iterator[Connection]:
            if before_database and database:
                before_database(database)
            counts.connections += 1
            with open_connection(ENGINE, target, deadline, database) as connection:
                yield _Counted(connection, database or "", counts)

        return opened

    def account(self, name: str, snapshot: Snapshot | None = None) -> AccountState:
        """Return one account of a snapshot."""
        found = [a for a in (snapshot or self.collect()).accounts if a.name == name]
        assert len(found) == 1, f"{name!r} appears {len(found)} times"
        return found[0]

    @contextmanager
    def hba(self, *lines: str) -> Iterator[None]:
        """Put lines before the server's pg_hba.conf for a while."""
        path = self.server.directory / "data" / "pg_hba.conf"
        before = path.read_text()
        path.write_text("\n".join([*lines, before]))
        self._reload()
        try:
            yield
        finally:
            path.write_text(before)
            self._reload()

    def _reload(self) -> None:
        """Reload; the server's main process reads pg_hba.conf last, after its children."""
        with self.admin("postgres") as link:
            link.execute("SELECT pg_reload_conf()")
        time.sleep(0.15)

    def _kept(self, link: psycopg.Connection[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Return what a server has beside the databases and roles that tests make."""
        query = KEPT + (KEPT_PARAMETERS if self.major >= 15 else "")
        return link.execute(raw(f"{query} ORDER BY 1, 2, 3, 4")).fetchall()

    def begin(self) -> list[tuple[Any, ...]]:
        """Make the empty database of a test; return what the server has beside that."""
        with self.admin("postgres") as link:
            kept = self._kept(link)
            # A third cheaper than to write it all to the log, where nothing waits for a disk.
            strategy = "STRATEGY = FILE_COPY" if self.major >= 15 else ""
            link.execute(raw(f"CREATE DATABASE bench {strategy}"))
        return kept

    def reset(self) -> list[tuple[Any, ...]]:
        """Drop every database, tablespace and role that a test made, and what all had by grant.

        Return what is left.
        """
        with self.admin("postgres") as link:
            names = link.execute("SELECT datname FROM pg_database").fetchall()
            for (name,) in names:
                if name not in KEPT_DATABASES:
                    link.execute(statement("DROP DATABASE {} WITH (FORCE)", name))
            for (name,) in link.execute("SELECT spcname FROM pg_tablespace").fetchall():
                if name not in KEPT_TABLESPACES:
                    link.execute(statement("DROP TABLESPACE {}", name))
            self._drop_roles(link)
            # Grants to everyone and to predefined roles have no role that could be dropped.
            link.execute("UPDATE pg_database SET datacl = NULL WHERE datname = 'postgres'")
            link.execute("UPDATE pg_tablespace SET spcacl = NULL WHERE spcacl IS NOT NULL")
            if self.major >= 15:
                link.execute("DELETE FROM pg_parameter_acl")
            link.execute("RESET client_encoding")
            return self._kept(link)

    @staticmethod
    def _drop_roles(link: psycopg.Connection[tuple[Any, ...]]) -> None:
        """Drop them in the server itself: names may be in any encoding."""
        link.execute("SET client_encoding = 'SQL_ASCII'")
        link.execute(
            "DO $$ DECLARE roles text; BEGIN"
            "  SELECT string_agg(quote_ident(rolname), ', ') INTO roles FROM pg_roles"
            "  WHERE rolname !~ '^pg_' AND rolname <> 'postgres';"
            "  IF roles IS NOT NULL THEN"
            "    EXECUTE 'DROP OWNED BY ' || roles || ' CASCADE'; EXECUTE 'DROP ROLE ' || roles;"
            "  END IF; END $$"
        )
        link.execute("ALTER ROLE ALL RESET ALL")


def raw(text: str) -> sql.SQL:
    """Return a statement that is written in a test."""
    return sql.SQL(text)  # type: ignore[arg-type]


def statement(template: str, *names: str) -> sql.Composed:
    """Return a statement with quoted names in its places."""
    return raw(template).format(*(sql.Identifier(name) for name in names))


@contextmanager
def bench_on(server: RunningServer) -> Iterator[PostgresBench]:
    """Lend a server to one test, with an empty database, and clean it afterwards."""
    bench = PostgresBench(server)
    kept = bench.begin()
    try:
        yield bench
    finally:
        left = bench.reset()
    changed = set(left) ^ set(kept)
    assert not changed, f"the test left this otherwise for those after it: {changed}"
