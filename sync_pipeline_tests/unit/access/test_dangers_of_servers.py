"""Privileges that reach further than data on SQL Server and Oracle: each, and its clean twin."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.dangers import dangerous
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.oracle.access.dangers import DANGERS as ORACLE
from sync_pipeline.engines.oracle.accounts.privileges import SYSTEM_PRIVILEGES
from sync_pipeline.engines.oracle.accounts.traits import READ_ONLY
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.engines.sqlserver.access.dangers import DANGERS as SQLSERVER
from sync_pipeline.engines.sqlserver.access.dangers import PROCEDURES
from sync_pipeline.engines.sqlserver.access.fixed_roles import SERVER_ROLES
from sync_pipeline.engines.sqlserver.accounts.permissions import PERMISSIONS
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.finding import Finding, FindingRules, Severity
from sync_pipeline.model.privilege import AccountSetting
from workbench.strategies import oracle_accounts as oracle
from workbench.strategies.sqlserver_worlds import world

TED = "login ted; login twin; login boss; member boss sysadmin"
SHELL = "EXECUTE on PROCEDURE master.sys.xp_cmdshell"


def found(of: AccessWorld, monitor: str = "") -> dict[str, Finding]:
    case = Case(Judged(of, ENGINES[of.engine].access_rules(of)), monitor=monitor)
    items = review([case], FindingRules(), date(2026, 11, 30), [dangerous]).findings
    assert len({item.account for item in items}) == len(items)
    return {item.account: item for item in items}


class TestSqlServer:
    @pytest.mark.parametrize("name", SQLSERVER)
    def test_a_permission_of_the_server_and_its_twin(self, name: str) -> None:
        (finding,) = found(world(f"{TED}; grant {name} to ted")).values()
        assert (finding.account, finding.about) == ("ted", name)
        assert finding.severity == SQLSERVER[name].gravity
        assert finding.evidence == f"{name} {SQLSERVER[name].why}: ted."
        assert finding.fix == f"USE [master]; REVOKE {name} FROM [ted];"
        assert finding.undo == f"USE [master]; GRANT {name} TO [ted];"
        assert finding.left == ""

    def test_all_of_them_are_permissions_that_the_catalog_has(self) -> None:
        assert SQLSERVER.keys() <= PERMISSIONS
        assert ORACLE.keys() <= SYSTEM_PRIVILEGES

    @pytest.mark.parametrize("name", PROCEDURES)
    def test_who_may_run_a_procedure_that_leaves_the_server(self, name: str) -> None:
        of = world(
            f"{TED}; user master.ted ted; grant EXECUTE on PROCEDURE master.sys.{name} "
            "to master.ted; user master.twin twin"
        )
        (finding,) = found(of).values()
        assert (finding.account, finding.severity) == ("ted", Severity.HIGH)
        assert finding.about == f"EXECUTE on {name}"
        assert finding.fix == (
            f"USE [master]; REVOKE EXECUTE ON OBJECT::[sys].[{name}] FROM [ted];"
        )

    def test_what_public_may_run_everybody_may(self) -> None:
        of = world(f"{TED}; nologin master.x; grant {SHELL} to master.public")
        (finding,) = found(of).values()
        assert (finding.account, finding.severity) == ("[master].[public]", Severity.CRITICAL)

    def test_what_public_has_on_the_server_is_one_finding(self) -> None:
        (finding,) = found(world(f"{TED}; grant SHUTDOWN to public")).values()
        assert (finding.account, finding.severity) == ("public", Severity.CRITICAL)

    @pytest.mark.parametrize(
        ("role", "names"),
        [
            ("serveradmin", "ALTER SETTINGS, SHUTDOWN"),
            ("setupadmin", "ALTER ANY LINKED SERVER"),
            ("bulkadmin", "ADMINISTER BULK OPERATIONS"),
            ("dbcreator", "ALTER ANY DATABASE"),
            ("processadmin", "ALTER ANY CONNECTION"),
        ],
    )
    def test_members_of_fixed_roles_have_what_these_have(self, role: str, names: str) -> None:
        assert role in SERVER_ROLES
        (finding,) = found(world(f"{TED}; member ted {role}")).values()
        assert (finding.account, finding.about) == ("ted", names)
        assert finding.fix == f"ALTER SERVER ROLE [{role}] DROP MEMBER [ted];"

    def test_who_may_become_somebody_has_what_that_one_has(self) -> None:
        of = world(
            f"{TED}; login app; grant SHUTDOWN to app; grant IMPERSONATE on PRINCIPAL app to ted"
        )
        items = found(of)
        assert items.keys() == {"app", "ted"}
        assert items["ted"].evidence.startswith("SHUTDOWN after SET ROLE stops the server")
        assert items["ted"].fix == "USE [master]; REVOKE IMPERSONATE ON LOGIN::[app] FROM [ted];"

    @pytest.mark.parametrize(
        "text",
        [
            "member ted sysadmin",
            "grant CONTROL SERVER to ted",
            "deny SHUTDOWN to ted; grant SHUTDOWN to ted",
            "grant VIEW SERVER STATE to ted; grant VIEW ANY DEFINITION to ted",
            "grant CONNECT ANY DATABASE to ted",
        ],
    )
    def test_superusers_denies_and_reading_are_none(self, text: str) -> None:
        assert found(world(f"{TED}; {text}")) == {}

    def test_a_role_that_nobody_logs_in_with_is_a_note(self) -> None:
        of = world(f"{TED}; serverrole ops; grant SHUTDOWN to ops; member ted ops")
        assert {name: item.severity for name, item in found(of).items()} == {
            "ops": Severity.INFO,
            "ted": Severity.MEDIUM,
        }

    def test_the_monitoring_account_may_read_what_its_script_gives(self) -> None:
        script = ENGINES[world(TED).engine].grants_script("ted", "%", ())
        held = [line.split(" ", 1)[1].split(" TO ")[0] for line in script.splitlines()[1:]]
        of = world("; ".join((TED, *(f"grant {name} to ted" for name in held))))
        assert len(held) == 3
        assert found(of, monitor="ted") == {}


class TestOracle:
    @pytest.mark.parametrize("name", ORACLE)
    def test_a_system_privilege_and_its_twin(self, name: str) -> None:
        of = oracle.world(oracle.user("A", name), oracle.user("TWIN", "CREATE TABLE"))
        (finding,) = found(of).values()
        assert (finding.account, finding.about) == ("A", name)
        assert finding.severity == ORACLE[name].gravity
        assert finding.fix == f"REVOKE {name} FROM A;"
        assert finding.undo == f"GRANT {name} TO A;"
        assert finding.left == ""

    def test_by_a_role_and_by_everybody(self) -> None:
        of = oracle.world(
            oracle.user("A", roles=("R",)),
            oracle.user("TWIN"),
            oracle.role("R", "SELECT ANY TABLE"),
            oracle.public("ALTER DATABASE"),
        )
        items = found(of)
        assert {name: item.severity for name, item in items.items()} == {
            "A": Severity.MEDIUM,
            "PUBLIC": Severity.CRITICAL,
            "R": Severity.INFO,
        }
        assert items["A"].fix == "REVOKE R FROM A;"
        assert items["PUBLIC"].fix == "REVOKE ALTER DATABASE FROM PUBLIC;"

    def test_what_oracle_maintains_and_superusers_are_none(self) -> None:
        maintained = oracle.user("MDSYS", "ALTER DATABASE", is_oracle_maintained=True)
        dba = oracle.user("D", "ALTER DATABASE", "SYSDBA")
        assert found(oracle.world(maintained, dba)) == {}

    def test_what_a_connection_as_sysoper_brings_counts(self) -> None:
        (finding,) = found(oracle.world(oracle.user("A", "SYSOPER"))).values()
        assert (finding.about, finding.fix) == ("ALTER DATABASE", "REVOKE SYSOPER FROM A;")

    def test_who_may_not_write_has_no_privilege_to_write(self) -> None:
        state = oracle.user("A", "UPDATE ANY TABLE", "SELECT ANY TABLE")
        reader = replace(state, settings=(AccountSetting("", READ_ONLY, "YES"),))
        (finding,) = found(oracle.world(reader, version="23.9.0.25.07")).values()
        assert finding.about == "SELECT ANY TABLE"
