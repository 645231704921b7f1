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
from sync_pipeline.model.access import AccessWorld, Availability, PowerKind
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


@pytest.fixture
def with_roles(hidden: Family) -> Iterator[Family]:
    """The account `app` has roles: one at login, which has another one, and one it may take."""
    host = "@'%'" if hidden.is_mysql else ""
    roles = [f"{name}{host}" for name in ("`by'day@x`", "nested", "taken")]
    hidden.run(
        f"CREATE ROLE {', '.join(roles)}",
        f"GRANT {roles[1]} TO {roles[0]}",
        f"GRANT {roles[0]} TO app@'%'",
        f"GRANT {roles[2]} TO app@'%' WITH ADMIN OPTION",
        f"SET DEFAULT ROLE {roles[0]} {'TO' if hidden.is_mysql else 'FOR'} app@'%'",
        f"GRANT DELETE ON shop.orders TO {roles[0]} WITH GRANT OPTION",
        f"GRANT SELECT (id), UPDATE (id) ON shop.orders TO {roles[1]}",
        f"GRANT ALTER ON shop.orders TO {roles[2]}",
        f"GRANT DROP ON shop.* TO {roles[2]}",
    )
    try:
        yield hidden
    finally:
        hidden.run(f"DROP ROLE {', '.join(roles)}")


def test_the_roles_of_the_account_itself_are_read(with_roles: Family) -> None:
    """As who reads the grant tables sees them; what is not shown of a role is not said of it."""
    whole = {state.name: state for state in snapshot_of(with_roles, NOTHING).accounts}
    snapshot = snapshot_of(with_roles, SERVICES[Platform.RDS].said, "app", "p")
    seen = {state.name: state for state in snapshot.accounts}
    assert len(seen) == 4
    for name, state in seen.items():
        assert state.memberships == whole[name].memberships, name
        assert (state.kind, state.can_login) == (whole[name].kind, whole[name].can_login), name
        for grant in state.grants:
            assert snapshot.is_known_of(name, grant.section)
            assert grant in whole[name].grants or name == "'app'@'%'"
    assert snapshot.sections[SectionKey(SectionName.MEMBERSHIPS)].status is SectionStatus.DENIED
    own = snapshot.known_of["'app'@'%'"]
    assert {SectionName.MEMBERSHIPS, SectionName.SERVER, SectionName.TABLE} <= own
    held = [item.role for item in seen["'app'@'%'"].memberships]
    at_login, taken = sorted(held)
    assert SectionName.SERVER not in snapshot.known_of[at_login]
    assert (SectionName.TABLE in snapshot.known_of[at_login]) is with_roles.is_mysql
    assert SectionName.TABLE not in snapshot.known_of[taken]
    if not with_roles.is_mysql:
        assert not any(seen[name].grants for name in seen if name != "'app'@'%'")
        return
    found = judged(with_roles, snapshot)
    (orders,) = found.rules.securables("shop.orders")
    (way,) = found.rules.decide("'app'@'%'", "DELETE", orders).held
    assert way.path[-1].account == at_login
    assert way.availability is Availability.AT_LOGIN
    assert way.grantable
    decision = found.rules.decide("'app'@'%'", "ALTER", orders)
    assert decision.unknown
    assert not decision.held


def test_roles_that_an_earlier_sync_knew_stay_and_those_that_go_are_told(
    with_roles: Family,
) -> None:
    """Nothing of what is hidden is lost; a role that the account loses is gone from it alone."""
    said = SERVICES[Platform.RDS].said
    whole = snapshot_of(with_roles, NOTHING)
    known = [KnownAccount(state, is_active=True) for state in whole.accounts]
    less = snapshot_of(with_roles, said, "app", "p")
    result = reconcile(known, less, Scope(), tuple(whole.sections))
    assert (result.changes, result.deactivated) == ((), ())
    (taken,) = (item.role for item in own_grants(with_roles).memberships if item.admin)
    with_roles.run(f"REVOKE {taken} FROM app@'%'")
    later = snapshot_of(with_roles, said, "app", "p")
    result = reconcile(known, later, Scope(), tuple(whole.sections))
    assert result.deactivated == ()
    (change,) = result.changes
    assert change.account == "'app'@'%'"
    assert change.diff.memberships_removed
    with_roles.run(f"GRANT {taken} TO app@'%'")


def test_roles_that_are_seen_at_last_are_no_news(with_roles: Family) -> None:
    """A store of a version that read none: nobody granted anything since."""
    before = snapshot_of(with_roles, SERVICES[Platform.RDS].said, "app", "p")
    (own,) = (state for state in before.accounts if state.name == "'app'@'%'")
    known = [KnownAccount(replace(own, memberships=()), is_active=True)]
    read = {key for key, report in before.sections.items() if report.is_known}
    result = reconcile(known, before, Scope(), read)
    told = {change.account: change.lines for change in result.changes}
    assert len(told) == 4
    lines = [line for found in told.values() for line in found]
    assert not [line for line in lines if "granted" in line or "appeared" in line], lines
    assert sum("became visible" in line for line in lines) == 3


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
