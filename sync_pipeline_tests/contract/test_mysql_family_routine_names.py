"""Routines that were granted to names, or with names, that the server stores without their end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline.model.privilege import SecurableKind
from sync_pipeline_tests.contract.mysql_family import Family
from workbench.servers.running import RunningServer

FITS, LONG = "é" * 16, "日" * 11
TWINS = ("ü" * 20, "ü" * 21)
LONG_ROUTINE = "é" * 33
PASSWORD = "Tr0ub4dor&3"


@pytest.fixture
def family(mysql_family_server: RunningServer) -> Iterator[Family]:
    found = Family(mysql_family_server)
    found.run(
        "CREATE DATABASE cut_d",
        "CREATE PROCEDURE cut_d.p() SELECT 1",
        f"CREATE PROCEDURE cut_d.{LONG_ROUTINE}() SELECT 1",
    )
    found.run(
        *(
            statement
            for name in (FITS, LONG, *TWINS)
            for statement in (
                f"CREATE USER '{name}'@'%' IDENTIFIED BY '{PASSWORD}'",
                f"GRANT EXECUTE ON PROCEDURE cut_d.p TO '{name}'@'%'",
            )
        )
    )
    found.run(f"GRANT EXECUTE ON PROCEDURE cut_d.{LONG_ROUTINE} TO '{FITS}'@'%'")
    yield found
    found.run(
        *(f"DROP USER '{name}'@'%'" for name in (FITS, LONG, *TWINS)),
        "DROP DATABASE cut_d",
        # What the server itself does not find any more.
        "DELETE FROM mysql.procs_priv WHERE Db = 'cut_d'",
        "FLUSH PRIVILEGES",
    )


def test_who_may_run_a_routine_is_found_by_what_is_left_of_the_name(family: Family) -> None:
    found = {state.name: state.grants for state in family.snapshot().accounts}
    seen = {
        name: {
            (grant.privilege, grant.securable.name, grant.recognised)
            for grant in found[f"'{name}'@'%'"]
            if grant.securable.kind is SecurableKind.PROCEDURE
        }
        for name in (FITS, LONG, *TWINS)
    }
    sure, cut = ("EXECUTE", "p", True), ("EXECUTE (cut name)", "p", False)
    long_routine = ("EXECUTE (cut name)", LONG_ROUTINE[:32], False)
    assert seen[FITS] == {sure, long_routine}
    assert seen[LONG] == {sure}
    assert [seen[name] for name in TWINS] == [{cut if family.is_mysql else sure}] * 2
