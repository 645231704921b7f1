"""A plain account that is new on each engine: what is told of it is what somebody chose."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.change import ChangeType, KnownAccount
from sync_pipeline.model.ordinary import REMARKABLE
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.lines import APPEARED, retold
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline_tests.contract.mysql_family import Family
from sync_pipeline_tests.contract.oracle_family import snapshot_of
from workbench.emulation.oracle_world import World as OracleWorld
from workbench.emulation.sqlserver_connection import accounts_of
from workbench.emulation.sqlserver_world import World as SqlServerWorld
from workbench.servers.postgresql_bench import PostgresBench
from workbench.servers.running import RunningServer


def told(before: Snapshot, after: Snapshot) -> dict[str, tuple[str, ...]]:
    """Return what is told of each account of `after` that `before` had not."""
    assert unsteady(after) <= REMARKABLE
    known = [KnownAccount(state, is_active=True) for state in before.accounts]
    found = reconcile(known, after, Scope(), before.sections)
    new = [change for change in found.changes if change.change_type is ChangeType.ADD]
    assert {change.lines[0] for change in new} == {APPEARED}
    return {change.account: change.lines[1:] for change in new}


def unsteady(found: Snapshot) -> set[str]:
    """Return the attributes that some accounts of a kind have, and others have not."""
    by_kind: dict[tuple[AccountKind, bool], list[set[str]]] = {}
    for account in found.accounts:
        names = {name for name, _ in account.attributes}
        by_kind.setdefault((account.kind, bool(account.database)), []).append(names)
    return {
        name for names in by_kind.values() for name in set.union(*names) - set.intersection(*names)
    }


@pytest.mark.mariadb
def test_mariadb(mariadb_server: RunningServer) -> None:
    family = Family(mariadb_server)
    before = family.snapshot()
    family.run(
        "CREATE USER na_plain IDENTIFIED BY 'Some-pass-1'",
        "CREATE USER na_odd ACCOUNT LOCK",
        "ALTER USER na_odd REQUIRE X509 WITH MAX_USER_CONNECTIONS 3 PASSWORD EXPIRE NEVER",
        "CREATE ROLE na_role",
    )
    try:
        lines = told(before, family.snapshot())
    finally:
        family.run("DROP ROLE na_role", "DROP USER na_plain, na_odd")
    assert lines.pop("'na_plain'@'%'") == ("can log in",)
    assert lines.pop("na_role") == ("kind is role",)
    assert lines == {
        "'na_odd'@'%'": (
            "cannot log in",
            "is locked",
            "has_authentication_string is no",
            "max_user_connections is 3",
            "password_lifetime is 0",
            "ssl_type is X509",
        )
    }


@pytest.mark.mysql
def test_mysql(mysql_server: RunningServer) -> None:
    family = Family(mysql_server)
    before = family.snapshot()
    family.run(
        "CREATE USER na_plain IDENTIFIED BY 'Some-pass-1'",
        "CREATE USER na_odd IDENTIFIED BY 'Some-pass-1' WITH MAX_QUERIES_PER_HOUR 3"
        " PASSWORD EXPIRE INTERVAL 9 DAY FAILED_LOGIN_ATTEMPTS 4 PASSWORD_LOCK_TIME 2 ACCOUNT LOCK",
        "CREATE ROLE na_role",
        "GRANT na_role TO na_plain",
    )
    try:
        lines = told(before, family.snapshot())
    finally:
        family.run("DROP ROLE na_role", "DROP USER na_plain, na_odd")
    assert lines.pop("'na_plain'@'%'") == ("can log in", "granted role 'na_role'@'%'")
    assert lines.pop("'na_role'@'%'") == (
        "kind is role",
        "is locked",
        "has_authentication_string is no",
        "password_expired is yes",
    )
    assert lines == {
        "'na_odd'@'%'": (
            "cannot log in",
            "is locked",
            "failed_login_attempts is 4",
            "max_questions is 3",
            "password_lifetime is 9",
        )
    }


@pytest.mark.postgresql
def test_postgresql(bench: PostgresBench) -> None:
    before = bench.collect()
    bench.run(
        "CREATE ROLE na_plain LOGIN PASSWORD 'x'",
        "CREATE ROLE na_role",
        "CREATE ROLE na_odd LOGIN SUPERUSER NOINHERIT CREATEDB CONNECTION LIMIT 3",
        "GRANT na_role TO na_plain",
    )
    lines = told(before, bench.collect())
    (can_log_in, granted) = lines.pop("na_plain")
    assert can_log_in == "can log in"
    assert granted.startswith("granted role na_role")
    assert lines == {
        "na_role": ("kind is role",),
        "na_odd": (
            "can log in",
            "is superuser",
            "can_create_databases is yes",
            "connection_limit is 3",
            "inherits is no",
        ),
    }


@pytest.mark.postgresql
def test_what_a_version_before_did_not_read_changed_nothing(bench: PostgresBench) -> None:
    """An attribute that is new to this program: the server has had it all the time."""
    bench.run("CREATE ROLE na_odd LOGIN CREATEDB CONNECTION LIMIT 3")
    now = bench.collect()
    known, had = [], set()
    for state in now.accounts:
        kept = [(name, value) for name, value in state.attributes if name != "connection_limit"]
        had |= {state.name} if len(kept) < len(state.attributes) else set()
        known.append(KnownAccount(replace(state, attributes=tuple(kept)), is_active=True))
    found = reconcile(known, now, Scope(), now.sections)
    assert {change.account for change in found.changes} == had
    assert {change.lines for change in found.changes} == {()}
    (odd,) = (change for change in found.changes if change.account == "na_odd")
    assert retold(odd, is_whole=True) == ("connection_limit is 3",)


def test_sqlserver() -> None:
    before = SqlServerWorld()
    before.database("sales")
    after = SqlServerWorld()
    sales = after.database("sales")
    sid = after.login("na_plain")
    after.login("CORP\\al", "U")
    after.login("na_server_role", "R")
    sales.user("na_user", sid=sid)
    sales.user("na_orphan", sid=b"\x01\x02")
    sales.user("na_role", type_="R")
    lines = told(accounts_of(before), accounts_of(after))
    assert lines == {
        "na_plain": ("kind is login", "can log in"),
        "CORP\\al": ("kind is login", "can log in", "type is WINDOWS_LOGIN"),
        "na_server_role": ("kind is role",),
        "[sales].[na_user]": ("cannot log in", "login is na_plain"),
        "[sales].[na_orphan]": ("cannot log in", "is_orphaned is yes"),
        "[sales].[na_role]": ("kind is role",),
    }


def test_oracle() -> None:
    before, after = OracleWorld(), OracleWorld()
    before.user("OLD")
    after.user("OLD")
    after.user("NA_PLAIN")
    after.user("NA_ODD", account_status="LOCKED", profile="SERVICE", password_versions="10G ")
    after.role("NA_ROLE")
    assert told(snapshot_of(before), snapshot_of(after)) == {
        "NA_PLAIN": ("can log in",),
        "NA_ODD": (
            "cannot log in",
            "is locked",
            "account_status is LOCKED",
            "password_versions is 10G",
            "profile is SERVICE",
        ),
        "NA_ROLE": ("kind is role",),
    }
