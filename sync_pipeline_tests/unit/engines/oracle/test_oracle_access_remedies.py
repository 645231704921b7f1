"""The statements that take Oracle access away."""

from __future__ import annotations

import warnings
from dataclasses import replace

import pytest
import sqlglot

from sync_pipeline.engines.oracle.access.names import container_of, identifier, local_name
from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.oracle.names import account_name
from sync_pipeline.model.privilege import Securable, SecurableKind
from workbench.strategies.oracle_accounts import grant, has, on, public, role, user, world

A = user("A", authentication_type="PASSWORD", profile="APP", password_life_time="UNLIMITED")

REVOKES = {
    "CREATE TABLE": "REVOKE CREATE TABLE FROM A;",
    "SYSDBA": "REVOKE SYSDBA FROM A;",
    "SELECT ANY TABLE on SCHEMA HR": "REVOKE SELECT ANY TABLE ON SCHEMA HR FROM A;",
    "SELECT on TABLE HR.EMP": "REVOKE SELECT ON HR.EMP FROM A;",
    "SELECT on TABLE hr.Emp": 'REVOKE SELECT ON "hr"."Emp" FROM A;',
    "EXECUTE on PACKAGE HR.K": "REVOKE EXECUTE ON HR.K FROM A;",
    "READ on DIRECTORY DUMPS": "REVOKE READ ON DIRECTORY DUMPS FROM A;",
    "SELECT WITH HIERARCHY OPTION on VIEW HR.V": "REVOKE SELECT ON HR.V FROM A;",
    "INHERIT PRIVILEGES on OBJECT SYS.HR": "REVOKE INHERIT PRIVILEGES ON USER HR FROM A;",
    "QUOTA 1024 on TABLESPACE USERS": "ALTER USER A QUOTA 0 ON USERS;",
    "UPDATE on COLUMN HR.EMP.PAY": "REVOKE UPDATE ON HR.EMP FROM A;",
}


@pytest.mark.parametrize("text", REVOKES)
def test_a_grant_is_taken_away(text: str) -> None:
    assert OracleAccess(world(A)).revoke("A", grant(text)) == REVOKES[text]


def test_what_a_revoke_of_a_column_takes_too_is_granted_again() -> None:
    state = user(
        "A",
        "UPDATE on COLUMN HR.EMP.PAY",
        "UPDATE on COLUMN HR.EMP.NAME WITH OPTION",
        "INSERT on COLUMN HR.EMP.NAME",
        "UPDATE on COLUMN HR.JOBS.PAY",
    )
    assert OracleAccess(world(state)).revoke("A", grant("UPDATE on COLUMN HR.EMP.PAY")) == (
        "REVOKE UPDATE ON HR.EMP FROM A;\nGRANT UPDATE (NAME) ON HR.EMP TO A WITH GRANT OPTION;"
    )


def test_a_table_whose_columns_are_granted_apart_keeps_them() -> None:
    state = user("A", "UPDATE on TABLE HR.EMP", "UPDATE on COLUMN HR.EMP.PAY")
    assert OracleAccess(world(state)).revoke("A", grant("UPDATE on TABLE HR.EMP")) == (
        "REVOKE UPDATE ON HR.EMP FROM A;\nGRANT UPDATE (PAY) ON HR.EMP TO A;"
    )


def test_only_what_the_revoke_would_take_is_granted_again() -> None:
    column = "UPDATE on COLUMN HR.EMP.PAY"
    by_other = grant("UPDATE on COLUMN HR.EMP.NAME", grantor="BOB")
    twice = ("SELECT on TABLE HR.EMP", "SELECT on TABLE HR.EMP WITH OPTION")
    state = user("A", column, *twice)
    rules = OracleAccess(world(replace(state, grants=(*state.grants, by_other))))
    assert rules.revoke("A", grant(column)) == "REVOKE UPDATE ON HR.EMP FROM A;"
    assert rules.revoke("A", grant(twice[0])) == "REVOKE SELECT ON HR.EMP FROM A;"


def test_who_granted_it_must_revoke_it() -> None:
    rules = OracleAccess(world(A))
    by_owner = grant("SELECT on TABLE HR.EMP", grantor="HR")
    assert rules.revoke("A", by_owner) == "REVOKE SELECT ON HR.EMP FROM A;"
    by_other = grant("SELECT on TABLE HR.EMP", grantor="BOB")
    assert rules.revoke("A", by_other) == (
        "-- As BOB, who granted it.\nREVOKE SELECT ON HR.EMP FROM A;"
    )


def test_an_option_goes_only_with_the_privilege_which_is_granted_again() -> None:
    rules = OracleAccess(world(A))
    assert rules.revoke_option("A", grant("SELECT on TABLE HR.EMP WITH OPTION")) == (
        "REVOKE SELECT ON HR.EMP FROM A;\nGRANT SELECT ON HR.EMP TO A;"
    )
    assert rules.revoke_option("A", grant("CREATE TABLE WITH OPTION")) == (
        "REVOKE CREATE TABLE FROM A;\nGRANT CREATE TABLE TO A;"
    )
    view = grant("SELECT WITH HIERARCHY OPTION on VIEW HR.V WITH OPTION")
    assert rules.revoke_option("A", view) == (
        "REVOKE SELECT ON HR.V FROM A;\nGRANT SELECT ON HR.V TO A WITH HIERARCHY OPTION;"
    )


def test_a_hierarchy_option_stays_when_the_grant_option_goes() -> None:
    state = user(
        "A", "SELECT on VIEW HR.V WITH OPTION", "SELECT WITH HIERARCHY OPTION on VIEW HR.V"
    )
    rules = OracleAccess(world(state))
    assert rules.revoke_option("A", grant("SELECT on VIEW HR.V WITH OPTION")) == (
        "REVOKE SELECT ON HR.V FROM A;\nGRANT SELECT ON HR.V TO A WITH HIERARCHY OPTION;"
    )


