"""Each rule on MariaDB and MySQL, in each way in which it finds something: the fix ends it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from itertools import count
from typing import Any

import pymysql
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.mysql_protocol.access.names import principal
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.inventory import Databases
from sync_pipeline_tests.contract.fixes import NOW, FixBench, each_cause, each_finding, unfinished
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer
from workbench.strategies.mysql_access import DATABASES as DATABASES_OF_PLANS
from workbench.strategies.mysql_access import AccessPlan, Maker, access_plans, quote

PASSWORD = "Fx-1_<password>"
DATABASES = Databases(frozenset({"fx_shop", "mysql"}), frozenset({"fx_gone", "fx_go_e"}), NOW)
ODD = ("'fx q''uo\"te'@'10.%'", "`fx\\back`@'%.example.com'", "'fx_ü%'@'%'", "'fx`tick'@'1.2.3.4'")
LISTED = ("NO_PRIVILEGE",)

USERS: Mapping[str, tuple[str, ...]] = {
    "fx_plain": ("GRANT SELECT, INSERT ON fx_shop.* TO {}",),
    # grant-admin, one way at a time
    "fx_create": ("GRANT CREATE USER ON *.* TO {}",),
    "fx_create_opt": ("GRANT CREATE USER ON *.* TO {} WITH GRANT OPTION",),
    "fx_option": ("GRANT USAGE ON *.* TO {} WITH GRANT OPTION",),
    "fx_option_read": ("GRANT SELECT ON *.* TO {} WITH GRANT OPTION",),
    "fx_insert": ("GRANT INSERT ON *.* TO {}",),
    "fx_database": ("GRANT ALL ON mysql.* TO {}",),
    "fx_database_opt": ("GRANT ALL ON mysql.* TO {} WITH GRANT OPTION",),
    "fx_pattern": ("GRANT INSERT, UPDATE, SELECT ON `m%sql`.* TO {}",),
    "fx_table": ("GRANT INSERT, SELECT ON mysql.user TO {}", "GRANT UPDATE ON mysql.db TO {}"),
    "fx_table_opt": ("GRANT UPDATE ON mysql.db TO {} WITH GRANT OPTION",),
    "fx_lead": ("GRANT fx_reader TO {} WITH ADMIN OPTION",),
    "fx_lead_nested": ("GRANT fx_r_lead TO {}",),
    "fx_role": ("GRANT fx_r_create TO {}",),
    "fx_nested": ("GRANT fx_r_nested TO {}",),
    "fx_two_roles": ("GRANT fx_r_create TO {}", "GRANT fx_r_nested TO {}"),
    "fx_mysql_role": ("GRANT fx_r_mysql TO {}",),
    # several ways at once: the sixteen of the grant tables, CREATE USER, roles
    "fx_many": (
        "GRANT CREATE USER, INSERT, UPDATE, DELETE ON *.* TO {}",
        "GRANT INSERT ON mysql.* TO {}",
        "GRANT fx_r_create TO {}",
        "GRANT fx_reader TO {} WITH ADMIN OPTION",
    ),
    # superusers
    "fx_super": ("GRANT SUPER ON *.* TO {}",),
    "fx_super_role": ("GRANT fx_r_super TO {}",),
    "fx_all": ("GRANT ALL ON *.* TO {}",),
    "fx_all_opt": ("GRANT ALL ON *.* TO {} WITH GRANT OPTION",),
    "fx_all_twice": ("GRANT ALL ON *.* TO {} WITH GRANT OPTION", "GRANT fx_r_super TO {}"),
    # readers of hashes
    "fx_hash_table": ("GRANT SELECT ON mysql.user TO {}",),
    "fx_hash_database": ("GRANT SELECT, EXECUTE ON mysql.* TO {}",),
    "fx_hash_role": ("GRANT fx_r_hash TO {}",),
    "fx_hash_many": (
        "GRANT SELECT ON mysql.* TO {}",
        "GRANT SELECT ON mysql.user TO {}",
        "GRANT fx_r_hash TO {}",
    ),
    "fx_backup": ("GRANT SELECT, RELOAD ON *.* TO {}",),
    "fx_backup_hash": ("GRANT SELECT ON *.* TO {}", "GRANT SELECT ON mysql.user TO {}"),
    # dangerous privileges
    "fx_file": ("GRANT FILE ON *.* TO {}",),
    "fx_dangers": ("GRANT SHUTDOWN, FILE, REPLICATION SLAVE ON *.* TO {} WITH GRANT OPTION",),
    "fx_danger_role": ("GRANT fx_r_danger TO {}", "GRANT PROCESS ON *.* TO {}"),
    # what may be passed on
    "fx_gives": (
        "GRANT SELECT, INSERT ON fx_shop.* TO {} WITH GRANT OPTION",
        "GRANT UPDATE, DELETE ON fx_shop.t TO {} WITH GRANT OPTION",
        "GRANT SELECT (a), UPDATE (b) ON fx_shop.u TO {} WITH GRANT OPTION",
        "GRANT EXECUTE ON PROCEDURE fx_shop.p TO {} WITH GRANT OPTION",
        "GRANT EXECUTE ON FUNCTION fx_shop.f TO {} WITH GRANT OPTION",
        "GRANT PROXY ON 'fx_plain' TO {} WITH GRANT OPTION",
    ),
    "fx_gives_columns": ("GRANT SELECT (a) ON fx_shop.t TO {} WITH GRANT OPTION",),
    # databases that are gone
    "fx_lost": (
        "GRANT SELECT, INSERT ON fx_gone.* TO {}",
        "GRANT CREATE, SELECT ON fx_gone.t TO {}",
    ),
    "fx_lost_opt": ("GRANT SELECT ON fx_gone.* TO {} WITH GRANT OPTION",),
    "fx_lost_usage": ("GRANT USAGE ON fx_gone.* TO {} WITH GRANT OPTION",),
    "fx_lost_pattern": ("GRANT SELECT ON `fx_go_e`.* TO {}",),
    # here and not everywhere
    "fx_uneven": (
        "GRANT PROCESS, CREATE USER ON *.* TO {} WITH GRANT OPTION",
        "GRANT fx_reader TO {}",
        "GRANT fx_r_create TO {}",
    ),
    "fx_uneven_super": ("GRANT ALL ON *.* TO {} WITH GRANT OPTION",),
    "fx_uneven_table": ("GRANT INSERT ON mysql.user TO {}",),
    # passwords
    "fx_never": ("ALTER USER {} PASSWORD EXPIRE NEVER",),
    "fx_expired": ("ALTER USER {} PASSWORD EXPIRE",),
}
OPEN_USERS: Mapping[str, tuple[str, ...]] = {
    "fx_empty": (),
    "fx_empty_super": ("GRANT SUPER ON *.* TO {}",),
    "fx_any_admin": ("GRANT CREATE USER ON *.* TO {}",),
}
ROLES: Mapping[str, tuple[str, ...]] = {
    "fx_reader": ("GRANT SELECT ON fx_shop.* TO {}",),
    "fx_r_create": ("GRANT CREATE USER ON *.* TO {}",),
    "fx_r_nested": ("GRANT fx_r_create TO {}",),
    "fx_r_lead": ("GRANT fx_reader TO {} WITH ADMIN OPTION",),
    "fx_r_mysql": ("GRANT ALL ON mysql.* TO {}",),
    "fx_r_super": ("GRANT SUPER ON *.* TO {}",),
    "fx_r_danger": ("GRANT FILE ON *.* TO {}",),
    "fx_r_hash": ("GRANT SELECT ON mysql.user TO {}",),
}
MYSQL_USERS: Mapping[str, tuple[str, ...]] = {
    "fx_role_admin": ("GRANT ROLE_ADMIN, BACKUP_ADMIN ON *.* TO {}",),
    "fx_definer": ("GRANT SET_ANY_DEFINER ON *.* TO {}",),
    "fx_dynamic": (
        "GRANT BACKUP_ADMIN ON *.* TO {} WITH GRANT OPTION",
        "GRANT XA_RECOVER_ADMIN ON *.* TO {}",
    ),
    "fx_dynamic_all": (
        "GRANT SELECT, PROCESS ON *.* TO {} WITH GRANT OPTION",
        "GRANT BACKUP_ADMIN, ROLE_ADMIN ON *.* TO {} WITH GRANT OPTION",
    ),
    "fx_default": ("GRANT fx_r_create, fx_reader TO {}", "ALTER USER {} DEFAULT ROLE ALL"),
}
MARIADB_USERS: Mapping[str, tuple[str, ...]] = {
    "fx_set_user": ("GRANT SET USER ON *.* TO {}",),
    "fx_default": ("GRANT fx_r_create TO {}", "SET DEFAULT ROLE fx_r_create FOR {}"),
}


def made(family: Family) -> Iterator[str]:
    """Yield the statements that make the world."""
    yield from (
        "CREATE DATABASE fx_shop",
        "CREATE TABLE fx_shop.t (a INT, b INT)",
        "CREATE TABLE fx_shop.u (a INT, b INT)",
        "CREATE PROCEDURE fx_shop.p() DO 0",
        "CREATE FUNCTION fx_shop.f() RETURNS INT DETERMINISTIC RETURN 1",
    )
    users = {**USERS, **(MYSQL_USERS if family.is_mysql else MARIADB_USERS)}
    for name in ROLES:
        yield f"CREATE ROLE {name}"
    for name, statements in ROLES.items():
        yield from (statement.format(name) for statement in statements)
    for name, statements in users.items():
        account = f"'{name}'@'10.1.%'"
        yield f"CREATE USER {account} IDENTIFIED BY '{PASSWORD}'"
        # PROXY is on an account of its own: its host part is asked for.
        texts = (text.replace("'fx_plain'", "'fx_plain'@'10.1.%'") for text in statements)
        yield from (text.format(account) for text in texts)
    for name, statements in OPEN_USERS.items():
        yield f"CREATE USER '{name}'@'%'"
        yield from (statement.format(f"'{name}'@'%'") for statement in statements)
    for account in ODD:
        yield f"CREATE USER {account}"
        yield f"GRANT CREATE USER ON *.* TO {account} WITH GRANT OPTION"
        yield f"GRANT INSERT (a) ON fx_shop.t TO {account} WITH GRANT OPTION"
        yield f"GRANT fx_reader TO {account} WITH ADMIN OPTION"
    yield "CREATE USER ''@'fx.example.com'"
    yield "GRANT SELECT ON fx_shop.* TO ''@'fx.example.com'"
    if family.is_mysql:
        yield "CREATE USER ''@'fx2.example.com' ACCOUNT LOCK"
    elif family.version >= (10, 11):
        yield "GRANT INSERT ON fx_shop.* TO PUBLIC WITH GRANT OPTION"
        yield "GRANT UPDATE (a) ON fx_shop.t TO PUBLIC"
        # Its members keep what everybody loses.
        yield "CREATE ROLE fx_r_public"
        yield "GRANT INSERT ON fx_shop.u TO fx_r_public"
        yield "GRANT fx_r_public TO PUBLIC, 'fx_plain'@'10.1.%'"


def cleaned(family: Family) -> Iterator[str]:
    yield "DROP DATABASE fx_shop"
    for user, host in family.rows("SELECT User, Host FROM mysql.user ORDER BY User"):
        if user.startswith("fx"):
            is_role = not family.is_mysql and host == ""
            name = f"`{user}`" if is_role else principal(account_name(user, host))
            yield f"DROP {'ROLE' if is_role else 'USER'} {name}"
    yield from (f"DROP USER ''@'{host}'" for host in empty_hosts(family))
    if not family.is_mysql and family.version >= (10, 11):
        yield "REVOKE ALL PRIVILEGES ON fx_shop.* FROM PUBLIC"
        yield "REVOKE GRANT OPTION ON fx_shop.* FROM PUBLIC"
        yield "REVOKE UPDATE (a) ON fx_shop.t FROM PUBLIC"


def empty_hosts(family: Family) -> list[str]:
    query = "SELECT Host FROM mysql.user WHERE User = '' AND Host LIKE 'fx%'"
    return [host for (host,) in family.rows(query)]


def bench_of(family: Family, cursor: pymysql.cursors.Cursor) -> FixBench:
    def says() -> dict[str, Any]:
        """Return SHOW GRANTS of each account: what they hold, by the server's reading."""
        cursor.execute("SELECT User, Host FROM mysql.user")
        found = {}
        for user, host in cursor.fetchall():
            is_role = host == "" and not family.is_mysql
            name = user if is_role else account_name(user, host)
            to = ("PUBLIC" if user == "PUBLIC" else f"`{user}`") if is_role else principal(name)
            with suppress(pymysql.OperationalError):  # one that others are proxies of
                cursor.execute(f"SHOW GRANTS FOR {to}")
                found[name] = sorted(cursor.fetchall())
        return found

    def is_ours(account: str) -> bool:
        return account.startswith(("fx", "'fx", "''@'fx", "PUBLIC"))

    return FixBench(
        family.engine,
        cursor.execute,
        family.snapshot,
        says,
        is_ours,
        DATABASES,
        passing=frozenset({"password_last_changed", "password_lifetime"}),
        others=(elsewhere(family),),
    )


