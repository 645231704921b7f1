"""How fixes are put together: each statement once and in order, nobody else's rights, a word."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from sync_pipeline.access.findings import mending
from sync_pipeline.access.findings.case import BRANCH, Case
from sync_pipeline.access.findings.mending import joined
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mysql.access.rules import MySqlAccess
from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.postgresql.access.rules import PostgreSqlAccess
from sync_pipeline.engines.sqlserver.access.rules import SqlServerAccess
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Finding, FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Membership, Securable, SecurableKind
from workbench.strategies import oracle_accounts as oracle
from workbench.strategies import sqlserver_worlds as sqlserver

TODAY = date(2026, 11, 29)
SERVER = Securable(SecurableKind.SERVER)
MYSQL = Securable(SecurableKind.DATABASE, "mysql")


def user(
    name: str,
    *grants: Grant,
    roles: tuple[Membership, ...] = (),
    superuser: bool = False,
    kind: AccountKind = AccountKind.USER,
) -> AccountState:
    return AccountState(
        name,
        kind,
        can_login=kind is AccountKind.USER,
        is_superuser=superuser,
        memberships=roles,
        grants=grants,
    ).canonical()


def found(world: AccessWorld, rules: object, monitor: str = "") -> dict[tuple[str, str], Finding]:
    case = Case(Judged(world, rules), monitor=monitor)  # type: ignore[arg-type]
    findings = review([case], FindingRules(), TODAY).findings
    return {(item.rule, item.account): item for item in findings}


def mysql(*states: AccountState) -> tuple[AccessWorld, MySqlAccess]:
    world = AccessWorld("i", EngineName.MYSQL, "9.7.0", {item.name: item for item in states})
    return world, MySqlAccess(world)


def postgresql(*states: AccountState, version: str = "18") -> tuple[AccessWorld, PostgreSqlAccess]:
    accounts = {item.name: item for item in states}
    world = AccessWorld("i", EngineName.POSTGRESQL, version, accounts)
    return world, PostgreSqlAccess(world)


class TestJoined:
    def test_a_statement_stands_once_and_the_last_one_counts(self) -> None:
        assert joined(["A;", "B;", "A;"]) == "B;\nA;"
        assert joined(["R a;\nFLUSH;", "R b;\nFLUSH;"]) == "R a;\nR b;\nFLUSH;"
        # Revoked, a part given again, revoked: the last one has to stay.
        assert joined(["R t;\nG t (b);", "R t;"]) == "G t (b);\nR t;"

    def test_where_statements_are_run_is_said_once_and_again_after_another_place(self) -> None:
        a, b = "ALTER SESSION SET CONTAINER = A;", "ALTER SESSION SET CONTAINER = B;"
        assert joined([f"{a}\n1;", f"{a}\n2;"]) == f"{a}\n1;\n2;"
        assert joined([f"{a}\n1;", f"{b}\n2;", f"{a}\n3;"]) == f"{a}\n1;\n{b}\n2;\n{a}\n3;"

    def test_comments_stay_with_their_statements(self) -> None:
        text = "-- As BOB, who granted it.\n1;"
        assert joined([text, text.replace("1", "2")]).count("BOB") == 2

    def test_by_another_person_or_in_another_place_it_is_another_statement(self) -> None:
        bob, ann = "-- As BOB, who granted it.\n1;", "-- As ANN, who granted it.\n1;"
        assert joined([bob, ann, bob]) == f"{ann}\n{bob}"
        a, b = "ALTER SESSION SET CONTAINER = A;", "ALTER SESSION SET CONTAINER = B;"
        assert joined([f"{a}\n1;", f"{b}\n1;"]) == f"{a}\n1;\n{b}\n1;"

    @pytest.mark.parametrize("name", ['"O\'NEIL"', "'a\"b'", "`a'b`", "[a'b]", '[a"b]'])
    def test_a_quote_of_another_kind_is_a_part_of_a_name(self, name: str) -> None:
        block = f"REVOKE X FROM {name};\nGRANT Y TO {name};"
        assert joined([block, block.replace("Y", "Z")]).count("REVOKE") == 1

    @pytest.mark.parametrize("name", ["a\nb", "a;\nb", "a'\nb", "x\n-- y"])
    def test_a_name_with_a_line_end_is_not_torn(self, name: str) -> None:
        written = "'" + name.replace("'", "''") + "'"
        one, other = f"REVOKE X FROM {written};", f"REVOKE Y FROM {written};"
        assert joined([one, other]) == f"{one}\n{other}"

    @pytest.mark.parametrize("name", ["a\nb", "a;\nb", "a\nALTER SESSION SET CONTAINER = B;"])
    def test_and_its_statement_is_not_taken_for_the_place_where_it_is_run(self, name: str) -> None:
        place, other = "ALTER SESSION SET CONTAINER = A;", "ALTER SESSION SET CONTAINER = C;"
        one, two = f'REVOKE X FROM "{name}";', f'REVOKE Y FROM "{name}";'
        assert joined([f"{place}\n{one}"]) == f"{place}\n{one}"
        both = joined([f"{place}\n{one}", f"{place}\n{two}", f"{other}\n{one}"])
        assert both == f"{place}\n{one}\n{two}\n{other}\n{one}"

    def test_what_is_no_statement_a_line_keeps_its_place(self) -> None:
        place, block = "ALTER SESSION SET CONTAINER = A;", "BEGIN\n  x;\nEND"
        assert joined([f"{place}\n{block}"]) == f"{place}\n{block}"


class TestTheBranch:
    """With the account that syncs, the sync would end."""

    CREATE = Grant(SERVER, "CREATE USER")

    def test_no_fix_takes_anything_from_the_account_that_reads(self) -> None:
        world, rules = mysql(user("'mon'@'%'", self.CREATE), user("'hr'@'10.%'", self.CREATE))
        said = found(world, rules, monitor="mon")
        mine = said["grant-admin", "'mon'@'%'"]
        assert (mine.fix, mine.undo, mine.left) == ("", "", BRANCH)
        assert said["any-host-privileged", "'mon'@'%'"].left == BRANCH
        assert said["grant-admin", "'hr'@'10.%'"].fix

    def test_nor_from_a_role_of_it(self) -> None:
        role = user("'team'@'%'", self.CREATE, kind=AccountKind.ROLE)
        world, rules = mysql(user("'mon'@'%'", roles=(Membership("'team'@'%'"),)), role)
        assert found(world, rules, monitor="mon")["grant-admin", "'team'@'%'"].left == BRANCH

    def test_but_a_superuser_needs_none_of_its_roles(self) -> None:
        role = user("'team'@'%'", self.CREATE, kind=AccountKind.ROLE)
        can = Grant(SERVER, "SUPER")
        boss = user("'mon'@'%'", can, roles=(Membership("'team'@'%'"),), superuser=True)
        world, rules = mysql(boss, role)
        said = found(world, rules, monitor="mon")
        assert said["grant-admin", "'team'@'%'"].fix
        assert not said["superuser", "'mon'@'%'"].fix

    def test_an_option_is_no_right_to_read(self) -> None:
        on = Securable(SecurableKind.DATABASE, "shop")
        world, rules = mysql(user("'mon'@'%'", Grant(on, "SELECT", grantable=True)))
        assert found(world, rules, monitor="mon")["grant-option", "'mon'@'%'"].fix


class TestPostgreSql:
    def test_the_servers_own_roles_are_no_findings(self) -> None:
        server_program = "pg_execute_server_program"
        world, rules = postgresql(
            user(server_program, kind=AccountKind.ROLE),
            user("ted", roles=(Membership(server_program, inherit=True, set_role=True),)),
        )
        said = found(world, rules)
        assert ("superuser", server_program) not in said
        assert said["superuser", "ted"].fix == f'REVOKE "{server_program}" FROM "ted";'

    def test_but_what_a_person_granted_to_one_is(self) -> None:
        boss = Membership("boss", inherit=True, set_role=True)
        world, rules = postgresql(
            user("pg_write_server_files", roles=(boss,), kind=AccountKind.ROLE),
            user("boss", superuser=True),
            user("other", superuser=True),
        )
        finding = found(world, rules)["superuser", "pg_write_server_files"]
        assert finding.fix == 'REVOKE "boss" FROM "pg_write_server_files";'
        assert finding.left == ""

    @pytest.mark.parametrize("version", ["15.4", "18"])
    @pytest.mark.parametrize("name", ["postgres", "cloud_admin"])
    def test_the_role_of_initdb_stays_a_superuser(self, name: str, version: str) -> None:
        first = user(name, superuser=True)
        if name != "postgres":
            first = replace(first, attributes=(("is_bootstrap", True),))
        world, rules = postgresql(first, user("other", superuser=True), version=version)
        finding = found(world, rules)["superuser", name]
        assert (finding.fix, finding.undo) == ("", "")
        assert "initdb" in finding.left
        assert found(world, rules)["superuser", "other"].fix == 'ALTER ROLE "other" NOSUPERUSER;'

    def test_the_last_superuser_stays_one(self) -> None:
        closed = replace(user("postgres", superuser=True), can_login=False)
        world, rules = postgresql(closed, user("last", superuser=True))
        finding = found(world, rules)["superuser", "last"]
        assert finding.fix == ""
        assert "nobody would be left" in finding.left
        assert rules.disable("last") == ""


class TestMySql:
    def test_what_all_accounts_have_is_taken_from_nobody(self) -> None:
        role = user("'must'@'%'", Grant(SERVER, "CREATE USER"), kind=AccountKind.ROLE)
        given = Membership("'must'@'%'", default=True, grantor="mandatory_roles")
        world, rules = mysql(role, user("'ted'@'10.%'", roles=(given,)))
        finding = found(world, rules)["grant-admin", "'ted'@'10.%'"]
        assert finding.fix == ""
        assert "mandatory_roles" in finding.left

    def test_the_rows_of_another_account_are_its_own(self) -> None:
        wide = user("'ted'@'%'", Grant(MYSQL, "INSERT"))
        world, rules = mysql(wide, user("'ted'@'10.1.1.1'"))
        finding = found(world, rules)["grant-admin", "'ted'@'10.1.1.1'"]
        assert finding.fix == ""
        assert "'ted'@'%'" in finding.left

    def test_the_administrators_of_the_server_say_why_they_stay(self) -> None:
        powers = tuple(Grant(SERVER, word, grantable=True) for word in ("SUPER", "CREATE USER"))
        root = user("'root'@'localhost'", *powers, superuser=True)
        world, rules = mysql(root, user("'last'@'%'", *powers, superuser=True))
        said = found(world, rules)
        assert "installed with" in said["superuser", "'root'@'localhost'"].left
        assert said["superuser", "'last'@'%'"].fix
        world, rules = mysql(user("'last'@'%'", *powers, superuser=True))
        assert "nobody would be left" in found(world, rules)["superuser", "'last'@'%'"].left


@pytest.mark.parametrize("rules", [MySqlAccess, MariaDbAccess])
def test_a_large_fleet_of_accounts_gets_the_same_words(
    rules: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fix is tried on the accounts that count: it is that of the whole world."""
    name = "'r0'@'%'" if rules is MySqlAccess else "r0"
    states = [
        user(f"'u{n}'@'10.%'", Grant(MYSQL, "INSERT"), roles=(Membership(name),)) for n in range(30)
    ]
    states.append(user(name, Grant(SERVER, "CREATE USER"), kind=AccountKind.ROLE))
    states.append(user("'u0'@'%'", Grant(MYSQL, "UPDATE")))
    states.append(user("'boss'@'%'", Grant(SERVER, "SUPER"), superuser=True))
    world = AccessWorld("i", EngineName.MYSQL, "9.7.0", {item.name: item for item in states})
    small = found(world, rules(world))
    monkeypatch.setattr(mending, "_SMALL", 10**6)
    assert found(world, rules(world)) == small


