"""What people write for objects of Oracle databases."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.privilege import Securable
from workbench.strategies.oracle_accounts import on, public, role, user, world

HR_GRANTS = (
    "SELECT on TABLE HR.EMP",
    "UPDATE on COLUMN HR.EMP.PAY",
    "SELECT on TABLE HR.mixedCase",
    "EXECUTE on PACKAGE HR.K",
    "SELECT on TABLE X.Y",
    "READ on DIRECTORY DUMPS",
    "QUOTA 1024 on TABLESPACE USERS",
)
PLAIN = OracleAccess(world(user("HR"), user("odd.name"), role("R", *HR_GRANTS)))
CDB = OracleAccess(
    world(
        user("C##A"),
        user("HR", pdb="PDB1"),
        public("SELECT on TABLE HR.EMP", pdb="PDB1"),
        user("OE", "SELECT ANY TABLE", pdb="PDB2"),
    )
)
GUESSES = [
    "table",
    "view",
    "materialized view",
    "sequence",
    "procedure",
    "function",
    "package",
    "type",
]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("server", "server"),
        ("SERVER", "server"),
        ("SERVER:server", "server"),
        ("HR", "SCHEMA HR"),
        ("hr", "SCHEMA HR"),
        ("schema:hr", "SCHEMA HR"),
        ('"odd.name"', "SCHEMA odd.name"),
        ("X", "SCHEMA X"),
        ("HR.EMP", "TABLE HR.EMP"),
        ("hr.emp", "TABLE HR.EMP"),
        ("TABLE:hr.emp", "TABLE HR.EMP"),
        ("hr.mixedCase", "TABLE HR.mixedCase"),
        ("HR.K", "PACKAGE HR.K"),
        ("hr.emp.pay", "COLUMN HR.EMP.PAY"),
        ("COLUMN:HR.EMP.NAME", "COLUMN HR.EMP.NAME"),
        ("hr.emp.name", "COLUMN HR.EMP.NAME"),
        ("hr.unknown.pay", "COLUMN HR.UNKNOWN.PAY"),
        ("view:hr.new", "VIEW HR.NEW"),
        ("materialized_view:hr.new", "MATERIALIZED VIEW HR.NEW"),
        ("view:hr.emp", "VIEW HR.EMP"),
        ('table:hr."new"', "TABLE HR.new"),
        ("dumps", "DIRECTORY DUMPS"),
        ("directory:dumps", "DIRECTORY DUMPS"),
        ("directory:other", "DIRECTORY OTHER"),
        ("tablespace:users", "TABLESPACE USERS"),
    ],
)
def test_names_are_found_as_written_or_in_upper_case(text: str, meant: str) -> None:
    expected = on(meant)
    if meant == "SCHEMA odd.name":
        expected = Securable(expected.kind, schema="odd.name")
    assert list(PLAIN.securables(text)) == [expected]


def test_an_unknown_object_of_a_known_schema_may_be_of_every_kind() -> None:
    found = PLAIN.securables("hr.new")
    assert [str(item.kind) for item in found] == GUESSES
    assert {(item.schema, item.name) for item in found} == {("HR", "NEW")}


@pytest.mark.parametrize(
    "text",
    ["", "nowhere", "nowhere.t", "thing:hr.emp", 'hr."emp', "hr..emp", "a.b.c.d.e", "TABLE:"],
)
def test_what_can_not_be_meant_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        PLAIN.securables(text)
    assert "SCHEMA" in str(caught.value)


def test_an_unknown_schema_is_fine_where_any_privileges_reach_it() -> None:
    rules = OracleAccess(world(user("A", "SELECT ANY TABLE")))
    assert rules.securables("TABLE:new.t") == (on("TABLE NEW.T"),)
    by_dba = OracleAccess(world(user("A", roles=("DBA",))))
    assert by_dba.securables("TABLE:new.t") == (on("TABLE NEW.T"),)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("PDB1.HR.EMP", [on("TABLE HR.EMP", "PDB1")]),
        ("pdb1.hr.emp", [on("TABLE HR.EMP", "PDB1")]),
        ("TABLE:pdb1.hr.emp", [on("TABLE HR.EMP", "PDB1")]),
        ("HR.EMP", [on("TABLE HR.EMP", "PDB1")]),
        ("pdb1.hr", [on("SCHEMA HR", "PDB1")]),
        ("pdb1.hr.emp.pay", [on("COLUMN HR.EMP.PAY", "PDB1")]),
        ("PDB1.server", [on("server", "PDB1")]),
        ("PDB1", [on("server", "PDB1")]),
        ("SERVER:PDB2", [on("server", "PDB2")]),
        ("server", [on("server"), on("server", "PDB1"), on("server", "PDB2")]),
        ("TABLE:pdb2.new.t", [on("TABLE NEW.T", "PDB2")]),
    ],
)
def test_containers_come_first_in_a_path(text: str, meant: list[Securable]) -> None:
    assert list(CDB.securables(text)) == meant


def test_what_is_found_can_be_asked() -> None:
    (securable,) = CDB.securables("pdb1.hr.emp")
    assert CDB.decide("PDB1.PUBLIC", "SELECT", securable).is_allowed
    assert CDB.decide("PDB1.HR", "DROP", securable).is_allowed
    assert not CDB.decide("PDB2.OE", "SELECT", securable).is_allowed
