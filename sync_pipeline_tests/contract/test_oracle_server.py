"""The same on a real Oracle, where `SYNC_PIPELINE_TEST_ORACLE` names one.

`oracle://sys:PASSWORD@HOST:PORT/SERVICE`; see docs/compose.yaml. The service is a
pluggable database or the root. What is expected here is what the emulated dictionary shows.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

import oracledb
import pytest

from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.collect.sizes import SizeScope, collect_sizes
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines.base import Target
from sync_pipeline.errors import AuthenticationError, ConnectError, ConnectReason, SyncError
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline_tests.contract.oracle_family import ENGINE, NOW, account, grants

URL = os.environ.get("SYNC_PIPELINE_TEST_ORACLE", "")
PASSWORD = "SuiteOnly1monitor"
pytestmark = pytest.mark.skipif(not URL, reason="SYNC_PIPELINE_TEST_ORACLE names no server")


@dataclass(frozen=True)
class Server:
    """A server, the accounts of this suite on it, and the prefix of common names."""

    admin: oracledb.Connection
    target: Target
    prefix: str

    def run(self, *statements: str) -> None:
        with self.admin.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def name(self, suffix: str) -> str:
        return f"{self.prefix}SYNC_SUITE_{suffix}"

    def snapshot(self, target: Target | None = None) -> Snapshot:
        asked = target or self.target
        return collect_accounts(
            ENGINE,
            lambda database: open_connection(ENGINE, asked, Deadline(300), database),
            CollectScope(asked.username),
            NOW,
        )

    def sizes(self, largest_tables: int = 0) -> SizeSnapshot:
        return collect_sizes(
            ENGINE,
            lambda database: open_connection(ENGINE, self.target, Deadline(300), database),
            SizeScope(self.target.username, largest_tables),
            NOW,
        )


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    url = urlsplit(URL)
    host, port = url.hostname or "127.0.0.1", url.port or 1521
    service = url.path.lstrip("/")
    instance = Instance(1, "suite", EngineName.ORACLE, host, port, "c", database=service)
    with oracledb.connect(
        user=unquote(url.username or "sys"),
        password=unquote(url.password or ""),
        host=host,
        port=port,
        service_name=service,
        mode=oracledb.AUTH_MODE_SYSDBA,
    ) as admin:
        with admin.cursor() as cursor:
            cursor.execute("SELECT SYS_CONTEXT('USERENV', 'CON_ID') FROM dual")
            row = cursor.fetchone()
        prefix = "C##" if row is not None and row[0] == "1" else ""
        target = Target(instance, f"{prefix}SYNC_SUITE_MONITOR", Secret(PASSWORD), 120)
        made = Server(admin, target, prefix)
        _drop(made)
        script = ENGINE.grants_script(target.username, "%", [])
        release = int(admin.version.split(".")[0])
        for line in script.replace("<password>", PASSWORD).splitlines():
            if not line.startswith("--") and not ("SCHEMA_PRIVS" in line and release < 23):
                made.run(line.rstrip(";"))
        try:
            yield made
        finally:
            _drop(made)


def _drop(server: Server) -> None:
    for kind, view in (("USER", "dba_users"), ("ROLE", "dba_roles")):
        column = "username" if kind == "USER" else "role"
        with server.admin.cursor() as cursor:
            cursor.execute(
                f"SELECT {column} FROM {view} WHERE {column} LIKE '%SYNC\\_SUITE%' ESCAPE '\\'"
            )
            names = [row[0] for row in cursor.fetchall()]
        cascade = " CASCADE" if kind == "USER" else ""
        server.run(*(f'DROP {kind} "{name}"{cascade}' for name in names))


NOT_ESTABLISHED = {
    "DBA_USERS has PASSWORD_CHANGE_DATE (read since 18)": (
        "SELECT column_name FROM sys.dba_tab_columns WHERE owner = 'SYS' "
        "AND table_name = 'DBA_USERS' AND column_name IN "
        "('PASSWORD_CHANGE_DATE', 'PROXY_ONLY_CONNECT', 'READ_ONLY', 'DICTIONARY_PROTECTED') "
        "ORDER BY 1"
    ),
    "DBA_SCHEMA_PRIVS has these columns (23ai)": (
        "SELECT column_name FROM sys.dba_tab_columns WHERE owner = 'SYS' "
        "AND table_name = 'DBA_SCHEMA_PRIVS' ORDER BY column_id"
    ),
    "V$PWFILE_USERS shows common administrators from here as": (
        "SELECT username, sysdba, common, con_id FROM sys.v_$pwfile_users ORDER BY 1"
    ),
    "read-only and dictionary-managed tablespaces in the metrics": (
        "SELECT t.tablespace_name, t.status, t.extent_management, m.used_space "
        "FROM sys.dba_tablespaces t LEFT JOIN sys.dba_tablespace_usage_metrics m "
        "ON m.tablespace_name = t.tablespace_name WHERE t.contents = 'PERMANENT' ORDER BY 1"
    ),
    "CLOUD_SERVICE (asked since 19)": (
        "SELECT SYS_CONTEXT('USERENV', 'CLOUD_SERVICE') FROM sys.dual"
    ),
    "the words of DBA_TAB_PRIVS.TYPE": "SELECT DISTINCT type FROM sys.dba_tab_privs ORDER BY 1",
    "GV$PDBS": "SELECT inst_id, con_id, name, open_mode FROM sys.gv_$pdbs ORDER BY 1, 2",
    "tables that SELECT ANY DICTIONARY may not open": (
        "SELECT table_name FROM sys.dba_tables WHERE owner = 'SYS' AND table_name IN "
        "('CDB_LOCAL_ADMINAUTH$', 'DEFAULT_PWD$', 'ENC$', 'LINK$', 'USER$', 'USER_HISTORY$', "
        "'XS$VERIFIERS') ORDER BY 1"
    ),
}
"""What no manual was found to say (docs/oracle-manuals.md), and what a server says of it."""


def _said(link: oracledb.Connection, sql: str) -> str:
    with link.cursor() as cursor:
        try:
            cursor.execute(sql)
            return "; ".join(", ".join(map(str, row)) for row in cursor.fetchall()) or "no rows"
        except oracledb.Error as error:
            return f"refused: {error}"


def test_first_what_was_not_established(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Print it all, whatever it is: it decides what the other tests can mean."""
    found = {question: _said(server.admin, sql) for question, sql in NOT_ESTABLISHED.items()}
    with capsys.disabled():
        print(f"\nOracle {server.admin.version}")
        for question, said in found.items():
            print(f"- {question}: {said}")
    assert found