# --- SQL Server and Oracle: emulated worlds of documented columns, for want of servers ---------


class TestEmulated:
    BOSS = "; login boss; member boss sysadmin"

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            (f"login ted; grant CONTROL SERVER to ted{BOSS}", ("superuser", "ted")),
            (f"login ted; member ted sysadmin{BOSS}", ("superuser", "ted")),
            (
                f"login ted; member ted sysadmin; grant CONTROL SERVER to ted{BOSS}",
                ("superuser", "ted"),
            ),
            (
                f"login ted; serverrole dba; member ted dba; member dba sysadmin{BOSS}",
                ("superuser", "ted"),
            ),
            (f"login ted; grant IMPERSONATE on PRINCIPAL boss to ted{BOSS}", ("superuser", "ted")),
            (
                (
                    "login ted; user sales.ted ted; member sales.ted sales.db_owner; "
                    "grant CONTROL to sales.ted; grant ALTER ANY ROLE to sales.ted; "
                    "grant ALTER ANY LOGIN to ted; member ted securityadmin; login sa"
                ),
                ("grant-admin", "ted"),
            ),
            ("login ted; own DATABASE sales by ted; login sa", ("grant-admin", "ted")),
        ],
    )
    def test_sqlserver_all_ways_end(self, text: str, key: tuple[str, str]) -> None:
        world = sqlserver.world(text)
        finding = found(world, SqlServerAccess(world))[key]
        assert finding.fix, finding
        assert not finding.left or "It is then a" in finding.left, finding
        assert len(finding.undo.splitlines()) == len(finding.fix.splitlines()), finding

    def test_what_all_have_is_taken_from_who_stands_for_them_alone(self) -> None:
        grant = "grant CONTROL to sales"
        text = f"user sales.ted ted; user sales.amy amy; {grant}.public; {grant}.ted{self.BOSS}"
        said = found(world := sqlserver.world(text), SqlServerAccess(world))
        fix = "USE [sales]; REVOKE CONTROL ON DATABASE::[sales] FROM [public];"
        assert said["grant-admin", "[sales].[public]"].fix == fix
        # What she has as all have is found of the one that stands for them.
        assert ("grant-admin", "[sales].[amy]") not in said
        own = fix.replace("[public]", "[ted]")
        assert said["grant-admin", "[sales].[ted]"].fix == own
        assert said["grant-admin", "[sales].[public]"].left == ""
        assert "a grant admin, as all accounts" in said["grant-admin", "[sales].[ted]"].left
        owner = said["grant-admin", "[sales].[dbo]"]
        assert owner.fix == ""
        assert "dbo of database sales stays" in owner.left

    def test_sqlserver_what_was_passed_on_is_kept(self) -> None:
        text = (
            "login ted; user sales.ted ted; login bob; user sales.bob bob; "
            "grant SELECT on TABLE sales.dbo.t to sales.ted with grant option; "
            "grant SELECT on TABLE sales.dbo.t to sales.bob"
        )
        world = sqlserver.world(text)
        bob = world.accounts["[sales].[bob]"]
        grants = tuple(
            replace(item, grantor="[sales].[ted]") if item.privilege == "SELECT" else item
            for item in bob.grants
        )
        world = replace(world, accounts={**world.accounts, bob.name: replace(bob, grants=grants)})
        finding = found(world, SqlServerAccess(world))["grant-option", "[sales].[ted]"]
        give, take = finding.fix.splitlines()
        assert give == "USE [sales]; GRANT SELECT ON OBJECT::[dbo].[t] TO [bob];"
        assert take.startswith("USE [sales]; REVOKE GRANT OPTION FOR SELECT")
        assert "GRANT SELECT ON OBJECT::[dbo].[t] TO [bob] AS [ted];" in finding.undo

    def test_whom_others_gave_it_on_keep_it_too(self) -> None:
        """Among many accounts as among few: a fix is tried on those that count."""
        users = "; ".join(f"login {n}; user sales.{n} {n}" for n in ("ted", "bob", "cyd", "dan"))
        grant = "grant UPDATE on TABLE sales.dbo.t to sales"
        world = sqlserver.world(
            f"{users}; {grant}.ted with grant option; {grant}.bob with grant option; "
            f"{grant}.cyd with grant option; {grant}.dan"
        )
        accounts = dict(world.accounts)
        for giver, name in (("ted", "bob"), ("bob", "cyd"), ("cyd", "dan")):
            state = accounts[f"[sales].[{name}]"]
            grants = (replace(item, grantor=f"[sales].[{giver}]") for item in state.grants)
            accounts[state.name] = replace(state, grants=tuple(grants))
        world = replace(world, accounts=accounts)
        assert len(accounts) > mending._SMALL
        finding = found(world, SqlServerAccess(world))["grant-option", "[sales].[ted]"]
        on = "UPDATE ON OBJECT::[dbo].[t]"
        assert finding.fix.splitlines() == [
            f"USE [sales]; GRANT {on} TO [bob] WITH GRANT OPTION;",
            f"USE [sales]; GRANT {on} TO [cyd] WITH GRANT OPTION;",
            f"USE [sales]; GRANT {on} TO [dan];",
            f"USE [sales]; REVOKE GRANT OPTION FOR {on} FROM [ted] CASCADE;",
        ]
        assert f"USE [sales]; GRANT {on} TO [dan] AS [cyd];" in finding.undo.splitlines()

    @pytest.mark.parametrize(
        ("has", "gets", "fix", "undo"),
        [
            # Who has the option otherwise needs nothing, and the undo takes nothing of it.
            (" with grant option", "", "", ("GRANT {} AS [ted];",)),
            # Who has less gets that again when the undo has taken what the fix gave.
            (
                "",
                " with grant option",
                "GRANT {} WITH GRANT OPTION;",
                ("GRANT {} WITH GRANT OPTION AS [ted];", "REVOKE {} CASCADE;", "GRANT {};"),
            ),
        ],
    )
    def test_who_has_it_otherwise_keeps_just_that(
        self, has: str, gets: str, fix: str, undo: tuple[str, ...]
    ) -> None:
        on = "SELECT on TABLE sales.dbo.t to sales"
        world = sqlserver.world(
            f"user sales.ted; user sales.bob; grant {on}.ted with grant option; "
            f"grant {on}.bob{has}; grant {on}.bob{gets}"
        )
        bob = world.accounts["[sales].[bob]"]
        *before, last = bob.grants
        first, given = (last, before[-1]) if last.grantable == bool(has) else (before[-1], last)
        grants = (*before[:-1], first, replace(given, grantor="[sales].[ted]"))
        world = replace(world, accounts={**world.accounts, bob.name: replace(bob, grants=grants)})
        finding = found(world, SqlServerAccess(world))["grant-option", "[sales].[ted]"]
        text = {"GRANT": "SELECT ON OBJECT::[dbo].[t] TO [bob]"}
        text["REVOKE"] = text["GRANT"].replace(" TO ", " FROM ")

        def written(line: str) -> str:
            return f"USE [sales]; {line.format(text[line.split(maxsplit=1)[0]])}"

        assert finding.fix.splitlines()[:-1] == ([written(fix)] if fix else [])
        assert finding.undo.splitlines()[1:] == [written(line) for line in undo]

    def test_sa_is_closed_and_opened_again(self) -> None:
        world = sqlserver.world(f"login sa; member sa sysadmin{self.BOSS}")
        finding = found(world, SqlServerAccess(world))["superuser", "sa"]
        assert finding.fix == "ALTER LOGIN [sa] DISABLE;"
        assert finding.undo == "ALTER LOGIN [sa] ENABLE;"
        assert "superuser through superuser stays" in finding.left
        closed = replace(world.accounts["sa"], can_login=False)
        world = replace(world, accounts={**world.accounts, "sa": closed})
        finding = found(world, SqlServerAccess(world))["superuser", "sa"]
        assert (finding.fix, finding.undo) == ("", "")
        assert "superuser through superuser stays" in finding.left

    def test_what_guest_has_with_all_is_taken_with_a_word(self) -> None:
        grant = "grant INSERT on TABLE sales.dbo"
        text = f"user sales.ted; {grant}.t to sales.public; {grant}.u to sales.guest"
        world = sqlserver.world(f"{text}; grant CONNECT to sales.guest")
        said = found(world, SqlServerAccess(world))
        guest = said["everyone-can-write", "[sales].[guest]"]
        assert len(guest.fix.splitlines()) == 2
        assert "[sales].[public] has it: with this statement all accounts lose it." in guest.left
        assert said["everyone-can-write", "[sales].[public]"].left == ""

    def test_what_a_fixed_role_is_made_for_is_no_finding(self) -> None:
        text = "login ted; user sales.ted ted; member sales.ted sales.db_owner"
        world = sqlserver.world(f"{text}; serverrole sysadmin; serverrole securityadmin{self.BOSS}")
        said = found(world, SqlServerAccess(world))
        assert not {"[sales].[db_owner]", "sysadmin", "securityadmin"} & {n for _, n in said}
        assert {("grant-admin", "[sales].[ted]"), ("superuser", "boss")} <= said.keys()

    def test_but_what_it_was_granted_is(self) -> None:
        text = "user sales.ted; role sales.db_datareader; grant CONTROL to sales.db_datareader"
        world = sqlserver.world(text)
        finding = found(world, SqlServerAccess(world))["grant-admin", "[sales].[db_datareader]"]
        assert finding.fix.endswith("REVOKE CONTROL ON DATABASE::[sales] FROM [db_datareader];")

    def test_an_orphan_that_got_its_login_is_no_orphan_again(self) -> None:
        world = sqlserver.world("login ted; user sales.ted")
        ted = world.accounts["[sales].[ted]"]
        lost = replace(ted, attributes=(*ted.attributes, ("is_orphaned", True)))
        world = replace(world, accounts={**world.accounts, ted.name: lost})
        finding = found(world, SqlServerAccess(world))["orphaned-user", ted.name]
        assert finding.fix == "USE [sales]; ALTER USER [ted] WITH LOGIN = [ted];"
        assert finding.undo.startswith("-- Nothing makes [ted] what it was")

    def test_oracle_keeps_what_was_given_on_among_many(self) -> None:
        def given(name: str, by: str, *, on: bool) -> AccountState:
            state = oracle.user(name, f"UPDATE on TABLE HR.T{' WITH OPTION' if on else ''}")
            grants = tuple(replace(grant, grantor=by) for grant in state.grants)
            return replace(state, grants=grants)

        many = [oracle.user(f"U{number}") for number in range(9)]
        world = oracle.world(
            *many,
            given("TED", "HR", on=True),
            given("BOB", "TED", on=True),
            given("CYD", "BOB", on=False),
        )
        finding = found(world, OracleAccess(world))["grant-option", "TED"]
        assert "GRANT UPDATE ON HR.T TO CYD;" in finding.fix.splitlines(), finding

    @pytest.mark.parametrize(
        ("grants", "roles", "rule", "fix", "undo"),
        [
            (
                ("ALTER USER", "GRANT ANY ROLE"),
                (),
                "grant-admin",
                "REVOKE GRANT ANY ROLE FROM TED;\nREVOKE ALTER USER FROM TED;",
                "GRANT ALTER USER TO TED;\nGRANT GRANT ANY ROLE TO TED;",
            ),
            (
                ("BECOME USER WITH OPTION",),
                (),
                "grant-admin",
                "REVOKE BECOME USER FROM TED;",
                "GRANT BECOME USER TO TED WITH ADMIN OPTION;",
            ),
            (("SYSDBA",), (), "superuser", "REVOKE SYSDBA FROM TED;", "GRANT SYSDBA TO TED;"),
            ((), ("DBA",), "superuser", "REVOKE DBA FROM TED;", "GRANT DBA TO TED;"),
            (
                ("SYSDBA",),
                ("DBA",),
                "superuser",
                "REVOKE SYSDBA FROM TED;\nREVOKE DBA FROM TED;",
                "GRANT DBA TO TED;\nGRANT SYSDBA TO TED;",
            ),
        ],
    )
    @pytest.mark.parametrize("pdb", ["", "SALES"])
    def test_oracle_all_ways_end(
        self,
        grants: tuple[str, ...],
        roles: tuple[str, ...],
        rule: str,
        fix: str,
        undo: str,
        pdb: str,
    ) -> None:
        account = oracle.user("TED", *grants, roles=roles, pdb=pdb)
        world = oracle.world(account)
        finding = found(world, OracleAccess(world))[rule, account.name]
        switch = f"ALTER SESSION SET CONTAINER = {pdb};\n" if pdb else ""
        assert (finding.fix, finding.undo) == (f"{switch}{fix}", f"{switch}{undo}")

    def test_oracle_two_columns_are_both_taken(self) -> None:
        ted = oracle.user(
            "TED",
            "UPDATE on COLUMN HR.T.A WITH OPTION",
            "UPDATE on COLUMN HR.T.B WITH OPTION",
        )
        world = oracle.world(ted)
        fix = found(world, OracleAccess(world))["grant-option", "TED"].fix
        # The last statements leave both columns without the option.
        last = fix.splitlines()
        revoked = max(n for n, line in enumerate(last) if line.startswith("REVOKE"))
        assert not any("WITH GRANT OPTION" in line for line in last[revoked:]), fix
        assert set(last[revoked + 1 :]) == {
            "GRANT UPDATE (A) ON HR.T TO TED;",
            "GRANT UPDATE (B) ON HR.T TO TED;",
        }


@pytest.mark.parametrize("name", ["BOB", "O'NEIL"])
def test_oracle_takes_a_whole_once_however_many_columns_it_gives_again(name: str) -> None:
    columns = [Securable(SecurableKind.COLUMN, "", "HR", "EMP", f"C{n:02}") for n in range(24)]
    grants = tuple(Grant(on, "UPDATE", grantable=True, grantor="HR") for on in columns)
    states = {item.name: item for item in (user(name, *grants), user("HR"))}
    world = AccessWorld("i", EngineName.ORACLE, "19.0", states)
    item = found(world, OracleAccess(world))["grant-option", name]
    fix = item.fix.split("\n")
    written = name if name == "BOB" else f'"{name}"'
    # It was the same REVOKE 24 times, among 600 lines, for who has an apostrophe in his name.
    assert fix[0] == f"REVOKE UPDATE ON HR.EMP FROM {written};"
    assert fix[1:] == [f"GRANT UPDATE (C{n:02}) ON HR.EMP TO {written};" for n in range(24)]
    undo = item.undo.split("\n")
    assert sorted(undo) == [f"{line[:-1]} WITH GRANT OPTION;" for line in fix[1:]]