def elsewhere(family: Family) -> Case:
    """Return another instance, where accounts of these names have nothing."""
    states = {
        name: AccountState(name, AccountKind.USER, can_login=True)
        for name in (f"'{user}'@'10.1.%'" for user in USERS if user.startswith("fx_uneven"))
    }
    world = AccessWorld("other", family.engine.name, family.server.version, states)
    return Case(Judged(world, family.engine.access_rules(world)))


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    try:
        found.run(*made(found))
        yield found
    finally:
        found.run(*cleaned(found))


def test_each_fix_ends_its_finding_and_each_undo_brings_it_back(family: Family) -> None:
    with family.admin() as cursor:
        found = each_finding(bench_of(family, cursor))
        causes = {item.worst.rule for item in each_cause(bench_of(family, cursor))}
        assert causes >= {"grant-admin", "no-password-expiry", "weak-authentication"}
        everyone = found.get(("everyone-can-write", "PUBLIC", ""))
        assert (everyone is None) == family.is_mysql
        if everyone:
            assert "REVOKE `fx_r_public` FROM PUBLIC;" in everyone.fix.splitlines()
            assert "FROM `fx_r_public`" not in everyone.fix
    by_person = {"no-password-rules", "any-host-privileged", "weak-authentication"}
    left = {key for key in unfinished(found) if key[0] not in by_person}
    assert left == (UNFINISHED_MYSQL if family.is_mysql else UNFINISHED)
    rules = {rule for rule, _, _ in found}
    assert rules >= {
        *("superuser", "grant-admin", "password-hash-reader", "weak-authentication"),
        *("anonymous-account", "any-host-privileged", "grant-option", "expired-active"),
        *("no-password-expiry", "gone-database", "uneven-rights", "dangerous-privilege"),
    }
    assert ("dangerous-privilege", "'fx_super'@'10.1.%'", "") not in found
    assert ("dangerous-privilege", "'fx_plain'@'10.1.%'", "") not in found
    for item in found.values():
        # An open door is closed; who has a password, or comes from anywhere, is not locked out.
        if item.rule == "weak-authentication":
            assert bool(item.fix) == item.evidence.startswith("It has no password"), item
            assert item.fix or "IDENTIFIED " in item.left
        if item.rule == "any-host-privileged":
            assert (item.fix, "RENAME USER" in item.left) == ("", True)


