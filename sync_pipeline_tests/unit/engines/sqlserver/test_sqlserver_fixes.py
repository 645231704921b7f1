"""What a review proposes on SQL Server: statements that the server takes and that do no harm."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AttributeValue
from sync_pipeline.model.finding import FindingRules
from sync_pipeline.model.privilege import Grant
from workbench.strategies.sqlserver_worlds import on, who, world

TODAY = date(2026, 11, 29)
TED = "login ted; user sales.ted ted"
BOSS = "; login boss; member boss sysadmin"


def with_attributes(of: AccessWorld, account: str, **attributes: AttributeValue) -> AccessWorld:
    state = of.accounts[account]
    merged = {**dict(state.attributes), **attributes}
    changed = replace(state, attributes=tuple(merged.items()))
    return replace(of, accounts={**of.accounts, account: changed})


def with_grantor(of: AccessWorld, account: str, grantor: str) -> AccessWorld:
    state = of.accounts[account]
    grants = tuple(replace(grant, grantor=grantor) for grant in state.grants)
    return replace(of, accounts={**of.accounts, account: replace(state, grants=grants)})


def fix(of: AccessWorld, rule: str, account: str = "ted") -> str:
    case = Case(Judged(of, SqlServerAccess(of)))
    found = review([case], FindingRules(), TODAY).findings
    (finding,) = (item for item in found if (item.rule, item.account) == (rule, account))
    return finding.fix


class TestPasswords:
    def test_a_login_without_policy_is_held_to_it_and_stays_open(self) -> None:
        of = with_attributes(world(TED), "ted", is_policy_checked=False)
        expected = "ALTER LOGIN [ted] WITH CHECK_POLICY = ON, CHECK_EXPIRATION = OFF;"
        assert fix(of, "weak-authentication") == expected
        assert fix(of, "no-password-rules") == expected

    def test_no_program_is_stopped_by_expiration(self) -> None:
        of = with_attributes(world(TED), "ted", is_expiration_checked=False)
        assert fix(of, "no-password-expiry") == ""

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("login ted; member ted sysadmin", True),
            ("login ted; serverrole dba; member ted dba; member dba sysadmin", True),
            ("login ted; member ted securityadmin", False),
        ],
    )
    def test_passwords_of_administrators_may_expire(self, text: str, *, expected: bool) -> None:
        of = with_attributes(world(text), "ted", is_expiration_checked=False)
        assert ("CHECK_EXPIRATION = ON" in fix(of, "no-password-expiry")) is expected


class TestPowers:
    """Nobody is locked out where a right can be taken away."""

    @pytest.mark.parametrize(
        ("text", "rule", "expected"),
        [
            (
                "login ted; own DATABASE sales by ted; login sa",
                "grant-admin",
                "ALTER AUTHORIZATION ON DATABASE::[sales] TO [sa];",
            ),
            (
                f"{TED}; grant CONTROL to sales.ted",
                "grant-admin",
                "USE [sales]; REVOKE CONTROL ON DATABASE::[sales] FROM [ted];",
            ),
            (
                f"{TED}; member sales.ted sales.db_owner",
                "grant-admin",
                "USE [sales]; ALTER ROLE [db_owner] DROP MEMBER [ted];",
            ),
            (
                f"{TED}; role sales.r; own PRINCIPAL sales.r by sales.ted",
                "grant-admin",
                "USE [sales]; ALTER AUTHORIZATION ON ROLE::[r] TO [dbo];",
            ),
            (
                f"login ted; grant IMPERSONATE on PRINCIPAL boss to ted{BOSS}",
                "superuser",
                "USE [master]; REVOKE IMPERSONATE ON LOGIN::[boss] FROM [ted];",
            ),
            (
                (
                    f"login ted; login ann; grant CONTROL on PRINCIPAL ann to ted{BOSS}"
                    "; grant IMPERSONATE on PRINCIPAL boss to ann"
                ),
                "superuser",
                "USE [master]; REVOKE CONTROL ON LOGIN::[ann] FROM [ted];",
            ),
            (
                f"login ted; grant IMPERSONATE ANY LOGIN to ted{BOSS}",
                "superuser",
                "USE [master]; REVOKE IMPERSONATE ANY LOGIN FROM [ted];",
            ),
            (
                f"login ted; grant CONTROL SERVER to ted{BOSS}",
                "superuser",
                "USE [master]; REVOKE CONTROL SERVER FROM [ted];",
            ),
            (
                f"login ted; member ted sysadmin{BOSS}",
                "superuser",
                "ALTER SERVER ROLE [sysadmin] DROP MEMBER [ted];",
            ),
        ],
    )
    def test_what_gives_a_power_is_taken_away(self, text: str, rule: str, expected: str) -> None:
        assert fix(world(text), rule) == expected

    def test_what_everybody_has_is_taken_from_everybody(self) -> None:
        of = world("login ted; grant ALTER ANY LOGIN to public")
        expected = "USE [master]; REVOKE ALTER ANY LOGIN FROM [public];"
        assert fix(of, "grant-admin", "public") == expected

    def test_a_grant_has_a_grantor_on_a_real_server(self) -> None:
        of = with_grantor(world(f"{TED}; grant CONTROL to sales.ted"), "[sales].[ted]", "dbo")
        expected = "USE [sales]; REVOKE CONTROL ON DATABASE::[sales] FROM [ted];"
        assert fix(of, "grant-admin") == expected


class TestLastSuperuser:
    @pytest.mark.parametrize(
        "text",
        [
            "login ted; member ted sysadmin",
            "login ted; member ted sysadmin; login off disabled; member off sysadmin",
            "login ted; grant CONTROL SERVER to ted",
            r"login ted; member ted sysadmin; windows NT_SERVICE; member NT_SERVICE sysadmin",
        ],
    )
    def test_who_alone_may_do_everything_keeps_it(self, text: str) -> None:
        of = world(text)
        for name, kind in (("off", None), ("NT_SERVICE", "service")):
            if name in of.accounts and kind:
                of = with_attributes(of, name, well_known=kind)
            elif name in of.accounts:
                closed = replace(of.accounts[name], can_login=False)
                of = replace(of, accounts={**of.accounts, name: closed})
        assert fix(of, "superuser") == ""

    def test_a_role_that_alone_leads_there_keeps_it(self) -> None:
        text = "login ted; serverrole dba; member ted dba; member dba sysadmin"
        assert fix(world(text), "superuser", "dba") == ""

    def test_sa_is_closed_where_somebody_else_comes_in(self) -> None:
        of = world(f"login sa; member sa sysadmin{BOSS}")
        assert fix(of, "superuser", "sa") == "ALTER LOGIN [sa] DISABLE;"
        assert fix(world("login sa; member sa sysadmin"), "superuser", "sa") == ""


class TestSa:
    def test_it_is_named_as_it_is_called(self) -> None:
        of = with_attributes(
            world("login ted; login chief; login sa; own DATABASE sales by ted"),
            "chief",
            well_known="sa",
        )
        of = with_attributes(of, "sa", well_known="")
        rules = SqlServerAccess(of)
        owner = Grant(on("DATABASE sales"), "OWNER")
        assert rules.revoke("ted", owner) == "ALTER AUTHORIZATION ON DATABASE::[sales] TO [chief];"
        assert rules.facts("chief").is_built_in
        assert not rules.facts("sa").is_built_in
        assert rules.drop("chief") == ""
        assert rules.drop("sa") == "DROP LOGIN [sa];"
        control = Grant(on("SERVER"), "CONTROL SERVER", grantor="chief")
        assert rules.revoke("ted", control) == "USE [master]; REVOKE CONTROL SERVER FROM [ted];"
        by_the_other = replace(control, grantor="sa")
        assert rules.revoke("ted", by_the_other).endswith("FROM [ted] AS [sa];")

    @pytest.mark.parametrize("text", ["login ted", "login ted; login rdsa"])
    def test_no_name_is_guessed(self, text: str) -> None:
        of = world(text)
        if "rdsa" in of.accounts:
            of = with_attributes(of, "rdsa", well_known="sa")
        rules = SqlServerAccess(of)
        assert rules.revoke("ted", Grant(on("DATABASE sales"), "OWNER")) == ""
        assert rules.disable("rdsa") == ""


class TestWhatTheServerRefuses:
    RULES = SqlServerAccess(world("login ted; login sa; user sales.ted ted; user master.x"))

    @pytest.mark.parametrize("database", ["master", "model", "tempdb", "distribution"])
    def test_system_databases_keep_their_owner(self, database: str) -> None:
        assert self.RULES.revoke("ted", Grant(on(f"DATABASE {database}"), "OWNER")) == ""

    @pytest.mark.parametrize("database", ["master", "tempdb", "msdb"])
    def test_guest_stays_where_it_must(self, database: str) -> None:
        connect = Grant(on(f"DATABASE {database}"), "CONNECT")
        assert self.RULES.revoke(who(f"{database}.guest"), connect) == ""
        rules = SqlServerAccess(world(f"user {database}.x"))
        assert rules.disable(who(f"{database}.guest")) == ""

    @pytest.mark.parametrize(
        "account", ["sa", "sales.dbo", "sales.sys", "sales.INFORMATION_SCHEMA"]
    )
    def test_special_principals_are_granted_and_revoked_nothing(self, account: str) -> None:
        securable = "DATABASE sales" if "." in account else "SERVER"
        grant = Grant(on(securable), "VIEW DEFINITION", grantable=True)
        assert self.RULES.revoke(who(account), grant) == ""
        assert self.RULES.revoke_option(who(account), grant) == ""

    @pytest.mark.parametrize(
        ("name", "statement"),
        [
            ("ROUTE::r", "USE [sales]; REVOKE ALTER ON ROUTE::[r] FROM [ted];"),
            ("SERVICE CONTRACT::c", "USE [sales]; REVOKE ALTER ON CONTRACT::[c] FROM [ted];"),
            ("MESSAGE TYPE::a::b", "USE [sales]; REVOKE ALTER ON MESSAGE TYPE::[a::b] FROM [ted];"),
            ("EXTERNAL LIBRARY id 7", ""),
            ("SOMETHING NEW::x", ""),
        ],
    )
    def test_classes_are_called_as_statements_call_them(self, name: str, statement: str) -> None:
        securable = replace(on("OBJECT sales.dbo.x"), schema="", name=name)
        assert self.RULES.revoke("[sales].[ted]", Grant(securable, "ALTER")) == statement

    def test_what_owns_something_is_not_dropped(self) -> None:
        of = world(f"{TED}; own SCHEMA sales.hr by sales.ted")
        assert SqlServerAccess(of).drop("[sales].[ted]") == ""

    def test_services_of_the_instance_keep_what_they_have(self) -> None:
        of = with_attributes(
            world(f"windows agent; member agent sysadmin{BOSS}"), "agent", well_known="service"
        )
        rules = SqlServerAccess(of)
        assert fix(of, "superuser", "agent") == ""
        assert rules.disable("agent") == ""
        assert rules.revoke("agent", Grant(on("SERVER"), "CONNECT SQL")) == ""


def test_guest_leaves_a_fixed_role() -> None:
    of = world("user sales.x; grant CONNECT to sales.guest; member sales.guest sales.db_datawriter")
    expected = "USE [sales]; ALTER ROLE [db_datawriter] DROP MEMBER [guest];"
    assert fix(of, "everyone-can-write", "[sales].[guest]") == expected


class TestOrphans:
    def orphan(self, text: str) -> str:
        of = with_attributes(world(text), "[sales].[ted]", is_orphaned=True)
        return fix(of, "orphaned-user", "[sales].[ted]")

    def test_a_login_of_the_same_name_is_given_to_it(self) -> None:
        expected = "USE [sales]; ALTER USER [ted] WITH LOGIN = [ted];"
        assert self.orphan("login ted; user sales.ted") == expected

    def test_a_login_that_is_another_user_is_not(self) -> None:
        expected = "USE [sales]; DROP USER [ted];"
        assert self.orphan("login ted; user sales.ted; user sales.old ted") == expected
        assert self.orphan("windows ted; user sales.ted") == expected
        assert self.orphan("login ann; user sales.ted") == expected