def test_first_views_of_all_containers_in_a_read_only_transaction(
    server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    view = "cdb_users" if server.prefix else "dba_users"
    with open_connection(ENGINE, server.target, Deadline(60)) as link:
        rows = link.fetch(f"SELECT COUNT(*) AS users FROM sys.{view}")
    with capsys.disabled():
        print(f"\n- SYS.{view.upper()} in a read-only transaction: {rows[0]['users']} users")


def test_first_what_a_proxy_needs(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """The client is locked, has no CREATE SESSION, or an expired password: who gets in?"""
    proxy, client = server.name("PROXY"), server.name("CLIENT")
    server.run(
        f'CREATE USER {proxy} IDENTIFIED BY "{PASSWORD}"',
        f"GRANT CREATE SESSION TO {proxy}",
        f'CREATE USER {client} IDENTIFIED BY "{PASSWORD}"',
        f"ALTER USER {client} GRANT CONNECT THROUGH {proxy}",
    )
    instance = server.target.instance

    def enters() -> str:
        try:
            oracledb.connect(
                user=f"{proxy}[{client}]",
                password=PASSWORD,
                host=instance.host,
                port=instance.port,
                service_name=instance.database,
            ).close()
        except oracledb.Error as error:
            return str(error).splitlines()[0]
        return "gets in"

    found = {"without CREATE SESSION of the client": enters()}
    server.run(f"GRANT CREATE SESSION TO {client}")
    found["with it"] = enters()
    for state in ("PASSWORD EXPIRE", "ACCOUNT LOCK"):
        server.run(f"ALTER USER {client} {state}")
        found[state] = enters()
    with capsys.disabled():
        for question, said in found.items():
            print(f"\n- a proxy, {question}: {said}", end="")
    assert found["with it"] == "gets in"


def test_with_the_script_everything_is_read(server: Server) -> None:
    snapshot = server.snapshot()
    assert snapshot.unread == {}
    assert server.sizes(largest_tables=3).warnings == ()
    assert {"SYS", "PUBLIC", "DBA"} <= {item.name for item in snapshot.accounts}


def test_users_roles_and_grants_make_the_round_trip(server: Server) -> None:
    user, role = server.name("USER"), server.name("ROLE")
    server.run(
        f'CREATE USER {user} IDENTIFIED BY "{PASSWORD}" ACCOUNT LOCK',
        f"CREATE ROLE {role}",
        f"GRANT {role} TO {user} WITH ADMIN OPTION",
        f"GRANT CREATE TABLE TO {user} WITH ADMIN OPTION",
        f"GRANT SELECT ON SYS.DBA_OBJECTS TO {role} WITH HIERARCHY OPTION",
        f"ALTER USER {user} QUOTA 10M ON SYSTEM",
    )
    snapshot = server.snapshot()
    found = account(snapshot, user)
    assert (found.is_locked, found.can_login, found.is_superuser) == (True, False, False)
    assert [item.role for item in found.memberships] == [role]
    assert found.memberships[0].admin
    assert grants(snapshot, user) == {
        "CREATE TABLE on server with grant option",
        "QUOTA 10485760 on tablespace SYSTEM",
    }
    assert grants(snapshot, role) == {
        "SELECT on view SYS.DBA_OBJECTS (by SYS)",
        "SELECT WITH HIERARCHY OPTION on view SYS.DBA_OBJECTS (by SYS)",
    }


def test_a_proxy_is_read_with_its_roles(server: Server) -> None:
    joe, app, role = server.name("JOE"), server.name("APP"), server.name("APPROLE")
    server.run(
        f'CREATE USER {joe} IDENTIFIED BY "{PASSWORD}"',
        f'CREATE USER {app} IDENTIFIED BY "{PASSWORD}"',
        f"CREATE ROLE {role}",
        f"GRANT {role} TO {app}",
        f"ALTER USER {app} GRANT CONNECT THROUGH {joe} WITH ROLE {role}",
    )
    assert grants(server.snapshot(), joe) == {f"CONNECT THROUGH WITH ROLE {role} on account {app}"}


def test_what_a_session_sets_holds(server: Server) -> None:
    with open_connection(ENGINE, server.target, Deadline(60)) as link:
        rows = link.fetch("SELECT parameter, value FROM sys.nls_session_parameters")
    found = {row["parameter"]: row["value"] for row in rows}
    assert (found["NLS_COMP"], found["NLS_SORT"]) == ("BINARY", "BINARY")
    assert found["NLS_LANGUAGE"] == "AMERICAN"


def test_a_second_sync_finds_no_change(server: Server) -> None:
    first, second = server.snapshot(), server.snapshot()
    assert {item.name: item.fingerprint for item in first.accounts} == {
        item.name: item.fingerprint for item in second.accounts
    }


def test_every_privilege_of_the_server_is_known(server: Server) -> None:
    unknown = {
        grant.privilege
        for item in server.snapshot().accounts
        for grant in item.grants
        if not grant.recognised
    }
    assert unknown == set()


def test_sizes_are_those_of_the_files(server: Server) -> None:
    sizes = server.sizes()
    with server.admin.cursor() as cursor:
        cursor.execute("SELECT SUM(bytes) FROM dba_data_files")
        row = cursor.fetchone()
    assert row is not None
    assert sizes.databases[0].total.bytes == row[0]
    assert sizes.databases[0].data.bytes is not None
    assert sizes.databases[0].data.bytes <= row[0]


def test_a_wrong_password_and_a_wrong_service_have_their_errors(server: Server) -> None:
    with pytest.raises(AuthenticationError):
        server.snapshot(replace(server.target, password=Secret("wrong")))
    instance = replace(server.target.instance, database="NO_SUCH_SERVICE")
    with pytest.raises(ConnectError) as caught:
        server.snapshot(replace(server.target, instance=instance))
    assert caught.value.reason is ConnectReason.REFUSED


def test_a_statement_that_waits_is_bounded_and_nothing_can_be_written(server: Server) -> None:
    with (
        open_connection(ENGINE, replace(server.target, statement_seconds=1), Deadline(60)) as link,
        pytest.raises(SyncError),
    ):
        link.fetch("SELECT COUNT(*) FROM dba_tab_privs a, dba_tab_privs b, dba_tab_privs c")
    with (
        open_connection(ENGINE, server.target, Deadline(60)) as link,
        pytest.raises(SyncError),
    ):
        link.fetch("SELECT * FROM dual FOR UPDATE")