UNFINISHED = {
    ("password-hash-reader", "'fx_backup'@'10.1.%'"),
    ("password-hash-reader", "'fx_backup_hash'@'10.1.%'"),
    ("password-hash-reader", "'fx_option_read'@'10.1.%'"),
    ("password-hash-reader", "'fx_pattern'@'10.1.%'"),
}
UNFINISHED_MYSQL = UNFINISHED | {("password-hash-reader", "'fx_dynamic_all'@'10.1.%'")}
"""They read everything, and what stands in the place of that is for people to say."""
EXAMPLES = 2
NUMBER = count()


def test_random_worlds_are_mended_and_brought_back(mysql_family_server: RunningServer) -> None:
    family = Family(mysql_family_server)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        phases=[Phase.explicit, Phase.reuse, Phase.generate],
    )
    @given(access_plans(is_mysql=family.is_mysql))
    def check(plan: AccessPlan) -> None:
        maker = Maker(plan, next(NUMBER) + 7000, family.is_mysql)
        names = {account_name(user, host) for user, host in maker.users}
        roles = {account_name(role, "%") if family.is_mysql else role for role in maker.roles}
        with family.admin() as cursor:
            if plan.is_partial:
                cursor.execute("SET GLOBAL partial_revokes = ON")
            try:
                for statement in maker.statements():
                    cursor.execute(statement)
                bench = bench_of(family, cursor)
                bench.is_ours = lambda account: account in names | roles
                each_finding(bench)
            finally:
                for statement in maker.cleanup():
                    cursor.execute(statement)
                if plan.is_partial:
                    cursor.execute("SET GLOBAL partial_revokes = OFF")

    for database in DATABASES_OF_PLANS:
        family.run(*(text.format(quote(database)) for text in OBJECTS))
    try:
        check()
    finally:
        family.run(*(f"DROP DATABASE {quote(name)}" for name in DATABASES_OF_PLANS))


OBJECTS = (
    "CREATE DATABASE {}",
    "CREATE TABLE {}.t (a INT, b INT) ENGINE = MEMORY",
    "CREATE PROCEDURE {}.p() DO 0",
    "CREATE FUNCTION {}.f() RETURNS INT DETERMINISTIC RETURN 1",
)
