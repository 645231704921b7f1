"""Managed services of MySQL and MariaDB, emulated on real servers (`mysql_services.py`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.collect.accounts import CollectScope, collect_accounts
from sync_pipeline.connect import Deadline, open_connection
from sync_pipeline.engines import own
from sync_pipeline.engines.base import Connection
from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.errors import PrivilegeError
from sync_pipeline.model.access import AccessWorld, PowerKind
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import KnownAccount
from sync_pipeline.model.finding import FindingRules, Review, Severity
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from sync_pipeline.reconcile.accounts import reconcile
from sync_pipeline.reconcile.scope import Scope
from sync_pipeline_tests.contract.mysql_family import OBSERVED_AT, Family
from workbench.emulation.mysql_services import SERVICES, SaysOfItself
from workbench.servers.running import RunningServer

ADMIN = "'admin'@'%'"
OURS = ("'admin'@'%'", "app@'%'", "'rdsadmin'@'localhost'", "'azure_superuser'@'127.0.0.1'")
NOTHING: Mapping[str, str] = {}


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    try:
        yield found
    finally:
        found.run(f"DROP USER IF EXISTS {', '.join(OURS)}", "DROP ROLE IF EXISTS stand_in")
        found.run("DROP DATABASE IF EXISTS shop")


@pytest.fixture(params=SERVICES)
def platform(request: pytest.FixtureRequest) -> Platform:
    chosen: Platform = request.param
    return chosen


def snapshot_of(
    family: Family, said: Mapping[str, str], username: str = "", password: str = ""
) -> Snapshot:
    target = family.target(username, password) if username else family.target()
    deadline = Deadline(60)

    @contextmanager
    def opened(database: str | None) -> Iterator[Connection]:
        with open_connection(family.engine, target, deadline, database) as connection:
            yield SaysOfItself(connection, said)

    return collect_accounts(family.engine, opened, CollectScope(target.username), OBSERVED_AT)


def judged(family: Family, snapshot: Snapshot, platform: Platform | None = None) -> Judged:
    world = AccessWorld(
        "shop",
        family.engine.name,
        snapshot.server.version,
        {state.name: state for state in snapshot.accounts},
        snapshot.sections,
        OBSERVED_AT,
        platform or snapshot.server.platform,
    )
    return Judged(world, family.engine.access_rules(world))


def reviewed(found: Judged) -> Review:
    return review([Case(found)], FindingRules(), date(2026, 3, 1))


def test_a_service_is_known_by_what_its_server_says(family: Family, platform: Platform) -> None:
    """The provider's account is no finding of ours, and the customer's counts in full."""
    service = SERVICES[platform]
    family.run(*service.statements)
    snapshot = snapshot_of(family, service.said)
    assert snapshot.server.platform is platform
    found = judged(family, snapshot)
    assert found.facts(service.provider).is_provider
    assert not found.facts(ADMIN).is_provider
    told = {(item.account, item.rule): item for item in reviewed(found).findings}
    assert (service.provider, "superuser") not in told
    assert told[ADMIN, "grant-admin"].severity is Severity.HIGH
    plain = judged(family, snapshot, Platform.SELF_RUN)
    assert (service.provider, "superuser") in {
        (item.account, item.rule) for item in reviewed(plain).findings
    }
    for name in found.world.accounts:
        assert found.rules.everything(name) == plain.rules.everything(name)
        ways = [
            [(power.kind, power.source, power.path) for power in judged.powers(name)]
            for judged in (found, plain)
        ]
        assert ways[0] == ways[1]


ONE_SIGN: tuple[Mapping[str, str], ...] = (
    NOTHING,
    {"programs": "/rdsdbbin/mysql/"},
    {"data": "/rdsdbdata/db/"},
    {"settings": "aurora_version=3.08.0"},
    {"version": "{version}-azure"},
    {"settings": "aad_auth_only=ON"},
    {"settings": "maintain_user_list=aliyun_root,aurora"},
    {"comment": "(Google)"},
)


def test_one_sign_says_nothing(family: Family) -> None:
    family.run(*SERVICES[Platform.RDS].statements)
    for said in ONE_SIGN:
        snapshot = snapshot_of(family, said)
        assert snapshot.server.platform is Platform.SELF_RUN, said
    found = {(item.account, item.rule) for item in reviewed(judged(family, snapshot)).findings}
    assert ("'rdsadmin'@'localhost'", "superuser") in found


def test_the_stand_in_makes_an_administrator(family: Family) -> None:
    """Its name is RDS's on MySQL; on MariaDB, where roles have no host, there is none."""
    if not family.is_mysql:
        return  # RDS has no such role on MariaDB
    family.run(
        *SERVICES[Platform.RDS].statements,
        "CREATE ROLE IF NOT EXISTS rds_superuser_role",
        "GRANT CREATE USER ON *.* TO rds_superuser_role",
        "CREATE USER app@'%' IDENTIFIED BY 'p'",
        "GRANT rds_superuser_role TO app@'%'",
    )
    try:
        found = judged(family, snapshot_of(family, SERVICES[Platform.RDS].said))
        (power,) = found.powers("'app'@'%'", PowerKind.ADMINISTRATOR)
        assert power.path[-1].account == account_name("rds_superuser_role", "%")
        told = {(item.account, item.rule) for item in reviewed(found).findings}
        assert ("'app'@'%'", "service-administrator") in told
        assert (account_name("rds_superuser_role", "%"), "grant-admin") not in told
    finally:
        family.run("DROP ROLE rds_superuser_role")


