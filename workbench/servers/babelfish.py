"""Babelfish for PostgreSQL: a real TDS endpoint with T-SQL and SQL Server's catalog views.

It is no SQL Server: views that it lacks are shims, with the columns and types that Microsoft
documents, over tables that a test fills (`sys.shim_my_permissions`,
`sys.shim_server_permissions`, `sys.shim_database_permissions`). It shows the wire, the drivers,
the parser and the types of rows, not a server's own rules.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pyodbc

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.sqlserver.wire.drivers import Driver, connection_string
from sync_pipeline.model.instance import Timeouts, TlsMode, TlsOptions
from workbench.servers.running import free_port, owned_directory
from workbench.servers.sqlserver_drivers import FREETDS, driver_named, target_at

SETTING = "SYNC_PIPELINE_TEST_BABELFISH"
"""Names the directory of the program `start DIRECTORY TDS_PORT PG_PORT`, which makes a server
and the program `DIRECTORY/stop`."""
ADMINISTRATOR, PASSWORD = "bbf_admin", "Adm1n-12345"  # as `start` makes it, on loopback
SQL_SERVER_2022 = "16.0.4165.4"
ACCESS = """\
host all babel 127.0.0.1/32 trust
local all babel trust
host all all 127.0.0.1/32 md5
"""
"""Logins need their passwords (pg_hba.conf); the user of `as_postgresql` needs none."""
START_SECONDS = 120
REAL_EXECUTE = """
DO $$
BEGIN
  EXECUTE (SELECT replace(pg_get_functiondef(oid), 'sys.shim_acl()', 'sys.shim_acl_given()')
    FROM pg_proc WHERE oid = 'sys.shim_acl'::regproc);
END $$;
CREATE OR REPLACE FUNCTION sys.shim_acl() RETURNS TABLE(class int, class_desc text, major_id int,
  minor_id int, grantee oid, grantor oid, permission text, state text) LANGUAGE sql STABLE AS $$
SELECT * FROM sys.shim_acl_given() a WHERE a.class <> 1 OR a.permission <> 'EXECUTE'
UNION ALL
SELECT 1, 'OBJECT_OR_COLUMN', p.oid::int, 0, a.grantee, a.grantor, 'EXECUTE',
  CASE WHEN a.is_grantable THEN 'W' ELSE 'G' END
FROM pg_proc p
JOIN pg_namespace n ON n.oid = p.pronamespace
JOIN sys.babelfish_namespace_ext e ON e.nspname = n.nspname AND e.dbid = sys.db_id()
CROSS JOIN LATERAL aclexplode(p.proacl) a
WHERE a.grantee <> p.proowner
$$;
"""
"""Who may run a procedure, with the grant option, as the server checks it: the list that the
shim reads has no option, and loses a procedure of which the option was revoked."""
LIMITS = Timeouts(connect_seconds=20, statement_seconds=60, total_seconds=240)


@dataclass(frozen=True)
class Babelfish:
    """A private server on loopback, which calls itself SQL Server 2022."""

    port: int
    postgresql_port: int

    def target(self, driver: str = FREETDS, **changes: Any) -> Target:
        """Return a target for a kind of driver: the administrator's, unless told otherwise."""
        settings: dict[str, Any] = {
            "username": ADMINISTRATOR,
            "password": PASSWORD,
            "timeouts": LIMITS,
            "tls": TlsOptions(TlsMode.REQUIRE),
            **changes,
        }
        return target_at(self.port, driver_named(driver), **settings)

    @contextmanager
    def administrator(self, database: str = "master") -> Iterator[pyodbc.Connection]:
        """Yield the administrator's own connection, for T-SQL."""
        target = self.target(database=database)
        text = connection_string(Driver(driver_named(FREETDS)), target, target.instance.tls)
        link = pyodbc.connect(text, autocommit=True)
        try:
            yield link
        finally:
            link.close()

    def run(self, *statements: str, database: str = "master") -> None:
        """Run statements of T-SQL as the administrator, in one database."""
        with self.administrator(database) as link:
            for statement in statements:
                link.execute(statement).close()

    @contextmanager
    def as_postgresql(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Yield a connection to the PostgreSQL below, for the shims and the settings."""
        with psycopg.connect(
            host="127.0.0.1",
            port=self.postgresql_port,
            user="babel",
            dbname="babelfish_db",
            autocommit=True,
        ) as link:
            yield link

    @contextmanager
    def shimmed(self, table: str, *rows: Mapping[str, object]) -> Iterator[None]:
        """Have rows in a table of the shims (`sys.shim_…`), and what was there again after."""
        with self.as_postgresql() as link:
            link.execute(f"CREATE TEMP TABLE kept AS SELECT * FROM sys.{table}")
            try:
                for row in rows:
                    names, marks = ", ".join(row), ", ".join(["%s"] * len(row))
                    text = f"INSERT INTO sys.{table} ({names}) VALUES ({marks})"
                    link.execute(text, list(row.values()))
                yield
            finally:
                link.execute(f"DELETE FROM sys.{table}")
                link.execute(f"INSERT INTO sys.{table} SELECT * FROM kept")

    @contextmanager
    def without_permissions(self, *names: str) -> Iterator[None]:
        """Have the server say that nobody has these permissions."""
        with self.shimmed("shim_my_permissions"), self.as_postgresql() as link:
            link.execute(
                "DELETE FROM sys.shim_my_permissions WHERE permission = ANY(%s)", [list(names)]
            )
            yield


@contextmanager
def run_babelfish(programs: Path, directory: Path) -> Iterator[Babelfish]:
    """Run a server of its own in `directory`; it ends with the context.

    Raises:
        RuntimeError: it did not start; the message says what its program said.
    """
    server = Babelfish(free_port(), free_port())
    home = owned_directory(directory, "nobody")
    command = [programs / "start", home, str(server.port), str(server.postgresql_port)]
    started = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=START_SECONDS
    )
    if started.returncode != 0:
        raise RuntimeError(f"Babelfish did not start: {started.stdout}{started.stderr}"[-2000:])
    try:
        (home / "data/pg_hba.conf").write_text(ACCESS)
        with server.as_postgresql() as link:
            link.execute(f"ALTER SYSTEM SET babelfishpg_tds.product_version = '{SQL_SERVER_2022}'")
            link.execute("SELECT pg_reload_conf()")
            link.execute(REAL_EXECUTE)
        yield server
    finally:
        subprocess.run([home / "stop"], capture_output=True, check=True, timeout=START_SECONDS)


def programs_here() -> Path | None:
    """Return the directory that the setting names, None where there is none.

    Raises:
        RuntimeError: the setting names a directory without the program.
    """
    named = os.environ.get(SETTING, "")
    if not named:
        return None
    if not (Path(named) / "start").is_file():
        raise RuntimeError(f"{SETTING} names {named}, which has no program `start`")
    return Path(named)
