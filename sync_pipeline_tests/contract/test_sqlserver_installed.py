"""A SQL Server as setup leaves it: what is known by identifiers, and no false findings.

The catalog is emulated, with the rows that Microsoft's documentation describes.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.access.answers import Verdict
from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import who_can
from sync_pipeline.engines.own import is_own
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Finding, FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.inventory import Databases
from sync_pipeline.model.snapshot import Snapshot
from workbench.emulation.sqlserver_connection import accounts_of, sizes_of
from workbench.emulation.sqlserver_world import (
    SERVICES,
    SETUP_LOGINS,
    World,
    installed,
    service_sid,
)

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def judged(snapshot: Snapshot) -> Judged:
    states = {state.name: state for state in snapshot.accounts}
    version = snapshot.server.version
    world = AccessWorld("i", EngineName.SQLSERVER, version, states, snapshot.sections)
    return Judged(world, ENGINES[EngineName.SQLSERVER].access_rules(world))


def findings(world: World, *rules: str) -> list[Finding]:
    """Return what a review finds after one sync of accounts and one of sizes."""
    found = judged(accounts_of(world))
    present = frozenset(item.name for item in sizes_of(world).databases)
    changed = dict.fromkeys(found.world.accounts, NOW - timedelta(days=1))
    case = Case(found, Databases(present, frozenset(), NOW), changed)
    listed = review([case], FindingRules(), NOW.date()).findings
    return [item for item in listed if not rules or item.rule in rules]


def account(snapshot: Snapshot, name: str) -> AccountState:
    (found,) = (item for item in snapshot.accounts if item.name == name)
    return found


class TestWhatIsKnownByIdentifiers:
    @pytest.mark.parametrize("name", ["sa", "dbadmin", "rdsa"])
    def test_sa_is_who_has_its_identifier(self, name: str) -> None:
        world = installed(sa=name)
        if name != "sa":
            world.login("sa")
        rules = judged(accounts_of(world)).rules
        assert rules.facts(name).is_built_in
        assert name == "sa" or not rules.facts("sa").is_built_in

    def test_who_may_become_the_renamed_sa_is_superuser(self) -> None:
        world = installed(sa="dbadmin")
        world.login("ted")
        world.grant("ted", "IMPERSONATE", 101, world.id_of("dbadmin"))
        assert judged(accounts_of(world)).rules.powers("ted")

    def test_no_upgrade_changes_an_account_that_is_what_its_name_says(self) -> None:
        snapshot = accounts_of(installed())
        marked = [item.name for item in snapshot.accounts if "well_known" in dict(item.attributes)]
        assert marked == []

    def test_logins_of_setup_and_of_services_are_left_out(self) -> None:
        left_out = {item.name for item in accounts_of(installed()).accounts if item.is_system}
        services = {f"NT SERVICE\\{name}" for name in SERVICES}
        assert left_out == {*SETUP_LOGINS, *services}

    def test_a_service_that_somebody_may_impersonate_is_kept(self) -> None:
        """Who may be it has what it has: a "no" would be wrong without its state."""
        world = installed()
        world.login("ted")
        name = f"NT SERVICE\\{SERVICES[0]}"
        world.member("sysadmin", name)
        world.grant("ted", "IMPERSONATE", 101, world.id_of(name))
        snapshot = accounts_of(world)
        assert not account(snapshot, name).is_system
        assert is_own(EngineName.SQLSERVER, account(snapshot, name))
        kept = tuple(item for item in snapshot.accounts if not item.is_system)
        found = who_can([judged(replace(snapshot, accounts=kept))], "SHUTDOWN", "server")
        (ted,) = (item for item in found.holders if item.state.name == "ted")
        assert ted.verdict is Verdict.UNKNOWN
        assert ted.decision.unknown[0].startswith(f"what is done as {name} (EXECUTE AS)")

    def test_the_fixed_roles_of_2022_stay(self) -> None:
        world = installed()
        world.login("app")
        world.member("##MS_LoginManager##", "app")
        snapshot = accounts_of(world)
        assert not account(snapshot, "##MS_LoginManager##").is_system
        assert judged(snapshot).rules.facts("##MS_LoginManager##").is_system

    @pytest.mark.parametrize("type_", ["S", "R"])
    def test_the_name_of_a_role_of_2022_gives_nothing_before(self, type_: str) -> None:
        world = installed("15.0.4355.3")
        world.login("##MS_LoginManager##", type_)
        rules = judged(accounts_of(world)).rules
        assert not rules.facts("##MS_LoginManager##").is_system
        assert rules.powers("##MS_LoginManager##") == []

    @pytest.mark.parametrize(("name", "type_"), [("##MS_backdoor##", "S"), ("##dba##", "S")])
    def test_a_name_alone_hides_nobody(self, name: str, type_: str) -> None:
        world = installed()
        world.login(name, type_)
        world.member("sysadmin", name)
        snapshot = accounts_of(world)
        assert not account(snapshot, name).is_system
        assert not judged(snapshot).rules.facts(name).is_system
        (finding,) = (f for f in findings(world, "superuser") if f.account == name)
        assert finding.severity == "high"

    @pytest.mark.parametrize(
        ("name", "type_", "sid"),
        [
            ("##MS_x##", "C", None),
            ("##MS_SQLResourceSigningCertificate2##", "C", None),
            (r"NT SERVICE\Backdoor", "U", service_sid(7)),
            (r"NT SERVICE\MSSQLSERVER2$X", "U", service_sid(8)),
        ],
    )
    def test_nor_does_a_certificate_or_a_service_of_another_program(
        self, name: str, type_: str, sid: bytes | None
    ) -> None:
        world = installed()
        world.login(name, type_, sid or b"\x01\x06" + name.encode())
        world.member("sysadmin", name)
        found = account(accounts_of(world), name)
        assert not found.is_system
        assert not is_own(EngineName.SQLSERVER, found)

    @pytest.mark.parametrize("service", ["MSSQL$ONE", "sqlagent$one", "MsDtsServer160"])
    def test_a_service_of_a_named_instance_is_left_out(self, service: str) -> None:
        world = installed()
        world.login(f"NT SERVICE\\{service}", "U", service_sid(9))
        assert account(accounts_of(world), f"NT SERVICE\\{service}").is_system

    def test_a_login_of_policies_that_can_log_in_is_not_hidden(self) -> None:
        world = installed()
        name = "##MS_PolicyTsqlExecutionLogin##"
        world.server.find("server_principals", name)["is_disabled"] = 0
        assert not account(accounts_of(world), name).is_system

    def test_windows_says_its_names_in_its_own_language(self) -> None:
        world = installed(authority="NT-AUTORITÄT")
        world.login("DIENST\\SQLAgent", "U", service_sid(99))
        snapshot = accounts_of(world)
        rules = judged(snapshot).rules
        assert rules.facts("NT-AUTORITÄT\\SYSTEM").is_system
        assert rules.facts("DIENST\\SQLAgent").is_system
        assert account(snapshot, "DIENST\\SQLAgent").is_system

    def test_a_login_that_only_sounds_like_windows_is_none(self) -> None:
        world = installed()
        world.login("NT SERVICE\\evil", "S")
        world.login("NT AUTHORITY\\evil", "U", b"\x01\x05\x00\x00\x00\x00\x00\x05\x15")
        rules = judged(accounts_of(world)).rules
        assert not rules.facts("NT SERVICE\\evil").is_system
        assert not rules.facts("NT AUTHORITY\\evil").is_system


class TestVersions:
    def test_an_upgrade_of_the_server_changes_no_account(self) -> None:
        def states(version: str, edition: int = 3) -> dict[str, str]:
            world = installed("15.0.1")
            world.version, world.engine_edition = version, edition
            world.login("app")
            key = ("app", "PasswordLastSetTime")
            world.login_properties[key] = datetime(2026, 7, 1, 23, 30)  # noqa: DTZ001 - as stored
            world.databases["msdb"].user("app", authentication=0)
            return {item.name: item.fingerprint for item in accounts_of(world).accounts}

        before = states("13.0.7000.253")
        assert states("15.0.4355.3") == before
        assert states("16.0.1000.6") == before
        assert states("12.0.2000.8", edition=8) == before

    def test_a_move_to_another_time_zone_changes_no_account(self) -> None:
        def fingerprint(zone: str) -> str:
            world = installed()
            world.time_zone = zone
            world.login("app")
            key = ("app", "PasswordLastSetTime")
            world.login_properties[key] = datetime(2026, 7, 1, 23, 30)  # noqa: DTZ001 - as stored
            return account(accounts_of(world), "app").fingerprint

        assert fingerprint("Europe/Berlin") == fingerprint("Asia/Tokyo")


class TestGoneDatabases:
    def test_a_fresh_server_has_none(self) -> None:
        assert findings(installed(), "gone-database") == []

    @pytest.mark.parametrize("state", [0, 1, 2, 3, 4, 6])
    def test_a_database_in_any_state_is_there(self, state: int) -> None:
        world = installed()
        sid = world.login("app")
        world.database("hers", state=state, owner=sid)
        assert findings(world, "gone-database") == []

    def test_a_database_snapshot_is_no_database(self) -> None:
        world = installed()
        sid = world.login("app")
        source = world.database("sales", owner=sid)
        source.file()
        world.database("before", owner=sid, source_database_id=source.number)
        snapshot = accounts_of(world)
        assert "before" not in snapshot.databases
        assert not any("before" in str(grant) for grant in account(snapshot, "app").grants)
        assert findings(world, "gone-database") == []

    def test_a_database_that_cannot_be_opened_is_there(self) -> None:
        world = installed()
        sid = world.login("app")
        world.database("single", owner=sid, user_access_desc="SINGLE_USER", has_access=False)
        assert findings(world, "gone-database") == []


_REFUSED = (
    r"OWNER|DATABASE::\[(master|model|tempdb)\]",
    r"USE \[(master|tempdb|msdb)\]; (REVOKE|DENY) CONNECT (FROM|TO) \[guest\]",
    r"(FROM|TO|MEMBER) \[(dbo|sys|INFORMATION_SCHEMA)\];",
    r"(FROM|MEMBER|LOGIN) \[(sa|dbadmin)\]( DISABLE)?;",
    r"NT SERVICE",
    r"##",
    r"DISABLE;$",
)
"""What a fresh server refuses (errors 15109, 15182, 15405, 15151), or what would harm it."""


@pytest.mark.parametrize("sa", ["sa", "dbadmin"])
def test_no_fix_on_a_fresh_server_is_refused_or_harms(sa: str) -> None:
    for finding in findings(installed(sa=sa)):
        for pattern in _REFUSED:
            assert not re.search(pattern, finding.fix), finding