@pytest.fixture
def hidden(family: Family) -> Family:
    """A server on which the account `app` may read no grant table."""
    family.run(
        "CREATE DATABASE shop",
        "CREATE TABLE shop.orders (id INT, note INT)",
        *SERVICES[Platform.RDS].statements,
        "CREATE USER app@'%' IDENTIFIED BY 'p'",
        "GRANT PROCESS ON *.* TO app@'%'",
        "GRANT SELECT, INSERT ON shop.* TO app@'%' WITH GRANT OPTION",
        "GRANT UPDATE ON shop.orders TO app@'%'",
        "GRANT REFERENCES (note) ON shop.orders TO app@'%'",
    )
    return family


def test_where_the_grant_tables_are_hidden_what_is_readable_is_read(hidden: Family) -> None:
    snapshot = snapshot_of(hidden, SERVICES[Platform.RDS].said, "app", "p")
    (state,) = snapshot.accounts
    assert state.name == "'app'@'%'"
    without = {replace(grant, grantor="") for grant in own_grants(hidden).grants}
    assert set(state.grants) == without
    report = snapshot.sections[SectionKey(SectionName.ACCOUNTS)]
    assert report.status is SectionStatus.DENIED
    assert "GRANT SELECT ON" in report.reason
    assert "'app'@'%'" in report.reason
    unread = {key.name for key in snapshot.unread}
    assert unread == {
        *(SectionName.ACCOUNTS, SectionName.MEMBERSHIPS),
        *(SectionName.ROUTINE, SectionName.PROXY),
    }
    found = judged(hidden, snapshot)
    assert found.gaps(SectionName.ACCOUNTS)
    (orders,) = found.rules.securables("shop.orders")
    assert found.rules.decide("'app'@'%'", "UPDATE", orders).held
    assert {item.rule for item in reviewed(found).findings}.isdisjoint(
        {"weak-authentication", "no-password-expiry", "no-password-rules"}
    )


def own_grants(family: Family) -> AccountState:
    """Return the account as who reads the grant tables sees it."""
    whole = snapshot_of(family, NOTHING)
    (state,) = (item for item in whole.accounts if item.name == "'app'@'%'")
    return state


def test_what_is_hidden_is_never_taken_for_gone(hidden: Family) -> None:
    """The account knows less than a sync of before: nothing of that is lost, or a change."""
    whole = snapshot_of(hidden, NOTHING)
    known = [KnownAccount(state, is_active=True) for state in whole.accounts]
    less = snapshot_of(hidden, SERVICES[Platform.RDS].said, "app", "p")
    result = reconcile(known, less, Scope(), tuple(whole.sections))
    assert result.deactivated == ()
    assert result.changes == ()


def test_a_self_run_server_that_hides_them_fails_as_before(hidden: Family) -> None:
    with pytest.raises(PrivilegeError, match="GRANT SELECT ON"):
        snapshot_of(hidden, NOTHING, "app", "p")


def test_an_account_of_the_servers_own_that_was_opened_is_left_out_nowhere(family: Family) -> None:
    rules = judged(family, family.snapshot()).rules
    name = min(rules.system_accounts)  # type: ignore[attr-defined]
    family.run(f"ALTER USER {name} ACCOUNT UNLOCK")
    try:
        opened = family.snapshot()
    finally:
        family.run(f"ALTER USER {name} ACCOUNT LOCK")
    for snapshot, is_own in ((opened, False), (family.snapshot(), True)):
        (state,) = (item for item in snapshot.accounts if item.name == name)
        assert state.is_system is is_own
        assert own.is_own(family.engine.name, state) is is_own
        assert judged(family, snapshot).facts(name).is_system is is_own
