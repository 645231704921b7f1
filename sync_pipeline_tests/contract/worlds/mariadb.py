"""MariaDB in the contract: a real server of each release line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pymysql
import pytest

from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.privilege import Grant, Membership, Securable
from sync_pipeline.model.privilege import SecurableKind as K
from sync_pipeline_tests.contract.worlds import mysql_protocol as family
from sync_pipeline_tests.contract.worlds.mysql_protocol import BY, SERVER, MySqlProtocolWorld
from sync_pipeline_tests.contract.worlds.world import (
    Case,
    Cases,
    Doubt,
    EndsWith,
    Expected,
    Gap,
    Topic,
)

GRANTS = Case(
    (
        *family.GRANTS,
        "SET SESSION sql_mode = ORACLE",
        "CREATE PACKAGE app.k AS PROCEDURE q(); END",
        "CREATE PACKAGE BODY app.k AS PROCEDURE q() AS BEGIN NULL; END; END",
        "GRANT PROCESS, SUPER ON *.* TO u@'%' WITH GRANT OPTION",
        "GRANT DELETE HISTORY ON app.* TO u@'%'",
        "GRANT EXECUTE ON PACKAGE app.k TO u@'%'",
        "GRANT EXECUTE ON PACKAGE BODY app.k TO u@'%'",
    ),
    (
        Expected(
            "'u'@'%'",
            is_superuser=True,
            can_login=True,
            grants=family.ALIKE
            | {
                Grant(Securable(K.DATABASE, "app"), "DELETE HISTORY"),
                Grant(Securable(K.PACKAGE, "app", "", "k"), "EXECUTE", grantor=BY),
                Grant(Securable(K.PACKAGE_BODY, "app", "", "k"), "EXECUTE", grantor=BY),
            },
        ),
    ),
)
ROLES = Case(
    (
        "CREATE ROLE outer_role",
        "CREATE ROLE `it's`",
        "CREATE ROLE `a@b`",
        "CREATE USER u@'%'",
        "GRANT `it's` TO outer_role",
        "GRANT outer_role TO u@'%' WITH ADMIN OPTION",
        "GRANT `a@b` TO u@'%'",
        "SET DEFAULT ROLE `a@b` FOR u@'%'",
    ),
    (
        Expected(
            "'u'@'%'",
            memberships=frozenset(
                {
                    Membership("outer_role", admin=True, default=False),
                    Membership("a@b", default=True),
                }
            ),
        ),
        Expected(
            "outer_role",
            kind=AccountKind.ROLE,
            can_login=False,
            memberships=frozenset({Membership("'it''s'", default=False)}),
        ),
        Expected("'it''s'", kind=AccountKind.ROLE),
    ),
)
EVERYONE = Case(
    (
        "CREATE ROLE outer_role",
        "GRANT SHOW DATABASES ON *.* TO PUBLIC",
        "GRANT outer_role TO PUBLIC",
    ),
    (
        Expected(
            "PUBLIC",
            kind=AccountKind.PUBLIC,
            can_login=False,
            has=frozenset({Grant(SERVER, "SHOW DATABASES")}),
            memberships=frozenset({Membership("outer_role", default=False)}),
        ),
    ),
    undo=("REVOKE SHOW DATABASES ON *.* FROM PUBLIC", "REVOKE outer_role FROM PUBLIC"),
)
USERS = {
    **family.USERS,
    "'two'@'%'": "IDENTIFIED VIA unix_socket OR mysql_native_password USING PASSWORD('y')",
    "'other'@'%'": "IDENTIFIED VIA mysql_native_password USING PASSWORD('y') OR unix_socket",
    "'x509'@'%'": "REQUIRE X509",
    "'limits'@'%'": (
        "WITH MAX_QUERIES_PER_HOUR 3 MAX_UPDATES_PER_HOUR 4 MAX_CONNECTIONS_PER_HOUR 5"
        " MAX_USER_CONNECTIONS -1 MAX_STATEMENT_TIME 1.5"
    ),
}
STATE = Case(
    tuple(f"CREATE USER {name} {text}" for name, text in USERS.items()),
    (
        Expected(
            "'plain'@'%'",
            attributes={
                "plugins": "mysql_native_password",
                "has_authentication_string": False,
                "password_last_changed": EndsWith("Z"),
            },
        ),
        *(family.LOCKED, family.EXPIRED, family.TLS),
        Expected("'two'@'%'", attributes={"plugins": "unix_socket, mysql_native_password"}),
        Expected("'other'@'%'", attributes={"plugins": "mysql_native_password, unix_socket"}),
        Expected("'x509'@'%'", attributes={"ssl_type": "X509"}),
        Expected(
            "'limits'@'%'",
            attributes={
                "max_questions": 3,
                "max_updates": 4,
                "max_connections": 5,
                "max_user_connections": -1,
                "max_statement_time": 1.5,
            },
        ),
    ),
)
UNKNOWN = Case(
    family.DOUBTED,
    (Expected("'u'@'%'", attributes={"unknown_keys": "embed"}),),
    newer=(
        "UPDATE mysql.global_priv SET Priv = JSON_SET(Priv, '$.embed', 's3cret') WHERE User = 'u'",
    ),
    warned=("embed",),
    doubt=Doubt(
        *family.ASKED,
        says="embed",
        sure=family.SURE,
        unsure=frozenset({"'u'@'%'"}),
        changed=frozenset({"'u'@'%'"}),
        secret="s3cret",
    ),
)
CASES: Cases = {
    Topic.GRANTS: (GRANTS,),
    Topic.ROLES: (ROLES,),
    Topic.EVERYONE: (EVERYONE,),
    Topic.STATE: (STATE,),
    Topic.SUPERUSER: (family.SUPERUSER,),
    Topic.NAMES: (family.names(128),),
    Topic.LETTERS: (family.LETTERS,),
    Topic.UNKNOWN: (UNKNOWN, family.new_column("db")),
    Topic.WAYS: (family.ways("team"),),
    # Its rows are read, as test_mariadb_access.py shows with what such a server writes.
    Topic.DENIED: (
        Gap(
            "MariaDB denies from 13.1 on, which can't be had yet",
            "DENY SELECT ON *.* TO root@localhost",
            pymysql.err.MySQLError,
            "syntax",
        ),
    ),
}


class MariaDbWorld(MySqlProtocolWorld):
    """MariaDB."""

    system_accounts = frozenset({"'mariadb.sys'@'localhost'"})

    @property
    def cases(self) -> Cases:
        return CASES


@contextmanager
def world(request: pytest.FixtureRequest, variant: str) -> Iterator[MariaDbWorld]:
    """Yield a MariaDB of a release line, clean again afterwards."""
    found = MariaDbWorld(request.getfixturevalue("mariadb_servers")[variant])
    assert ".".join(map(str, found.version)) == variant
    try:
        yield found
    finally:
        found.reset()
