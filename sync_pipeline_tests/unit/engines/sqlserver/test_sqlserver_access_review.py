"""Powers, facts and remedies of SQL Server accounts."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.engines.sqlserver.names import login_name, principal_name
from sync_pipeline.model.access import AccountFacts, Availability, PowerKind, path_text
from sync_pipeline.model.account import AttributeValue
from sync_pipeline.model.privilege import Grant, Membership
from workbench.strategies.sqlserver_worlds import on, who, world

TED = "login ted; user sales.ted ted"
SUPER = PowerKind.SUPERUSER
ADMIN = PowerKind.GRANT_ADMIN


def powers(text: str, account: str = "ted") -> list[tuple[PowerKind, str, str]]:
    rules = SqlServerAccess(world(text))
    return [(p.kind, p.source, path_text(p.path)) for p in rules.powers(who(account))]


class TestPowers:
    @pytest.mark.parametrize(
        ("text", "found"),
        [
            (TED, []),
            ("login ted; member ted sysadmin", [(SUPER, "superuser", "ted → sysadmin (member)")]),
            (
                "login ted; grant CONTROL SERVER to ted",
                [(SUPER, "CONTROL SERVER on server", "ted")],
            ),
            (
                "login ted; member ted securityadmin",
                [(ADMIN, "fixed role securityadmin", "ted → securityadmin (member)")],
            ),
            (
                "login ted; grant ALTER ANY LOGIN to public",
                [(ADMIN, "ALTER ANY LOGIN on server", "ted → public (every login)")],
            ),
            (
                "login ted; grant ALTER ANY SERVER ROLE to ted",
                [(ADMIN, "ALTER ANY SERVER ROLE on server", "ted")],
            ),
            (
                "login ted; serverrole ops; grant ALTER on PRINCIPAL ops to ted",
                [(ADMIN, "ALTER on principal ops", "ted")],
            ),
            (
                "login ted; own DATABASE sales by ted",
                [
                    (
                        ADMIN,
                        "dbo of database sales",
                        "ted → [sales].[dbo] (owner of the database)",
                    )
                ],
            ),
            (
                f"{TED}; member sales.ted sales.db_owner",
                [
                    (
                        ADMIN,
                        "fixed role db_owner of database sales",
                        "ted → [sales].[ted] (user) → [sales].[db_owner] (member)",
                    )
                ],
            ),
            (
                f"{TED}; grant CONTROL to sales.ted",
                [(ADMIN, "CONTROL on database sales", "ted → [sales].[ted] (user)")],
            ),
            (
                f"{TED}; member sales.ted sales.db_accessadmin",
                [
                    (
                        ADMIN,
                        "fixed role db_accessadmin of database sales",
                        "ted → [sales].[ted] (user) → [sales].[db_accessadmin] (member)",
                    )
                ],
            ),
            (
                f"{TED}; member sales.ted sales.db_securityadmin",
                [
                    (
                        ADMIN,
                        "fixed role db_securityadmin of database sales",
                        "ted → [sales].[ted] (user) → [sales].[db_securityadmin] (member)",
                    )
                ],
            ),
            (
                f"{TED}; role sales.r; grant ALTER on PRINCIPAL sales.r to sales.ted",
                [(ADMIN, "ALTER on principal sales.r", "ted → [sales].[ted] (user)")],
            ),
            (
                f"{TED}; role sales.r; own PRINCIPAL sales.r by sales.ted",
                [(ADMIN, "owner of principal sales.r", "ted → [sales].[ted] (user)")],
            ),
            (f"{TED}; member sales.ted sales.db_datawriter", []),
            (f"{TED}; grant SELECT to sales.ted with grant option", []),
        ],
    )
    def test_what_gives_a_power(self, text: str, found: list[tuple[PowerKind, str, str]]) -> None:
        assert powers(text) == found

    def test_a_deny_takes_a_power(self) -> None:
        assert powers("login ted; member ted securityadmin; deny ALTER ANY LOGIN to ted") == []
        assert powers("login ted; grant CONTROL SERVER to ted; deny CONTROL SERVER to public") == []

    def test_both_ways_to_be_superuser_are_told(self) -> None:
        found = powers("login ted; member ted sysadmin; grant CONTROL SERVER to ted")
        assert {source for _, source, _ in found} == {"superuser", "CONTROL SERVER on server"}


class TestChains:
    def test_who_may_impersonate_a_superuser_is_one(self) -> None:
        text = "login ted; login sa; member sa sysadmin; grant IMPERSONATE on PRINCIPAL sa to ted"
        (power,) = SqlServerAccess(world(text)).powers("ted")
        assert power.kind is SUPER
        assert power.availability is Availability.AFTER_SET_ROLE
        assert path_text(power.path) == "ted → sa (EXECUTE AS LOGIN) → sysadmin (member)"

    def test_chains_are_followed_to_their_end(self) -> None:
        text = (
            "login ted; login ann; login bob; serverrole ops; member ted ops; member bob sysadmin"
            "; grant IMPERSONATE on PRINCIPAL ann to ops; grant CONTROL on PRINCIPAL bob to ann"
        )
        (power,) = SqlServerAccess(world(text)).powers("ted")
        assert path_text(power.path) == (
            "ted → ops (member) → ann (EXECUTE AS LOGIN) → bob (EXECUTE AS LOGIN)"
            " → sysadmin (member)"
        )

    def test_a_ring_of_impersonation_ends(self) -> None:
        text = (
            "login ted; login ann; grant IMPERSONATE on PRINCIPAL ann to ted"
            "; grant IMPERSONATE on PRINCIPAL ted to ann"
        )
        assert powers(text) == []

    def test_a_denied_impersonation_is_none(self) -> None:
        text = "login ted; login sa; member sa sysadmin; grant IMPERSONATE on PRINCIPAL sa to ted"
        assert powers(f"{text}; deny IMPERSONATE ANY LOGIN to ted") == []

    def test_sa_need_not_be_stored(self) -> None:
        (power,) = SqlServerAccess(
            world("login ted; grant IMPERSONATE on PRINCIPAL sa to ted")
        ).powers("ted")
        assert power.kind is SUPER

    def test_dbo_need_not_be_stored(self) -> None:
        of = world(f"{TED}; grant IMPERSONATE on PRINCIPAL sales.dbo to sales.ted")
        accounts = {name: one for name, one in of.accounts.items() if name != "[sales].[dbo]"}
        (power,) = SqlServerAccess(replace(of, accounts=accounts)).powers("ted")
        assert (power.kind, power.source) == (ADMIN, "dbo of database sales")

    def test_who_may_impersonate_any_login_is_superuser(self) -> None:
        (power,) = SqlServerAccess(world("login ted; grant IMPERSONATE ANY LOGIN to ted")).powers(
            "ted"
        )
        assert (power.kind, power.availability) == (SUPER, Availability.AFTER_SET_ROLE)

    def test_who_may_add_itself_to_a_role_gets_its_powers(self) -> None:
        text = "login ted; serverrole ops; member ops sysadmin; grant ALTER on PRINCIPAL ops to ted"
        assert (SUPER, "superuser", "ted → ops (may add itself) → sysadmin (member)") in powers(
            text
        )

    def test_who_may_impersonate_dbo_governs_the_database(self) -> None:
        text = f"{TED}; grant IMPERSONATE on PRINCIPAL sales.dbo to sales.ted"
        assert powers(text) == [
            (
                ADMIN,
                "dbo of database sales",
                "ted → [sales].[ted] (user) → [sales].[dbo] (EXECUTE AS USER)",
            )
        ]

    def test_impersonating_a_user_stays_in_its_database(self) -> None:
        text = (
            f"{TED}; login boss; member boss sysadmin; user sales.boss boss"
            "; grant IMPERSONATE on PRINCIPAL sales.boss to sales.ted"
        )
        assert powers(text) == []

    def test_who_may_alter_an_application_role_may_become_it(self) -> None:
        text = (
            f"{TED}; approle sales.app; member sales.app sales.db_owner"
            "; grant ALTER on PRINCIPAL sales.app to sales.ted"
        )
        ((kind, source, path),) = powers(text)
        assert (kind, source) == (ADMIN, "fixed role db_owner of database sales")
        assert "may set its password" in path


def facts(**attributes: AttributeValue) -> AccountFacts:
    of = world("login ted")
    ted = replace(of.accounts["ted"], attributes=tuple(attributes.items()))
    return SqlServerAccess(replace(of, accounts={"ted": ted})).facts("ted")


def user_facts(name: str = "ted", **attributes: AttributeValue) -> AccountFacts:
    of = world("user sales.ted")
    account = who(f"sales.{name}")
    user = replace(of.accounts["[sales].[ted]"], name=account, attributes=tuple(attributes.items()))
    return SqlServerAccess(replace(of, accounts={account: user})).facts(account)


class TestFacts:
    def test_a_login_without_password_policy_is_weak(self) -> None:
        found = facts(type="SQL_LOGIN", is_policy_checked=False, is_expiration_checked=False)
        assert "CHECK_POLICY = OFF" in found.weak_authentication
        assert found.has_password_rules is False
        assert found.never_expires is True

    def test_a_login_with_policy_and_expiration_is_not(self) -> None:
        found = facts(
            type="SQL_LOGIN", is_policy_checked=True, is_expiration_checked=True, is_expired=True
        )
        assert found.weak_authentication == ""
        assert found.has_password_rules is True
        assert found.never_expires is False
        assert found.is_expired is True
        assert found.authentication == "SQL Server password"

    def test_windows_logins_have_no_password_here(self) -> None:
        found = facts(type="WINDOWS_LOGIN")
        assert (found.never_expires, found.is_expired, found.has_password_rules) == (None,) * 3
        assert found.authentication == "Windows"

    def test_what_the_catalog_did_not_say_stays_unknown(self) -> None:
        found = facts(type="SQL_LOGIN")
        assert (found.never_expires, found.is_expired, found.has_password_rules) == (None,) * 3
        assert found.weak_authentication == ""
        assert found.never_used is None

    def test_an_orphan_is_told(self) -> None:
        found = user_facts(type="SQL_USER", authentication_type="INSTANCE", is_orphaned=True)
        assert found.orphaned == (
            "No login has the security identifier of user ted of database sales."
        )

    @pytest.mark.parametrize(
        ("name", "attributes"),
        [
            ("ted", {"type": "SQL_USER", "authentication_type": "NONE"}),
            ("ted", {"type": "SQL_USER", "authentication_type": "DATABASE"}),
            ("ted", {"type": "CERTIFICATE_MAPPED_USER", "authentication_type": "INSTANCE"}),
            ("ted", {"type": "ASYMMETRIC_KEY_MAPPED_USER", "authentication_type": "INSTANCE"}),
            ("dbo", {"type": "SQL_USER", "authentication_type": "INSTANCE"}),
            ("guest", {"type": "SQL_USER", "authentication_type": "INSTANCE"}),
            ("sys", {"type": "SQL_USER", "authentication_type": "INSTANCE"}),
            ("INFORMATION_SCHEMA", {"type": "SQL_USER", "authentication_type": "INSTANCE"}),
        ],
    )
    def test_users_that_never_have_a_login_are_no_orphans(
        self, name: str, attributes: dict[str, AttributeValue]
    ) -> None:
        assert user_facts(name, **attributes, is_orphaned=True).orphaned == ""

    @pytest.mark.parametrize(
        ("account", "system"),
        [
            ("sysadmin", True),
            ("##MS_PolicyEventProcessingLogin##", True),
            (r"NT SERVICE\MSSQLSERVER", True),
            ("public", True),
            ("sa", False),
            ("ted", False),
            ("[sales].[db_owner]", True),
            ("[sales].[guest]", True),
            ("[sales].[sysadmin]", False),
        ],
    )
    def test_system_principals(self, account: str, *, system: bool) -> None:
        of = world("login ted")
        state = replace(of.accounts["ted"], name=account)
        assert (
            SqlServerAccess(replace(of, accounts={account: state})).facts(account).is_system
            is system
        )

    def test_everyone_is_public_and_guest(self) -> None:
        rules = SqlServerAccess(world(TED))
        everyone = ["public", "[sales].[public]", "[sales].[guest]"]
        assert all(rules.is_everyone(account) for account in everyone)
        assert not any(rules.is_everyone(name) for name in ("ted", "guest", "[sales].[dbo]"))

    @pytest.mark.parametrize(
        ("permission", "writes"),
        [
            ("SELECT", False),
            ("VIEW SERVER STATE", False),
            ("CONNECT", False),
            ("EXECUTE", False),
            ("REFERENCES", False),
            ("insert", True),
            ("CONTROL", True),
            ("ALTER ANY LOGIN", True),
            ("IMPERSONATE", True),
            ("TAKE OWNERSHIP", True),
            ("SOMETHING NEW", True),
        ],
    )
    def test_what_changes_something(self, permission: str, *, writes: bool) -> None:
        assert SqlServerAccess(world(TED)).is_write(permission) is writes

    def test_an_account_that_is_not_there_has_no_facts(self) -> None:
        assert SqlServerAccess(world(TED)).facts("nobody") == AccountFacts()


WORLD = (
    r"login ted; login sa; login a]b; group CORP\dba; windows CORP\ann; serverrole ops"
    "; user sales.ted ted"
    "; role sales.r; approle sales.app; contained sales.web"
)
RULES = SqlServerAccess(world(WORLD))


class TestRemedies:
    @pytest.mark.parametrize(
        ("account", "permission", "securable", "statement"),
        [
            ("ted", "CONTROL SERVER", "SERVER", "USE [master]; REVOKE CONTROL SERVER FROM [ted];"),
            (
                "a]b",
                "IMPERSONATE",
                "PRINCIPAL ted",
                "USE [master]; REVOKE IMPERSONATE ON LOGIN::[ted] FROM [a]]b];",
            ),
            (
                "ted",
                "ALTER",
                "PRINCIPAL ops",
                "USE [master]; REVOKE ALTER ON SERVER ROLE::[ops] FROM [ted];",
            ),
            (
                "ted",
                "VIEW DEFINITION",
                "PRINCIPAL sysadmin",
                "USE [master]; REVOKE VIEW DEFINITION ON SERVER ROLE::[sysadmin] FROM [ted];",
            ),
            (
                "sales.ted",
                "VIEW DEFINITION",
                "PRINCIPAL sales.db_datareader",
                "USE [sales]; REVOKE VIEW DEFINITION ON ROLE::[db_datareader] FROM [ted];",
            ),
            (
                "ted",
                "CONNECT",
                "ENDPOINT e",
                "USE [master]; REVOKE CONNECT ON ENDPOINT::[e] FROM [ted];",
            ),
            (
                "sales.ted",
                "SELECT",
                "DATABASE sales",
                "USE [sales]; REVOKE SELECT ON DATABASE::[sales] FROM [ted];",
            ),
            (
                "sales.ted",
                "ALTER",
                "SCHEMA sales.hr",
                "USE [sales]; REVOKE ALTER ON SCHEMA::[hr] FROM [ted];",
            ),
            (
                "sales.ted",
                "SELECT",
                "TABLE sales.hr.pay",
                "USE [sales]; REVOKE SELECT ON OBJECT::[hr].[pay] FROM [ted];",
            ),
            (
                "sales.ted",
                "UPDATE",
                "COLUMN sales.hr.pay.sum",
                "USE [sales]; REVOKE UPDATE ([sum]) ON OBJECT::[hr].[pay] FROM [ted];",
            ),
            (
                "sales.ted",
                "EXECUTE",
                "TYPE sales.hr.t",
                "USE [sales]; REVOKE EXECUTE ON TYPE::[hr].[t] FROM [ted];",
            ),
            (
                "sales.ted",
                "ALTER",
                "PRINCIPAL sales.r",
                "USE [sales]; REVOKE ALTER ON ROLE::[r] FROM [ted];",
            ),
            (
                "sales.ted",
                "ALTER",
                "PRINCIPAL sales.app",
                "USE [sales]; REVOKE ALTER ON APPLICATION ROLE::[app] FROM [ted];",
            ),
            (
                "sales.ted",
                "IMPERSONATE",
                "PRINCIPAL sales.web",
                "USE [sales]; REVOKE IMPERSONATE ON USER::[web] FROM [ted];",
            ),
            (
                "sales.ted",
                "ALTER",
                "CERTIFICATE sales.c",
                "USE [sales]; REVOKE ALTER ON CERTIFICATE::[c] FROM [ted];",
            ),
            (
                "sales.ted",
                "ALTER",
                "KEY s.k",
                "USE [s]; REVOKE ALTER ON SYMMETRIC KEY::[k] /* or ASYMMETRIC KEY */ FROM [ted];",
            ),
        ],
    )
    def test_a_grant_is_revoked_where_it_was_given(
        self, account: str, permission: str, securable: str, statement: str
    ) -> None:
        assert RULES.revoke(who(account), Grant(on(securable), permission)) == statement

    def test_a_deny_is_revoked_like_a_grant(self) -> None:
        deny = Grant(on("DATABASE sales"), "SELECT", deny=True)
        assert RULES.revoke("[sales].[ted]", deny) == (
            "USE [sales]; REVOKE SELECT ON DATABASE::[sales] FROM [ted];"
        )

    def test_a_grant_with_the_option_is_revoked_with_what_came_of_it(self) -> None:
        grant = Grant(on("DATABASE sales"), "SELECT", grantable=True)
        assert RULES.revoke("[sales].[ted]", grant) == (
            "USE [sales]; REVOKE SELECT ON DATABASE::[sales] FROM [ted] CASCADE;"
        )
        assert RULES.revoke_option("[sales].[ted]", grant) == (
            "USE [sales]; REVOKE GRANT OPTION FOR SELECT ON DATABASE::[sales] FROM [ted] CASCADE;"
        )

    @pytest.mark.parametrize(
        ("grantor", "end"),
        [
            ("", "FROM [ted];"),
            ("[sales].[dbo]", "FROM [ted];"),
            ("dbo", "FROM [ted];"),
            ("[sales].[ann]", "FROM [ted] AS [ann];"),
            ("ann", "FROM [ted] AS [ann];"),
        ],
    )
    def test_the_grant_of_another_is_revoked_as_the_other(self, grantor: str, end: str) -> None:
        grant = Grant(on("DATABASE sales"), "SELECT", grantor=grantor)
        assert RULES.revoke("[sales].[ted]", grant).endswith(end)

    def test_ownership_is_handed_over(self) -> None:
        database = Grant(replace(on("DATABASE sales"), catalog=""), "OWNER")
        assert RULES.revoke("ted", database) == "ALTER AUTHORIZATION ON DATABASE::[sales] TO [sa];"
        role = Grant(on("PRINCIPAL ops"), "OWNER")
        assert RULES.revoke("ted", role) == "ALTER AUTHORIZATION ON SERVER ROLE::[ops] TO [sa];"
        schema = Grant(on("SCHEMA sales.hr"), "OWNER")
        assert RULES.revoke("[sales].[ted]", schema) == (
            "USE [sales]; ALTER AUTHORIZATION ON SCHEMA::[hr] TO [dbo];"
        )

    def test_roles_are_taken_away(self) -> None:
        assert RULES.revoke_role("ted", Membership("sysadmin")) == (
            "ALTER SERVER ROLE [sysadmin] DROP MEMBER [ted];"
        )
        assert RULES.revoke_role("[sales].[ted]", Membership("[sales].[db_owner]")) == (
            "USE [sales]; ALTER ROLE [db_owner] DROP MEMBER [ted];"
        )

    @pytest.mark.parametrize(
        ("account", "disable", "drop", "expire"),
        [
            (
                "ted",
                "ALTER LOGIN [ted] DISABLE;",
                "DROP LOGIN [ted];",
                # Expiration stops a program whose password is old.
                "",
            ),
            (
                r"CORP\ann",
                r"ALTER LOGIN [CORP\ann] DISABLE;",
                r"DROP LOGIN [CORP\ann];",
                "",
            ),
            (
                r"CORP\dba",
                # A deny would count for members who come in by other ways.
                r"USE [master]; REVOKE CONNECT SQL FROM [CORP\dba];",
                r"DROP LOGIN [CORP\dba];",
                "",
            ),
            (
                "sa",
                "ALTER LOGIN [sa] DISABLE;",
                "",
                "ALTER LOGIN [sa] WITH CHECK_POLICY = ON, CHECK_EXPIRATION = ON;",
            ),
            ("ops", "", "DROP SERVER ROLE [ops];", ""),
            ("public", "", "", ""),
            (
                "sales.ted",
                "USE [sales]; DENY CONNECT TO [ted];",
                "USE [sales]; DROP USER [ted];",
                "",
            ),
            ("sales.guest", "USE [sales]; REVOKE CONNECT FROM [guest];", "", ""),
            ("sales.dbo", "", "", ""),
            ("sales.r", "", "USE [sales]; DROP ROLE [r];", ""),
            ("sales.app", "", "USE [sales]; DROP APPLICATION ROLE [app];", ""),
            ("nobody", "", "", ""),
        ],
    )
    def test_what_is_done_to_an_account(
        self, account: str, disable: str, drop: str, expire: str
    ) -> None:
        name = who(account)
        assert RULES.disable(name) == disable
        assert RULES.drop(name) == drop
        assert RULES.expire(name) == expire


def _every_statement(login: str, user: str) -> list[str]:
    """Return one statement of each kind, for a login and for a user of the database `user`."""
    of = world(
        "login ted; user sales.ted ted; member ted sysadmin; login boss; member boss sysadmin"
    )
    ted, sales = login_name(login), principal_name(user, user)
    accounts = {
        " boss": replace(of.accounts["boss"], name=" boss"),
        ted: replace(of.accounts["ted"], name=ted),
        sales: replace(of.accounts["[sales].[ted]"], name=sales, database=user),
    }
    rules = SqlServerAccess(replace(of, accounts=accounts))
    table = replace(
        on("COLUMN s.s.t.c"), database=user, catalog=user, schema=login, name=login, column=login
    )
    grant = Grant(table, "SELECT", grantable=True, grantor=principal_name(user, login))
    return [
        rules.revoke(ted, Grant(on("SERVER"), "CONTROL SERVER")),
        rules.revoke(sales, grant),
        rules.revoke_option(sales, grant),
        rules.revoke_role(ted, Membership(login_name(login))),
        rules.revoke_role(sales, Membership(principal_name(user, login))),
        *(method(name) for method in (rules.disable, rules.drop) for name in (ted, sales)),
        rules.expire(ted),
    ]


names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(
    lambda name: (
        name not in ("dbo", "sa", "guest", "sys", "public")
        and name[0] not in "#N"
        # A fixed role of this name is itself meant.
        and not name.startswith("db_")
        and not name.endswith(("admin", "creator"))
    )
)


@given(names, names)
def test_no_name_can_leave_its_brackets(login: str, user: str) -> None:
    delimited = re.compile(r"\[(?:[^\]]|\]\])*\]")
    plain = [delimited.sub("[]", text) for text in _every_statement("a", "b")]
    assert [delimited.sub("[]", text) for text in _every_statement(login, user)] == plain


def test_a_sql_parser_finds_one_statement_beside_use(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="sqlglot")
    for text in _every_statement("a];b", "c'd"):
        if "DENY" in text:
            continue
        found = [type(one).__name__ for one in sqlglot.parse(text, dialect="tsql")]
        assert found in (["Command"], ["Use", "Command"], ["Alter"], ["Drop"], ["Use", "Drop"])
