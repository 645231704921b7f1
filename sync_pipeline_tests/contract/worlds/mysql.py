"""MySQL in the contract: a real server."""

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

GRANTS = (
    Case(
        (
            *family.GRANTS,
            "GRANT PROCESS, SUPER ON *.* TO u@'%'",
            "GRANT BACKUP_ADMIN ON *.* TO u@'%'",
            "GRANT ROLE_ADMIN ON *.* TO proxied@'%' WITH GRANT OPTION",
        ),
        (
            # GRANT PROXY … WITH GRANT OPTION gives that option at the server level too.
            Expected(
                "'u'@'%'",
                is_superuser=True,
                can_login=True,
                grants=family.ALIKE | {Grant(SERVER, "BACKUP_ADMIN")},
            ),
            Expected(
                "'proxied'@'%'",
                is_superuser=False,
                has=frozenset({Grant(SERVER, "ROLE_ADMIN", grantable=True)}),
            ),
        ),
    ),
    Case(
        (
            "CREATE DATABASE app",
            "CREATE LIBRARY app.l LANGUAGE JAVASCRIPT AS 'export function f() {}'",
            "CREATE USER u@'%'",
            "GRANT EXECUTE ON LIBRARY app.l TO u@'%'",
        ),
        (
            Expected(
                "'u'@'%'",
                grants=frozenset(
                    {Grant(Securable(K.LIBRARY, "app", "", "l"), "EXECUTE", grantor=BY)}
                ),
            ),
        ),
    ),
)
ROLES = (
    Case(
        (
            "CREATE ROLE used, inner_role, `un'used`, mandatory",
            "CREATE USER u@'%', ''@'10.1.1.1'",
            "GRANT inner_role TO used",
            "GRANT used TO u@'%' WITH ADMIN OPTION",
            "SET DEFAULT ROLE used TO u@'%'",
            "SET GLOBAL mandatory_roles = 'mandatory'",
        ),
        (
            Expected(
                "'used'@'%'",
                kind=AccountKind.ROLE,
                can_login=False,
                memberships=frozenset({Membership("'inner_role'@'%'", default=False)}),
            ),
            Expected("'inner_role'@'%'", kind=AccountKind.ROLE),
            Expected("'mandatory'@'%'", kind=AccountKind.ROLE),
            # A role is what is used as one.
            Expected("'un''used'@'%'", kind=AccountKind.USER, is_locked=True),
            Expected(
                "'u'@'%'",
                memberships=frozenset(
                    {
                        Membership("'used'@'%'", admin=True, default=True),
                        Membership("'mandatory'@'%'", default=False, grantor="mandatory_roles"),
                    }
                ),
            ),
            Expected("''@'10.1.1.1'", memberships=frozenset()),
        ),
        undo=("SET GLOBAL mandatory_roles = ''",),
    ),
    Case(
        (
            "CREATE ROLE used",
            "CREATE USER u@'%'",
            "SET GLOBAL activate_all_roles_on_login = ON",
            "GRANT used TO u@'%'",
        ),
        (Expected("'u'@'%'", memberships=frozenset({Membership("'used'@'%'", default=True)})),),
        undo=("SET GLOBAL activate_all_roles_on_login = OFF",),
    ),
)
USERS = {
    **family.USERS,
    "'guarded'@'%'": "IDENTIFIED BY 'x' FAILED_LOGIN_ATTEMPTS 3 PASSWORD_LOCK_TIME 2",
    "'limits'@'%'": (
        "WITH MAX_QUERIES_PER_HOUR 3 MAX_UPDATES_PER_HOUR 4 MAX_CONNECTIONS_PER_HOUR 5"
        " MAX_USER_CONNECTIONS 6"
    ),
}
STATE = Case(
    (
        *(f"CREATE USER {name} {text}" for name, text in USERS.items()),
        "ALTER USER 'guarded'@'%' IDENTIFIED BY 'y' RETAIN CURRENT PASSWORD",
    ),
    (
        Expected(
            "'plain'@'%'",
            attributes={
                "plugin": "caching_sha2_password",
                "has_authentication_string": False,
                "password_last_changed": EndsWith("Z"),
                "has_additional_password": False,
                "password_lifetime": None,
            },
        ),
        *(family.LOCKED, family.EXPIRED, family.TLS),
        Expected(
            "'guarded'@'%'",
            attributes={"failed_login_attempts": 3, "has_additional_password": True},
        ),
        Expected(
            "'limits'@'%'",
            attributes={
                "max_questions": 3,
                "max_updates": 4,
                "max_connections": 5,
                "max_user_connections": 6,
            },
        ),
    ),
)
UNKNOWN = (
    Case(
        family.DOUBTED,
        (Expected("'u'@'%'", grants=frozenset({Grant(SERVER, "EMBED_ADMIN")})),),
        # The server keeps what a component registered, whatever its name is.
        newer=("INSERT INTO mysql.global_grants VALUES ('u', '%', 'EMBED_ADMIN', 'N')",),
        undo=("DELETE FROM mysql.global_grants WHERE PRIV = 'EMBED_ADMIN'",),
        warned=("EMBED_ADMIN on server",),
        doubt=Doubt(
            *family.ASKED,
            says="EMBED_ADMIN",
            sure=family.SURE,
            unsure=frozenset({"'u'@'%'"}),
            changed=frozenset({"'u'@'%'"}),
        ),
    ),
    family.new_column("proxies_priv"),
)
CASES: Cases = {
    Topic.GRANTS: GRANTS,
    Topic.ROLES: ROLES,
    Topic.EVERYONE: (
        Gap(
            "MySQL grants nothing to everybody but by mandatory roles",
            "GRANT SELECT ON *.* TO PUBLIC",
            pymysql.err.MySQLError,
            "You are not allowed to create a user with GRANT|syntax",
        ),
    ),
    Topic.STATE: (STATE,),
    Topic.SUPERUSER: (family.SUPERUSER,),
    Topic.NAMES: (
        family.names(32),
        Case((f"CREATE USER 'long'@'{'h' * 250}.x'",), (Expected(f"'long'@'{'h' * 250}.x'"),)),
    ),
    Topic.LETTERS: (family.LETTERS,),
    Topic.UNKNOWN: UNKNOWN,
    Topic.WAYS: (family.ways("'team'@'%'"),),
    # A partial revoke is a deny, on a server that was started with them: test_mysql_accounts.py.
    Topic.DENIED: (
        Gap(
            "partial revokes are off, and can't be turned off again once there are some",
            "REVOKE INSERT ON app.* FROM root@localhost",
            pymysql.err.MySQLError,
            "There is no such grant",
        ),
    ),
}


class MySqlWorld(MySqlProtocolWorld):
    """MySQL."""

    system_accounts = frozenset(
        {"'mysql.infoschema'@'localhost'", "'mysql.session'@'localhost'", "'mysql.sys'@'localhost'"}
    )

    @property
    def cases(self) -> Cases:
        return CASES


@contextmanager
def world(request: pytest.FixtureRequest, variant: str) -> Iterator[MySqlWorld]:
    """Yield a MySQL, clean again afterwards."""
    found = MySqlWorld(request.getfixturevalue("mysql_server"))
    try:
        yield found
    finally:
        found.reset()