def test_grants_in_a_container_are_revoked_there() -> None:
    rules = OracleAccess(world(user("A", pdb="PDB1"), user("my user", pdb="my.pdb")))
    assert rules.revoke("PDB1.A", grant("SELECT on TABLE HR.EMP", "PDB1")) == (
        "ALTER SESSION SET CONTAINER = PDB1;\nREVOKE SELECT ON HR.EMP FROM A;"
    )
    assert rules.revoke_role('"my.pdb"."my user"', has("CONNECT", pdb="my.pdb")) == (
        'ALTER SESSION SET CONTAINER = "my.pdb";\nREVOKE "CONNECT" FROM "my user";'
    )


def test_public_is_never_quoted() -> None:
    rules = OracleAccess(world(public(), public(pdb="PDB1")))
    assert rules.revoke("PUBLIC", grant("CREATE TABLE")) == "REVOKE CREATE TABLE FROM PUBLIC;"
    assert rules.revoke("PDB1.PUBLIC", grant("CREATE TABLE", "PDB1")).endswith("FROM PUBLIC;")


def test_a_role_is_taken_away() -> None:
    assert OracleAccess(world(A)).revoke_role("A", has("DBA")) == "REVOKE DBA FROM A;"


def test_users_are_locked_and_removed_roles_only_removed() -> None:
    rules = OracleAccess(world(A, role("R"), public()))
    assert rules.disable("A") == "ALTER USER A ACCOUNT LOCK;"
    assert rules.drop("A") == "DROP USER A;"
    assert rules.disable("R") == ""
    assert rules.drop("R") == "DROP ROLE R;"
    assert (rules.disable("PUBLIC"), rules.drop("PUBLIC")) == ("", "")
    assert (rules.disable("NOBODY"), rules.drop("NOBODY")) == ("", "")


def test_common_accounts_are_changed_in_the_root() -> None:
    rules = OracleAccess(world(user("C##A", pdb="PDB1", is_common=True)))
    assert rules.disable("PDB1.C##A") == (
        "ALTER SESSION SET CONTAINER = CDB$ROOT;\nALTER USER C##A ACCOUNT LOCK CONTAINER = ALL;"
    )
    assert rules.drop("PDB1.C##A") == "ALTER SESSION SET CONTAINER = CDB$ROOT;\nDROP USER C##A;"


def test_a_password_gets_an_end_by_a_profile_with_one() -> None:
    limited = user("B", profile="STRICT", password_life_time="90")
    by_default = user("C", profile="DEFAULT", password_life_time="180")
    elsewhere = user("D", profile="OTHER", password_life_time="30", pdb="PDB1")
    assert OracleAccess(world(A, limited, by_default)).expire("A") == (
        "ALTER USER A PROFILE DEFAULT;"
    )
    assert OracleAccess(world(A, limited)).expire("A") == "ALTER USER A PROFILE STRICT;"
    assert OracleAccess(world(A, elsewhere)).expire("A") == (
        "ALTER PROFILE APP LIMIT PASSWORD_LIFE_TIME 180;"
    )


def test_a_common_profile_is_altered_in_the_root() -> None:
    state = user("C##A", authentication_type="PASSWORD", profile="C##APPS", pdb="PDB1")
    assert OracleAccess(world(state)).expire("PDB1.C##A") == (
        "ALTER SESSION SET CONTAINER = CDB$ROOT;\n"
        "ALTER PROFILE C##APPS LIMIT PASSWORD_LIFE_TIME 180 CONTAINER = ALL;"
    )


def test_what_has_no_password_has_none_to_end() -> None:
    rules = OracleAccess(world(user("X", authentication_type="EXTERNAL"), role("R")))
    assert [rules.expire(name) for name in ("X", "R", "NOBODY")] == ["", "", ""]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("HR", "HR"),
        ("C##A", "C##A"),
        ("OPS$BOB", "OPS$BOB"),
        ("hr", '"hr"'),
        ("A B", '"A B"'),
        ("1ST", '"1ST"'),
        ("_X", '"_X"'),
        ("ORDER", '"ORDER"'),
        ("A.B", '"A.B"'),
        ("用户", '"用户"'),
    ],
)
def test_names_are_quoted_where_they_need_it(name: str, written: str) -> None:
    assert identifier(name) == written


@pytest.mark.parametrize("container", ["", "PDB1", "my.pdb"])
@pytest.mark.parametrize("name", ["HR", "lower", "A.B", "C##X", "用户", "a b"])
def test_a_name_comes_back_from_its_account_name(container: str, name: str) -> None:
    assert local_name(account_name(name, container), container) == name


def test_a_name_in_quotes_is_read_without_them() -> None:
    assert local_name('"my user"', "") == "my user"


def test_a_securable_belongs_to_its_catalog() -> None:
    assert container_of(Securable(SecurableKind.SERVER, database="PDB1")) == "PDB1"
    assert container_of(on("TABLE HR.EMP", "PDB2")) == "PDB2"


@pytest.mark.parametrize(
    "text",
    [text for text in REVOKES if "on TABLE " in text or "on SCHEMA" in text],
)
def test_statements_on_objects_parse_as_oracle_sql(text: str) -> None:
    rules = OracleAccess(world(A))
    statements = rules.revoke_option("A", grant(f"{text} WITH OPTION"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = sqlglot.parse(statements, dialect="oracle")
    assert [type(one).__name__ for one in parsed] == ["Revoke", "Grant"]
