"""Paths, what is lacking, what is unknown, and lists of privileges on SQL Server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sync_pipeline.engines.sqlserver.access.covering_table import (
    CONTAINER,
    FROM_ABOVE,
    WITHIN,
    SecurableClass,
)
from sync_pipeline.engines.sqlserver.access.fixed_roles import DATABASE_ROLES, SERVER_ROLES
from sync_pipeline.engines.sqlserver.access.permissions import covering
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.engines.sqlserver.names import (
    login_name,
    principal_name,
    split_account,
)
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.access import (
    EVERYTHING,
    AccessWorld,
    Availability,
    Decision,
    path_text,
)
from sync_pipeline.model.privilege import (
    Grant,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from workbench.strategies.sqlserver_worlds import on, who, world

TED = "login ted; user sales.ted ted"


def ask(text: str, account: str, permission: str, securable: str) -> Decision:
    return SqlServerAccess(world(text)).decide(who(account), permission, on(securable))


def with_sections(text: str, sections: dict[SectionKey, SectionStatus]) -> AccessWorld:
    reports = {key: SectionReport(status, "no rights") for key, status in sections.items()}
    return replace(world(text), sections=reports)


def listed(text: str, account: str) -> dict[tuple[str, str], str]:
    rules = SqlServerAccess(world(text))
    return {
        (item.privilege, str(item.securable)): item.source
        for item in rules.everything(who(account))
    }


class TestPath:
    def test_it_goes_from_login_to_user_to_role_to_grant(self) -> None:
        text = (
            f"{TED}; role sales.a; role sales.b; member sales.ted sales.a"
            "; member sales.a sales.b; grant SELECT on SCHEMA sales.hr to sales.b"
        )
        (held,) = ask(text, "ted", "SELECT", "TABLE sales.hr.pay").held
        assert path_text(held.path) == (
            "ted → [sales].[ted] (user) → [sales].[a] (member) → [sales].[b] (member)"
        )
        assert held.source == "SELECT on schema sales.hr"
        assert held.lacking == ()

    def test_the_shortest_way_comes_first_and_all_are_told(self) -> None:
        text = (
            f"{TED}; role sales.a; member sales.ted sales.a; grant SELECT to sales.a"
            "; grant SELECT on TABLE sales.dbo.t to sales.ted; member sales.ted sales.db_owner"
        )
        decision = ask(text, "ted", "select", "TABLE sales.dbo.t")
        assert [item.source for item in decision.held] == [
            "SELECT on table sales.dbo.t",
            "SELECT on database sales",
            "fixed role db_owner",
        ]
        assert decision.privilege == "SELECT"

    def test_a_superuser_through_a_role_of_roles(self) -> None:
        text = "login ted; serverrole dba; member ted dba; member dba sysadmin"
        (held,) = ask(text, "ted", "SELECT", "TABLE sales.dbo.t").held
        assert path_text(held.path) == "ted → dba (member) → sysadmin (member)"
        assert held.source == "superuser"
        assert held.grantable

    def test_a_superuser_who_owns_the_database_has_two_ways(self) -> None:
        text = "login ted; member ted sysadmin; own DATABASE sales by ted"
        held = ask(text, "ted", "SELECT", "TABLE sales.dbo.t").held
        assert {item.source for item in held} == {"superuser", "dbo"}

    def test_the_login_of_the_user_dbo_is_dbo(self) -> None:
        text = "login ted; user sales.dbo ted; deny SELECT to sales.public"
        (held,) = ask(text, "ted", "SELECT", "TABLE sales.dbo.t").held
        assert path_text(held.path) == "ted → [sales].[dbo] (owner of the database)"

    def test_a_deny_is_told_with_its_path(self) -> None:
        text = f"{TED}; grant SELECT to sales.ted; member sales.ted sales.db_denydatareader"
        decision = ask(text, "ted", "SELECT", "TABLE sales.dbo.t")
        assert decision.held == ()
        assert decision.denied == (
            (
                "DENY SELECT on database sales (fixed role db_denydatareader):"
                " ted → [sales].[ted] (user) → [sales].[db_denydatareader] (member)"
            ),
        )

    def test_a_role_that_is_not_stored_still_counts(self) -> None:
        of = world(
            f"{TED}; member sales.ted sales.db_datareader; member ted ##MS_DefinitionReader##"
        )
        assert "[sales].[db_datareader]" not in of.accounts
        rules = SqlServerAccess(of)
        assert rules.decide("ted", "SELECT", on("TABLE sales.dbo.t")).is_allowed
        assert rules.decide("ted", "VIEW ANY DATABASE", on("SERVER")).is_allowed

    def test_an_account_that_is_not_there_holds_nothing(self) -> None:
        decision = ask("grant SELECT to sales.public", "nobody", "SELECT", "DATABASE sales")
        assert decision == Decision("nobody", "SELECT", on("DATABASE sales"))

    def test_the_server_rights_of_a_login_are_not_those_of_its_user(self) -> None:
        assert not ask(f"{TED}; member ted sysadmin", "sales.ted", "SELECT", "DATABASE sales").held

    def test_dbo_of_one_database_is_nobody_elsewhere(self) -> None:
        text = "role sales.r; role hr.r"
        assert ask(text, "sales.dbo", "SELECT", "DATABASE sales").is_allowed
        assert not ask(text, "sales.dbo", "SELECT", "DATABASE hr").is_allowed
        assert not ask(text, "sales.dbo", "SHUTDOWN", "SERVER").is_allowed

    def test_a_login_without_user_that_may_connect_has_what_public_has(self) -> None:
        text = "login ted; grant CONNECT ANY DATABASE to ted; grant SELECT to sales.public"
        (held,) = ask(text, "ted", "SELECT", "DATABASE sales").held
        assert path_text(held.path) == "ted → [sales].[public] (every user)"

    def test_a_login_without_user_that_may_not_connect_has_not(self) -> None:
        assert not ask(
            "login ted; grant SELECT to sales.public", "ted", "SELECT", "DATABASE sales"
        ).held

    def test_a_server_role_is_neither_guest_nor_public(self) -> None:
        text = (
            "serverrole ops; grant CONNECT to sales.guest; grant SELECT to sales.guest"
            "; grant VIEW ANY DATABASE to public"
        )
        assert not ask(text, "ops", "SELECT", "DATABASE sales").held
        assert not ask(text, "ops", "VIEW ANY DATABASE", "SERVER").held


class TestOption:
    def test_a_grant_with_the_option_is_grantable(self) -> None:
        text = f"{TED}; grant SELECT to sales.ted with grant option"
        assert ask(text, "ted", "SELECT", "DATABASE sales").held[0].grantable

    def test_a_grant_without_it_is_not(self) -> None:
        text = f"{TED}; grant SELECT to sales.ted"
        assert not ask(text, "ted", "SELECT", "DATABASE sales").held[0].grantable

    def test_control_may_grant_what_it_covers(self) -> None:
        text = f"{TED}; grant CONTROL on SCHEMA sales.hr to sales.ted"
        assert ask(text, "ted", "SELECT", "TABLE sales.hr.pay").held[0].grantable

    def test_a_covering_permission_that_is_not_control_may_not(self) -> None:
        text = f"{TED}; grant ALTER to sales.ted"
        assert not ask(text, "ted", "CREATE TABLE", "DATABASE sales").held[0].grantable


class TestOwnership:
    def test_the_owner_of_a_schema_controls_its_objects(self) -> None:
        (held,) = ask(
            f"{TED}; own SCHEMA sales.hr by sales.ted", "ted", "DELETE", "TABLE sales.hr.t"
        ).held
        assert held.source == "owner of schema sales.hr"

    def test_denies_do_not_reach_an_owner(self) -> None:
        text = f"{TED}; own TABLE sales.hr.t by sales.ted; deny SELECT to sales.public"
        assert ask(text, "ted", "SELECT", "TABLE sales.hr.t").is_allowed

    def test_denies_reach_the_owner_of_the_schema_of_an_object_with_its_own_owner(self) -> None:
        text = (
            f"{TED}; user sales.ann; own SCHEMA sales.hr by sales.ted"
            "; own TABLE sales.hr.t by sales.ann; deny SELECT to sales.public"
        )
        assert not ask(text, "ted", "SELECT", "TABLE sales.hr.t").is_allowed
        assert ask(text, "ted", "SELECT", "TABLE sales.hr.other").is_allowed

    def test_denies_reach_members_of_an_owning_role(self) -> None:
        text = (
            f"{TED}; role sales.r; member sales.ted sales.r; own SCHEMA sales.hr by sales.r"
            "; deny SELECT on TABLE sales.hr.t to sales.ted"
        )
        assert not ask(text, "ted", "SELECT", "TABLE sales.hr.t").is_allowed
        assert ask(text, "ted", "SELECT", "TABLE sales.hr.u").is_allowed


class TestPartOfAWhole:
    def test_a_deny_on_a_part_is_told_with_the_whole(self) -> None:
        text = f"{TED}; grant SELECT to sales.ted; deny SELECT on TABLE sales.dbo.t to sales.public"
        (held,) = ask(text, "ted", "SELECT", "DATABASE sales").held
        assert (
            held.source == "SELECT on database sales, except SELECT on table sales.dbo.t (denied)"
        )

    def test_many_are_counted(self) -> None:
        denies = "; ".join(f"deny SELECT on TABLE sales.dbo.t{n} to sales.ted" for n in range(5))
        (held,) = ask(
            f"{TED}; grant SELECT to sales.ted; {denies}", "ted", "SELECT", "DATABASE sales"
        ).held
        assert held.source.endswith("and 2 more (denied)")

    def test_a_deny_elsewhere_is_not(self) -> None:
        text = f"{TED}; grant SELECT on SCHEMA sales.a to sales.ted"
        text += "; deny SELECT on TABLE sales.b.t to sales.ted"
        (held,) = ask(text, "ted", "SELECT", "SCHEMA sales.a").held
        assert held.source == "SELECT on schema sales.a"

    def test_a_deny_of_something_else_is_not(self) -> None:
        text = f"{TED}; grant SELECT to sales.ted; deny INSERT on TABLE sales.dbo.t to sales.ted"
        (held,) = ask(text, "ted", "SELECT", "DATABASE sales").held
        assert held.source == "SELECT on database sales"


class TestLacking:
    @pytest.mark.parametrize(
        ("text", "account", "securable", "lacking"),
        [
            (
                "login ted disabled; grant SHUTDOWN to ted",
                "ted",
                "SERVER",
                ("login ted is disabled",),
            ),
            (
                "login ted; grant SHUTDOWN to ted; deny CONNECT SQL to ted",
                "ted",
                "SERVER",
                ("CONNECT SQL for login ted",),
            ),
            ("login ted; member ted sysadmin", "ted", "SERVER", ()),
            (
                "login ted disabled; member ted sysadmin",
                "ted",
                "SERVER",
                ("login ted is disabled",),
            ),
            ("serverrole ops; grant SHUTDOWN to ops", "ops", "SERVER", ()),
        ],
    )
    def test_what_a_login_needs(
        self, text: str, account: str, securable: str, lacking: tuple[str, ...]
    ) -> None:
        assert ask(text, account, "SHUTDOWN", securable).held[0].lacking == lacking

    @pytest.mark.parametrize(
        ("text", "account", "lacking"),
        [
            ("login ted; grant CONTROL SERVER to ted", "ted", ()),
            (
                "login ted; grant SELECT ALL USER SECURABLES to ted; role sales.r",
                "ted",
                ("CONNECT on database sales",),
            ),
            (
                f"{TED}; grant SELECT to sales.ted; deny CONNECT to sales.ted",
                "ted",
                ("CONNECT on database sales",),
            ),
            (
                "nologin sales.app; grant SELECT to sales.app",
                "sales.app",
                ("EXECUTE AS: the user has no login",),
            ),
            ("contained sales.web; grant SELECT to sales.web", "sales.web", ()),
            (
                "login ted disabled; user sales.ted ted; grant SELECT to sales.ted",
                "sales.ted",
                ("login ted is disabled",),
            ),
            ("grant CONNECT to sales.guest; grant SELECT to sales.guest", "sales.guest", ()),
            ("role sales.r; grant SELECT to sales.r", "sales.r", ()),
        ],
    )
    def test_what_a_principal_needs_in_a_database(
        self, text: str, account: str, lacking: tuple[str, ...]
    ) -> None:
        assert ask(text, account, "SELECT", "DATABASE sales").held[0].lacking == lacking

    def test_an_application_role_is_in_force_after_its_password(self) -> None:
        (held,) = ask(
            "approle sales.app; grant SELECT to sales.app", "sales.app", "SELECT", "DATABASE sales"
        ).held
        assert held.availability is Availability.AFTER_SET_ROLE
        assert held.lacking == ("sp_setapprole with the password of the application role",)

    def test_a_locked_login_must_be_unlocked(self) -> None:
        of = world("login ted; member ted sysadmin")
        locked = replace(of.accounts["ted"], is_locked=True)
        rules = SqlServerAccess(replace(of, accounts={**of.accounts, "ted": locked}))
        held = rules.decide("ted", "SHUTDOWN", on("SERVER")).held
        assert held[0].lacking == ("login ted is locked",)

    @pytest.mark.parametrize("kind", ["CERTIFICATE_MAPPED", "ASYMMETRIC_KEY_MAPPED"])
    def test_certificates_and_keys_do_not_connect(self, kind: str) -> None:
        of = world(f"{TED}; grant SHUTDOWN to ted; grant SELECT to sales.ted")
        accounts = {
            name: replace(one, attributes=(("type", kind),)) for name, one in of.accounts.items()
        }
        rules = SqlServerAccess(replace(of, accounts=accounts))
        for account, permission, securable in (
            ("ted", "SHUTDOWN", "SERVER"),
            ("[sales].[ted]", "SELECT", "DATABASE sales"),
        ):
            held = rules.decide(account, permission, on(securable)).held
            assert held[0].lacking[0].startswith("signed code")

    def test_an_orphan_needs_its_login(self) -> None:
        of = world("user sales.ted; grant SELECT to sales.ted")
        state = of.accounts["[sales].[ted]"]
        orphan = replace(state, attributes=(*state.attributes, ("is_orphaned", True)))
        rules = SqlServerAccess(replace(of, accounts={**of.accounts, state.name: orphan}))
        held = rules.decide(state.name, "SELECT", on("DATABASE sales")).held
        assert held[0].lacking == ("a login: that of the user is gone",)


class TestUnknown:
    def test_sections_that_were_not_read_are_named(self) -> None:
        key = SectionKey(SectionName.MEMBERSHIPS, "sales")
        rules = SqlServerAccess(with_sections(TED, {key: SectionStatus.DENIED}))
        decision = rules.decide("ted", "SELECT", on("TABLE sales.dbo.t"))
        (gap,) = decision.unknown
        assert (gap, gap.why) == ("memberships@sales", "no rights")

    def test_sections_that_were_read_or_of_another_database_are_not(self) -> None:
        sections = {
            SectionKey(SectionName.MEMBERSHIPS, "sales"): SectionStatus.READ,
            SectionKey(SectionName.MEMBERSHIPS, "hr"): SectionStatus.FAILED,
        }
        rules = SqlServerAccess(with_sections(TED, sections))
        assert rules.decide("ted", "SELECT", on("TABLE sales.dbo.t")).unknown == ()

    def test_a_database_that_was_never_read_is_named(self) -> None:
        key = SectionKey(SectionName.ACCOUNTS, "sales")
        rules = SqlServerAccess(with_sections(TED, {key: SectionStatus.READ}))
        decision = rules.decide("ted", "SELECT", on("DATABASE archive"))
        (gap,) = decision.unknown
        assert gap.sentence.startswith("database archive was not read, and could change")

    def test_a_missing_public_role_is_named(self) -> None:
        of = world(TED)
        accounts = {name: one for name, one in of.accounts.items() if name != "[sales].[public]"}
        rules = SqlServerAccess(replace(of, accounts=accounts))
        assert (
            "public of database sales"
            in rules.decide("ted", "SELECT", on("DATABASE sales")).unknown[0]
        )

    def test_nothing_matters_to_a_superuser(self) -> None:
        key = SectionKey(SectionName.MEMBERSHIPS, "sales")
        text = r"windows CORP\ann; group CORP\dba; member CORP\ann sysadmin"
        rules = SqlServerAccess(with_sections(text, {key: SectionStatus.FAILED}))
        assert rules.decide(r"CORP\ann", "SELECT", on("DATABASE sales")).unknown == ()

    def test_windows_accounts_may_be_in_groups(self) -> None:
        text = r"windows CORP\ann; login ted; group CORP\dba; member CORP\dba sysadmin"
        assert "Windows groups" in ask(text, r"CORP\ann", "SHUTDOWN", "SERVER").unknown[0]
        assert ask(text, "ted", "SHUTDOWN", "SERVER").unknown == ()
        assert ask(r"windows CORP\ann", r"CORP\ann", "SHUTDOWN", "SERVER").unknown == ()

    def test_the_user_of_a_windows_login_may_be_in_groups(self) -> None:
        text = r"windows CORP\ann; user sales.ann CORP\ann; group CORP\dba"
        assert ask(text, "sales.ann", "SELECT", "DATABASE sales").unknown

    def test_a_column_that_wins_over_its_table_depends_on_a_server_option(self) -> None:
        text = f"{TED}; deny SELECT on TABLE sales.dbo.t to sales.ted"
        text += "; grant SELECT on COLUMN sales.dbo.t.c to sales.ted"
        decision = ask(text, "ted", "SELECT", "COLUMN sales.dbo.t.c")
        assert decision.is_allowed
        assert "common criteria" in decision.unknown[0]

    def test_a_deny_above_the_table_still_wins_over_the_column(self) -> None:
        text = f"{TED}; deny SELECT on SCHEMA sales.dbo to sales.ted"
        text += "; grant SELECT on COLUMN sales.dbo.t.c to sales.ted"
        assert not ask(text, "ted", "SELECT", "COLUMN sales.dbo.t.c").is_allowed


class TestUnknownPermissions:
    def test_one_that_is_granted_is_held(self) -> None:
        text = f"{TED}; grant FLY on TABLE sales.dbo.t to sales.ted"
        assert ask(text, "ted", "FLY", "TABLE sales.dbo.t").is_allowed

    def test_nothing_covers_one(self) -> None:
        text = f"{TED}; grant CONTROL to sales.ted; grant FLY on SCHEMA sales.dbo to sales.ted"
        assert not ask(text, "ted", "FLY", "TABLE sales.dbo.t").is_allowed

    def test_a_kind_that_is_not_known_has_its_own_grants(self) -> None:
        of = world(TED)
        strange = Securable(SecurableKind.LANGUAGE, database="sales", name="R", catalog="sales")
        ted = of.accounts["[sales].[ted]"]
        granted = replace(ted, grants=(*ted.grants, Grant(strange, "EXECUTE")))
        rules = SqlServerAccess(replace(of, accounts={**of.accounts, ted.name: granted}))
        assert rules.decide("ted", "EXECUTE", strange).is_allowed
        assert not rules.decide("ted", "ALTER", strange).is_allowed


class TestRevokedColumn:
    TABLE = f"{TED}; grant SELECT on TABLE sales.dbo.t to sales.ted"
    OUT = "grant SELECT (revoked) on COLUMN sales.dbo.t.c to sales.ted"

    def test_a_column_taken_out_of_a_grant_is_not_in_it(self) -> None:
        text = f"{self.TABLE}; {self.OUT}"
        assert not ask(text, "ted", "SELECT", "COLUMN sales.dbo.t.c").is_allowed
        assert ask(text, "ted", "SELECT", "COLUMN sales.dbo.t.d").is_allowed
        assert ask(text, "ted", "SELECT", "TABLE sales.dbo.t").is_allowed

    def test_it_takes_nothing_from_other_ways(self) -> None:
        for way in (
            "grant SELECT on TABLE sales.dbo.t to sales.public",
            "grant SELECT on SCHEMA sales.dbo to sales.ted",
            "grant CONTROL on TABLE sales.dbo.t to sales.ted",
        ):
            text = f"{self.TABLE}; {self.OUT}; {way}"
            assert ask(text, "ted", "SELECT", "COLUMN sales.dbo.t.c").is_allowed

    def test_it_is_no_privilege(self) -> None:
        assert set(listed(f"{self.TABLE}; {self.OUT}", "sales.ted")) == {
            ("CONNECT", "database sales"),
            ("SELECT", "table sales.dbo.t"),
        }


class TestEverything:
    def test_a_superuser_has_one_entry(self) -> None:
        assert listed("login ted; member ted sysadmin; grant SELECT to sales.public", "ted") == {
            (EVERYTHING, "server"): "superuser"
        }

    def test_an_owner_of_a_database_controls_it(self) -> None:
        found = listed("login ted; own DATABASE sales by ted", "ted")
        assert found["CONTROL", "database sales"] == "dbo"

    def test_it_spans_the_server_and_all_databases(self) -> None:
        text = (
            f"{TED}; user hr.ted ted; grant SELECT on TABLE sales.dbo.t to sales.ted"
            "; member hr.ted hr.db_datawriter; grant VIEW ANY DATABASE to public"
            "; grant CONNECT to tempdb.guest; grant SELECT on VIEW tempdb.dbo.v to tempdb.public"
        )
        assert set(listed(text, "ted")) == {
            ("CONNECT SQL", "server"),
            ("VIEW ANY DATABASE", "server"),
            ("CONNECT", "database sales"),
            ("SELECT", "table sales.dbo.t"),
            ("CONNECT", "database hr"),
            ("INSERT", "database hr"),
            ("UPDATE", "database hr"),
            ("DELETE", "database hr"),
            ("CONNECT", "database tempdb"),
            ("SELECT", "view tempdb.dbo.v"),
        }

    def test_what_is_denied_is_left_out(self) -> None:
        text = f"{TED}; grant SELECT on TABLE sales.dbo.t to sales.ted; deny SELECT to sales.public"
        assert set(listed(text, "ted")) == {
            ("CONNECT SQL", "server"),
            ("CONNECT", "database sales"),
        }

    def test_a_login_that_may_enter_all_databases_has_what_public_has_in_each(self) -> None:
        text = "login ted; grant CONNECT ANY DATABASE to ted; grant SELECT to sales.public"
        assert ("SELECT", "database sales") in listed(text, "ted")

    def test_an_owner_of_a_schema_controls_it(self) -> None:
        found = listed(f"{TED}; own SCHEMA sales.hr by sales.ted", "sales.ted")
        assert found == {
            ("CONNECT", "database sales"): "CONNECT on database sales",
            ("CONTROL", "schema sales.hr"): "owner of schema sales.hr",
        }

    def test_what_an_owner_is_denied_by_name_is_not_listed_beside_control(self) -> None:
        text = f"{TED}; own TABLE sales.hr.t by sales.ted"
        text += "; deny SELECT on TABLE sales.hr.t to sales.public"
        assert set(listed(text, "sales.ted")) == {
            ("CONNECT", "database sales"),
            ("CONTROL", "table sales.hr.t"),
        }

    def test_a_role_lists_its_own_and_not_that_of_public(self) -> None:
        text = "role sales.r; grant SELECT to sales.r; grant EXECUTE to sales.public"
        assert set(listed(text, "sales.r")) == {("SELECT", "database sales")}

    def test_nobody_has_nothing(self) -> None:
        assert listed(TED, "nobody") == {}


class TestSecurables:
    TEXT = (
        f"{TED}; login Server_Admin; user HR.x; grant SELECT on VIEW sales.dbo.v to sales.ted"
        "; grant EXECUTE on TYPE sales.dbo.v to sales.ted"
    )

    def named(self, text: str) -> list[str]:
        found = SqlServerAccess(world(self.TEXT)).securables(text)
        assert all(one.catalog == one.database for one in found)
        return [str(one) for one in found]

    @pytest.mark.parametrize(
        ("text", "found"),
        [
            ("server", ["server"]),
            ("SERVER:", ["server"]),
            ("sales", ["database sales"]),
            ("database:sales", ["database sales"]),
            ("Sales", ["database sales"]),
            ("sales.hr", ["schema sales.hr"]),
            ("sales.dbo.v", ["view sales.dbo.v", "type sales.dbo.v", "table sales.dbo.v"]),
            ("sales.dbo.new", ["table sales.dbo.new"]),
            ("PROCEDURE:sales.dbo.new", ["procedure sales.dbo.new"]),
            ('sales."my.schema"."t""1"', ['table sales.my.schema.t"1']),
            ("sales.dbo.v.c", ["column sales.dbo.v.c"]),
            ("principal:sales.ted", ["principal sales.ted"]),
            ("user:sales.ted", ["principal sales.ted"]),
            ("login:ted", ["principal ted"]),
            ("ted", ["principal ted"]),
            ("xml_schema_collection:sales.dbo.c", ["xml schema collection sales.dbo.c"]),
            ("endpoint:TSQL", ["endpoint TSQL"]),
            ("certificate:sales.c", ["certificate sales.c"]),
        ],
    )
    def test_what_a_text_means(self, text: str, found: list[str]) -> None:
        assert self.named(text) == found

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            ("nowhere", "names nothing"),
            ("nowhere.dbo.t", "names nothing"),
            ("table:sales", "1 names, which is no table"),
            ("planet:sales", "'planet' is not a kind"),
            ('sales."dbo', "a quote is not closed"),
            ("sales..t", "a part is empty"),
            ("", "a part is empty|names no securable"),
            ("a.b.c.d.e", "names nothing"),
        ],
    )
    def test_what_can_not_be_meant(self, text: str, says: str) -> None:
        with pytest.raises(ConfigurationError, match=says):
            self.named(text)

    def test_names_that_differ_in_case_are_two(self) -> None:
        rules = SqlServerAccess(world("role sales.r; role Sales.r"))
        assert [one.database for one in rules.securables("Sales")] == ["Sales"]
        with pytest.raises(ConfigurationError):
            rules.securables("SALES")

    def test_a_database_called_server_is_told_apart(self) -> None:
        rules = SqlServerAccess(world("role server.r"))
        assert [str(one) for one in rules.securables("server")] == ["server", "database server"]
        assert [str(one) for one in rules.securables("database:server")] == ["database server"]


class TestNames:
    @pytest.mark.parametrize(
        ("database", "name"),
        [("sales", "ted"), ("a.b", "x]y"), ("[", "]"), ("d", "[e].[f]"), ("d", "")],
    )
    def test_a_principal_of_a_database_comes_back(self, database: str, name: str) -> None:
        assert split_account(principal_name(database, name)) == (database, name)

    @pytest.mark.parametrize("name", ["sa", r"CORP\ann", "[x]", "[a].[b]", "x]", "a.b"])
    def test_a_principal_of_the_server_comes_back(self, name: str) -> None:
        assert split_account(login_name(name)) == ("", name)

    def test_text_that_is_no_account_is_kept(self) -> None:
        assert split_account("[open") == ("", "[open")
        assert split_account("[a].[b]c") == ("", "[a].[b]c")

    def test_a_login_with_a_bracket_is_found_by_its_user(self) -> None:
        text = "login [[odd]]]; user sales.odd [odd]; grant SELECT to sales.odd"
        assert ask(text, "[[odd]]]", "SELECT", "DATABASE sales").is_allowed


class TestCoveringTable:
    def test_every_covering_permission_belongs_to_its_class(self) -> None:
        for of, rules in FROM_ABOVE.items():
            container = CONTAINER[of]
            known = _permissions(container)
            for rule in rules.split("; "):
                assert rule.partition(": ")[0] in known, (of, rule)

    def test_everything_is_covered_by_control_of_the_server(self) -> None:
        for of in set(WITHIN) | {SecurableClass.COLUMN}:
            for permission in _permissions(of) or {"SELECT"}:
                assert (SecurableClass.SERVER, "CONTROL SERVER") in covering(of, permission)

    def test_fixed_roles_hold_permissions_that_exist(self) -> None:
        for held in SERVER_ROLES.values():
            assert set(held) <= _permissions(SecurableClass.SERVER)
        for held in DATABASE_ROLES.values():
            assert set(held) <= _permissions(SecurableClass.DATABASE)


def _permissions(of: SecurableClass) -> set[str]:
    within = WITHIN.get(of, {})
    return set(within) | {name for text in within.values() for name in text.split(" | ")}
