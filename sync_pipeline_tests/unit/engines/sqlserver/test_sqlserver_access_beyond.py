"""What SQL Server's lists do not decide is said in the answer, or decided from what was read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.access.answers import Verdict
from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of, who_can
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.model.access import AccessWorld, Availability, PowerKind, path_text
from sync_pipeline.model.account import AttributeValue
from sync_pipeline.model.privilege import Grant, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.sqlserver_worlds import on, who, world

TED = "login ted; user sales.ted ted"
BOSS = "login boss; member boss sysadmin"
TABLE = "TABLE sales.dbo.orders"
MODULES = (
    "what modules and views of database sales reach for those who may use them"
    " (ownership chains, EXECUTE AS, signatures)"
)
PROCEDURE = "PROCEDURE sales.dbo.report"
CHAINED = "what modules of other databases reach in sales (DB_CHAINING is on)"


def unknown(text: str, account: str = "ted", question: str = f"SELECT on {TABLE}") -> list[str]:
    permission, _, securable = question.partition(" on ")
    decision = SqlServerAccess(world(text)).decide(who(account), permission, on(securable))
    assert not decision.is_allowed
    return list(decision.unknown)


def marked(of: AccessWorld, account: str, **attributes: AttributeValue) -> AccessWorld:
    state = of.accounts[account]
    merged = tuple({**dict(state.attributes), **attributes}.items())
    return replace(of, accounts={**of.accounts, account: replace(state, attributes=merged)})


class TestModules:
    @pytest.mark.parametrize(
        "text",
        [
            f"{TED}; grant EXECUTE on {PROCEDURE} to sales.ted",
            f"{TED}; grant EXECUTE on SCHEMA sales.api to sales.ted",
            f"{TED}; grant EXECUTE to sales.public",
            f"{TED}; grant CONTROL on SCHEMA sales.api to sales.ted",
            f"{TED}; grant SELECT on VIEW sales.dbo.v to sales.ted",
            f"{TED}; grant SELECT on SCHEMA sales.api to sales.ted",
            f"{TED}; role sales.r; member sales.ted sales.r; grant EXECUTE to sales.r",
            # A view over a table asks for no denies of the table.
            f"{TED}; grant SELECT to sales.ted; deny SELECT on {TABLE} to sales.ted",
        ],
    )
    def test_what_a_module_reaches_is_said(self, text: str) -> None:
        assert unknown(text) == [MODULES]

    @pytest.mark.parametrize(
        "text",
        [
            TED,
            f"{TED}; grant SELECT on TABLE sales.dbo.other to sales.ted",
            f"{TED}; grant INSERT on VIEW sales.dbo.v to sales.ted",
            f"{TED}; grant EXECUTE on PROCEDURE sales.sys.sp_who to sales.public",
            f"{TED}; user hr.ted ted; grant EXECUTE on PROCEDURE hr.dbo.p to hr.ted",
            f"{TED}; grant EXECUTE on {PROCEDURE} to sales.ted; deny EXECUTE to sales.ted",
        ],
    )
    def test_where_nothing_lends_nothing_is_said(self, text: str) -> None:
        assert unknown(text) == []

    def test_what_the_system_grants_public_is_no_module_of_ours(self) -> None:
        text = (
            "login ted; user msdb.ted ted; grant EXECUTE on PROCEDURE msdb.dbo.sp_x to msdb.public"
        )
        assert unknown(text, question="SELECT on TABLE msdb.dbo.sysjobs") == []
        own = f"{text}; grant EXECUTE on PROCEDURE msdb.dbo.sp_x to msdb.ted"
        assert unknown(own, question="SELECT on TABLE msdb.dbo.sysjobs") != []

    def test_a_chain_over_databases(self) -> None:
        text = f"{TED}; user hr.ted ted; grant EXECUTE on PROCEDURE hr.dbo.p to hr.ted"
        of = world(text)
        for database in ("sales", "hr"):
            of = marked(of, who(f"{database}.dbo"), is_db_chaining_on=True)
        assert list(SqlServerAccess(of).decide("ted", "SELECT", on(TABLE)).unknown) == [CHAINED]
        only_one = marked(world(text), who("sales.dbo"), is_db_chaining_on=True)
        assert SqlServerAccess(only_one).decide("ted", "SELECT", on(TABLE)).unknown == ()

    def test_who_holds_it_is_certain(self) -> None:
        text = f"{TED}; grant SELECT to sales.ted; grant EXECUTE to sales.ted"
        decision = SqlServerAccess(world(text)).decide("ted", "SELECT", on(TABLE))
        assert decision.is_allowed
        assert decision.unknown == ()

    def test_the_answers_say_it(self) -> None:
        of = world(f"{TED}; grant EXECUTE on {PROCEDURE} to sales.ted; login ann")
        keys = (SectionKey(name, place) for name in SectionName for place in ("", "sales"))
        reports = dict.fromkeys(keys, SectionReport(SectionStatus.READ))
        of = replace(of, sections=reports)
        of = replace(of, version="16.0.4085.2")
        judged = Judged(of, SqlServerAccess(of))
        answer = who_can([judged], "SELECT", "table:sales.dbo.orders")
        verdicts = {item.state.name: item.verdict for item in answer.holders}
        assert verdicts["ted"] is Verdict.UNKNOWN
        assert "ann" not in verdicts
        assert any(MODULES in gap for gap in answer.gaps)
        assert not answer.is_complete
        assert any("what modules reach" in gap for gap in access_of(judged, "ted").gaps)
        assert access_of(judged, "ann").gaps == ()


class TestExecuteAs:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                f"{TED}; {BOSS}; grant IMPERSONATE on PRINCIPAL boss to ted",
                "what is done as boss (EXECUTE AS), who has it",
            ),
            (
                (
                    f"{TED}; user sales.ann; grant SELECT to sales.ann"
                    "; grant CONTROL on PRINCIPAL sales.ann to sales.ted"
                ),
                "what is done as [sales].[ann] (EXECUTE AS), who has it",
            ),
            (
                (
                    f"{TED}; {BOSS}; login ann; grant IMPERSONATE on PRINCIPAL ann to ted"
                    "; grant IMPERSONATE on PRINCIPAL boss to ann"
                ),
                "what is done as boss (EXECUTE AS), who has it",
            ),
            (
                f"{TED}; {BOSS}; grant IMPERSONATE ANY LOGIN to ted",
                "what is done as boss (EXECUTE AS), who may do everything there",
            ),
            (
                f"{TED}; {BOSS}; grant CONTROL SERVER to ted; deny SELECT to sales.ted",
                "what is done as boss (EXECUTE AS), who may do everything there",
            ),
            (
                f"{TED}; member sales.ted sales.db_owner; deny SELECT to sales.ted",
                "what is done as [sales].[dbo] (EXECUTE AS), who may do everything there",
            ),
        ],
    )
    def test_who_may_be_somebody_else_is_told(self, text: str, expected: str) -> None:
        assert expected in unknown(text)

    @pytest.mark.parametrize(
        "text",
        [
            f"{TED}; login ann; grant IMPERSONATE on PRINCIPAL ann to ted",
            f"{TED}; {BOSS}; grant CONTROL on PRINCIPAL boss to ted; deny CONTROL SERVER to ted",
            f"{TED}; {BOSS}; grant ALTER on PRINCIPAL boss to ted",
        ],
    )
    def test_who_gains_nothing_is_not(self, text: str) -> None:
        assert unknown(text) == []

    def test_a_ring_ends(self) -> None:
        text = (
            f"{TED}; login ann; grant IMPERSONATE on PRINCIPAL ann to ted"
            "; grant IMPERSONATE on PRINCIPAL ted to ann"
        )
        assert unknown(text) == []


class TestWhatIsNoObject:
    """GRANT Service Broker, Full-Text and Database Scoped Credential Permissions."""

    @pytest.mark.parametrize(
        ("word", "alter"),
        [
            ("ROUTE", "ALTER ANY ROUTE"),
            ("SERVICE CONTRACT", "ALTER ANY CONTRACT"),
            ("MESSAGE TYPE", "ALTER ANY MESSAGE TYPE"),
            ("REMOTE SERVICE BINDING", "ALTER ANY REMOTE SERVICE BINDING"),
            ("SEARCH PROPERTY LIST", "ALTER ANY FULLTEXT CATALOG"),
            ("DATABASE SCOPED CREDENTIAL", "CONTROL"),
        ],
    )
    def test_it_can_be_asked_about_and_is_covered(self, word: str, alter: str) -> None:
        of = world(f"{TED}; user sales.own; grant {alter} to sales.ted; login ann")
        it = replace(on("OBJECT sales.dbo.x"), schema="", name=f"{word}::it")
        owner = of.accounts["[sales].[own]"]
        owner = replace(owner, grants=(*owner.grants, Grant(it, "OWNER")))
        rules = SqlServerAccess(replace(of, accounts={**of.accounts, owner.name: owner}))
        assert rules.securables(f'object:sales."{word}::it"') == [it]
        assert rules.securables(f'sales."{word}::it"')[0] == it
        assert rules.decide("[sales].[own]", "CONTROL", it).is_allowed
        assert rules.decide("ted", "ALTER", it).is_allowed
        assert not rules.decide("ann", "ALTER", it).is_allowed

    def test_rights_on_other_kinds_are_none_on_it(self) -> None:
        of = world(f"{TED}; grant ALTER ANY SERVICE to sales.ted")
        route = replace(on("OBJECT sales.dbo.x"), schema="", name="ROUTE::it")
        assert not SqlServerAccess(of).decide("ted", "ALTER", route).is_allowed
        assert SqlServerAccess(of).decide("ted", "ALTER", on("SERVICE sales.it")).is_allowed


class TestTrustworthy:
    """TRUSTWORTHY database property: db_owner of such a database is its owner on the server."""

    TEXT = f"{TED}; {BOSS}; own DATABASE sales by boss; member sales.ted sales.db_owner"

    def powers(self, text: str, **attributes: bool) -> list[tuple[PowerKind, str, str, str]]:
        of = marked(world(text), who("sales.dbo"), **attributes)
        return [
            (power.kind, str(power.availability), path_text(power.path), power.fix)
            for power in SqlServerAccess(of).powers("ted")
            if power.kind is PowerKind.SUPERUSER
        ]

    def test_who_controls_it_is_superuser(self) -> None:
        (power,) = self.powers(self.TEXT, is_trustworthy_on=True)
        assert power == (
            PowerKind.SUPERUSER,
            str(Availability.AFTER_SET_ROLE),
            (
                "ted → [sales].[ted] (user) → [sales].[db_owner] (member)"
                " → boss (TRUSTWORTHY database sales) → sysadmin (member)"
            ),
            "USE [sales]; ALTER ROLE [db_owner] DROP MEMBER [ted];",
        )

    @pytest.mark.parametrize(
        "text",
        [
            f"{TED}; login ann; own DATABASE sales by ann; member sales.ted sales.db_owner",
            f"{TED}; {BOSS}; own DATABASE sales by boss; member sales.ted sales.db_datareader",
            f"{TED}; {BOSS}; member sales.ted sales.db_owner",
        ],
    )
    def test_who_does_not_or_whose_owner_is_nobody_is_not(self, text: str) -> None:
        assert self.powers(text, is_trustworthy_on=True) == []

    def test_it_is_off_but_in_msdb(self) -> None:
        assert self.powers(self.TEXT) == []
        of = world(self.TEXT.replace("sales", "msdb"))
        kinds = [power.kind for power in SqlServerAccess(of).powers("ted")]
        assert PowerKind.SUPERUSER in kinds
        off = marked(of, who("msdb.dbo"), is_trustworthy_on=False)
        assert PowerKind.SUPERUSER not in [p.kind for p in SqlServerAccess(off).powers("ted")]

    def test_who_may_be_a_user_whose_login_is_superuser(self) -> None:
        text = (
            f"{TED}; {BOSS}; user sales.chief boss; own DATABASE sales by boss"
            "; grant IMPERSONATE on PRINCIPAL sales.chief to sales.ted"
        )
        (power,) = self.powers(text, is_trustworthy_on=True)
        assert "[sales].[chief] (EXECUTE AS USER) → boss (TRUSTWORTHY database sales)" in power[2]
        assert power[3] == "USE [sales]; REVOKE IMPERSONATE ON USER::[chief] FROM [ted];"
        assert self.powers(text) == []


def test_groups_of_windows_are_said_of_an_account() -> None:
    of = world(r"windows CORP\ann; group CORP\dba; member CORP\dba sysadmin; login ted")
    judged = Judged(replace(of, sections={}), SqlServerAccess(of))
    assert any("Windows groups" in gap for gap in access_of(judged, r"CORP\ann").gaps)
    assert not any("Windows groups" in gap for gap in access_of(judged, "ted").gaps)
