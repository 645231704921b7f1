"""What a MariaDB account is, and every kind of grant, read back from a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionStatus
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

pytestmark = pytest.mark.mariadb
BY = "root@127.0.0.1"


@pytest.fixture
def family(each_mariadb_server: RunningServer) -> Iterator[Family]:
    found = Family(each_mariadb_server)
    found.run(
        "CREATE DATABASE app",
        "CREATE TABLE app.t (a INT, `b c` INT)",
        "CREATE PROCEDURE app.p() SELECT 1",
        "CREATE FUNCTION app.f() RETURNS INT RETURN 1",
    )
    with found.admin() as cursor:
        cursor.execute("SET SESSION sql_mode = ORACLE")
        cursor.execute("CREATE PACKAGE app.k AS PROCEDURE q(); END")
        cursor.execute("CREATE PACKAGE BODY app.k AS PROCEDURE q() AS BEGIN NULL; END; END")
    yield found
    found.run("DROP DATABASE app")


def test_every_kind_of_grant(family: Family) -> None:
    with family.users("u@'%'", "proxied@'%'"):
        with family.admin() as cursor:
            for statement in (
                "SET SESSION sql_mode = ORACLE",
                "GRANT PROCESS, SUPER ON *.* TO u@'%' WITH GRANT OPTION",
                "GRANT SELECT, DELETE HISTORY ON app.* TO u@'%'",
                r"GRANT INSERT ON `a\_b`.* TO u@'%'",
                "GRANT INSERT ON `a_b%`.* TO u@'%'",
                "GRANT SELECT, SHOW VIEW ON app.t TO u@'%'",
                "GRANT UPDATE (a, `b c`) ON app.t TO u@'%'",
                "GRANT EXECUTE ON PROCEDURE app.p TO u@'%'",
                "GRANT ALTER ROUTINE ON FUNCTION app.f TO u@'%' WITH GRANT OPTION",
                "GRANT EXECUTE ON PACKAGE app.k TO u@'%'",
                "GRANT EXECUTE ON PACKAGE BODY app.k TO u@'%'",
                "GRANT PROXY ON proxied@'%' TO u@'%' WITH GRANT OPTION",
            ):
                cursor.execute(statement)
        account = family.account("'u'@'%'")
    kinds = SecurableKind
    server, table = Securable(kinds.SERVER), Securable(kinds.TABLE, "app", "", "t")
    assert set(account.grants) == {
        Grant(server, "PROCESS", grantable=True),
        Grant(server, "SUPER", grantable=True),
        Grant(Securable(kinds.DATABASE, "app"), "SELECT"),
        Grant(Securable(kinds.DATABASE, "app"), "DELETE HISTORY"),
        Grant(Securable(kinds.DATABASE, r"a\_b"), "INSERT"),
        Grant(Securable(kinds.DATABASE_PATTERN, "a_b%"), "INSERT"),
        Grant(table, "SELECT", grantor=BY),
        Grant(table, "SHOW VIEW", grantor=BY),
        Grant(Securable(kinds.COLUMN, "app", "", "t", "a"), "UPDATE"),
        Grant(Securable(kinds.COLUMN, "app", "", "t", "b c"), "UPDATE"),
        Grant(Securable(kinds.PROCEDURE, "app", "", "p"), "EXECUTE", grantor=BY),
        Grant(Securable(kinds.FUNCTION, "app", "", "f"), "ALTER ROUTINE", True, grantor=BY),
        Grant(Securable(kinds.PACKAGE, "app", "", "k"), "EXECUTE", grantor=BY),
        Grant(Securable(kinds.PACKAGE_BODY, "app", "", "k"), "EXECUTE", grantor=BY),
        Grant(Securable(kinds.ACCOUNT, name="'proxied'@'%'"), "PROXY", True, grantor=BY),
    }
    assert account.is_superuser
    assert account.can_login


def test_roles_their_options_and_public(family: Family) -> None:
    family.run("CREATE ROLE outer_role", "CREATE ROLE `it's`", "CREATE ROLE `a@b`")
    try:
        with family.users("u@'%'"):
            family.run(
                "GRANT `it's` TO outer_role",
                "GRANT outer_role TO u@'%' WITH ADMIN OPTION",
                "GRANT `a@b` TO u@'%'",
                "SET DEFAULT ROLE `a@b` FOR u@'%'",
                "GRANT SHOW DATABASES ON *.* TO PUBLIC",
                "GRANT outer_role TO PUBLIC",
            )
            states = {state.name: state for state in family.snapshot().accounts}
    finally:
        family.run(
            "REVOKE SHOW DATABASES ON *.* FROM PUBLIC",
            "REVOKE outer_role FROM PUBLIC",
            *("DROP ROLE outer_role", "DROP ROLE `it's`", "DROP ROLE `a@b`"),
        )
    assert set(states["'u'@'%'"].memberships) == {
        Membership("outer_role", admin=True, default=False),
        Membership("a@b", default=True),
    }
    outer = states["outer_role"]
    assert (outer.kind, outer.can_login) == (AccountKind.ROLE, False)
    assert outer.memberships == (Membership("'it''s'", default=False),)
    assert states["'it''s'"].kind is AccountKind.ROLE
    public = states["PUBLIC"]
    assert (public.kind, public.can_login) == (AccountKind.PUBLIC, False)
    assert Grant(Securable(SecurableKind.SERVER), "SHOW DATABASES") in public.grants
    assert public.memberships == (Membership("outer_role", default=False),)


def test_names_round_trip(family: Family) -> None:
    names = {
        "''@'%'": "''@'%'",
        "'it''s'@'%'": "'it''s'@'%'",
        r"'back\\slash'@'%'": r"'back\slash'@'%'",
        "'d.o t%_@\"`'@'%'": "'d.o t%_@\"`'@'%'",
        "'Ünï日本'@'10.%'": "'Ünï日本'@'10.%'",
        "'Mixed'@'HOST.Example'": "'Mixed'@'host.example'",
        "'mixed'@'host.example'": "'mixed'@'host.example'",
        f"'{'é' * 128}'@'10.0.0.0/255.0.0.0'": f"'{'é' * 128}'@'10.0.0.0/255.0.0.0'",
    }
    with family.admin() as cursor:
        for name in names:
            cursor.execute(f"CREATE USER {name}")
        try:
            found = {state.name for state in family.snapshot().accounts}
        finally:
            for name in names:
                cursor.execute(f"DROP USER {name}")
    assert set(names.values()) <= found


def test_the_state_of_the_accounts(family: Family) -> None:
    users = {
        "'plain'@'%'": "",
        "'locked'@'%'": "IDENTIFIED BY 'x' PASSWORD EXPIRE INTERVAL 5 DAY ACCOUNT LOCK",
        "'expired'@'%'": "IDENTIFIED BY 'x' PASSWORD EXPIRE",
        "'two'@'%'": "IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('y')",
        "'other'@'%'": "IDENTIFIED VIA mysql_native_password USING PASSWORD('y') OR unix_socket",
        "'tls'@'%'": "REQUIRE CIPHER 'A' AND ISSUER '/C=x' AND SUBJECT '/CN=y'",
        "'x509'@'%'": "REQUIRE X509",
        "'limits'@'%'": (
            "WITH MAX_QUERIES_PER_HOUR 3 MAX_UPDATES_PER_HOUR 4 MAX_CONNECTIONS_PER_HOUR 5"
            " MAX_USER_CONNECTIONS -1 MAX_STATEMENT_TIME 1.5"
        ),
    }
    with family.users(*(f"{name} {text}" for name, text in users.items())):
        states = {s.name: s for s in family.snapshot().accounts}
    attributes = {name: dict(states[name].attributes) for name in users}
    assert attributes["'plain'@'%'"]["plugins"] == "mysql_native_password"
    assert attributes["'plain'@'%'"]["has_authentication_string"] is False
    assert str(attributes["'plain'@'%'"]["password_last_changed"]).endswith("Z")
    assert attributes["'locked'@'%'"]["password_lifetime"] == 5
    assert attributes["'locked'@'%'"]["has_authentication_string"] is True
    assert states["'locked'@'%'"].is_locked
    assert not states["'locked'@'%'"].can_login
    assert attributes["'expired'@'%'"]["password_expired"] is True
    assert attributes["'two'@'%'"]["plugins"] == "unix_socket, mysql_native_password"
    assert attributes["'other'@'%'"]["plugins"] == "mysql_native_password, unix_socket"
    assert attributes["'x509'@'%'"]["ssl_type"] == "X509"
    tls = attributes["'tls'@'%'"]
    assert [tls[k] for k in ("ssl_type", "ssl_cipher", "x509_issuer", "x509_subject")] == [
        *("SPECIFIED", "A", "/C=x", "/CN=y")
    ]
    limits = attributes["'limits'@'%'"]
    assert [limits[f"max_{k}"] for k in ("questions", "updates", "connections")] == [3, 4, 5]
    assert limits["max_user_connections"] == -1
    assert limits["max_statement_time"] == 1.5


def test_the_sections_of_a_snapshot(family: Family) -> None:
    snapshot = family.snapshot()
    assert set(snapshot.sections) == {
        SectionKey(name)
        for name in (
            *(SectionName.ACCOUNTS, SectionName.SERVER, SectionName.MEMBERSHIPS),
            *(SectionName.DATABASE, SectionName.TABLE, SectionName.COLUMN),
            *(SectionName.ROUTINE, SectionName.PROXY),
        )
    }
    assert {report.status for report in snapshot.sections.values()} == {SectionStatus.READ}
    assert snapshot.server.version_number >= (10, 6)
    assert {"'mariadb.sys'@'localhost'"} == set(family.engine.system_accounts)
    assert "'mariadb.sys'@'localhost'" in {state.name for state in snapshot.accounts}
