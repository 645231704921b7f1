"""What a PostgreSQL server has that is not known here, shown by real servers.

No newer server can be had: the catalogs of those that are here are changed in the way that a
newer one could have them (superusers may, with allow_system_table_mods), or the engine is
told that it knows less than it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from sync_pipeline.access.judged import Judged
from sync_pipeline.access.questions import access_of
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.errors import QueryError
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.snapshot import SectionStatus, Snapshot
from workbench.servers.postgresql_bench import ENGINE, PostgresBench

pytestmark = pytest.mark.postgresql

MODS = "SET allow_system_table_mods = on"
ON = {"database": "bench", "schema": "public", "catalog": "bench"}


def judged(snapshot: Snapshot) -> Judged:
    states = {state.name: state for state in snapshot.accounts}
    world = AccessWorld(
        "i", EngineName.POSTGRESQL, snapshot.server.version, states, snapshot.sections
    )
    return Judged(world, ENGINE.access_rules(world))


def change(bench: PostgresBench, *statements: str) -> None:
    """Run statements that change the catalogs, in one session."""
    with bench.admin() as link:
        for statement in (MODS, *statements):
            link.execute(statement.encode())


def granted(bench: PostgresBench, snapshot: Snapshot, name: str) -> set[tuple[str, str, bool]]:
    return {
        (str(grant.securable.kind), grant.privilege, grant.recognised)
        for grant in bench.account(name, snapshot).grants
        if grant.securable.catalog == "bench"
    }


def test_a_server_of_today_has_nothing_unknown(bench: PostgresBench) -> None:
    snapshot = bench.collect()
    assert snapshot.warnings == ()
    assert all(not report.reason for report in snapshot.sections.values())
    assert judged(snapshot).unknown() == ()


def test_relations_of_unknown_kinds_are_kept_and_doubted(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE maker",
        "CREATE ROLE reader",
        "CREATE TABLE gadget (id int)",
        "CREATE TABLE plain (id int)",
        "ALTER TABLE gadget OWNER TO maker",
        "GRANT SELECT ON gadget TO reader",
    )
    before = bench.collect()
    change(bench, "UPDATE pg_class SET relkind = 'z' WHERE relname = 'gadget'")
    snapshot = bench.collect()
    assert ("relation", "SELECT", False) in granted(bench, snapshot, "reader")
    assert ("relation", "OWNER", False) in granted(bench, snapshot, "maker")
    (warning,) = snapshot.warnings
    assert "SELECT on relation" in warning
    rules = judged(snapshot).rules
    gadget = Securable(SecurableKind.RELATION, name="gadget", **ON)
    assert rules.decide("reader", "UPDATE", gadget).unknown
    plain = Securable(SecurableKind.TABLE, name="plain", **ON)
    known = judged(before).rules.decide("reader", "UPDATE", plain)
    assert rules.decide("reader", "UPDATE", plain).unknown == known.unknown == ()


def test_a_property_graph_is_read_as_19_has_them(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE maker",
        "CREATE TABLE graph (id int)",
        "ALTER TABLE graph OWNER TO maker",
        "CREATE ROLE reader",
        "CREATE TABLE given (id int)",
        "GRANT SELECT ON given TO reader",
    )
    change(bench, "UPDATE pg_class SET relkind = 'g' WHERE relname IN ('graph', 'given')")
    snapshot = bench.collect()
    assert granted(bench, snapshot, "reader") == {("property graph", "SELECT", True)}
    assert granted(bench, snapshot, "maker") == {
        ("property graph", "SELECT", True),
        ("property graph", "OWNER", True),
    }
    assert snapshot.warnings == ()


def test_routines_and_defaults_of_unknown_kinds_are_flagged(bench: PostgresBench) -> None:
    bench.run(
        "CREATE ROLE maker",
        "CREATE ROLE reader",
        "CREATE FUNCTION gadget() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT EXECUTE ON FUNCTION gadget() TO reader",
        "ALTER DEFAULT PRIVILEGES FOR ROLE maker GRANT SELECT ON TABLES TO reader",
    )
    change(
        bench,
        "UPDATE pg_proc SET prokind = 'z' WHERE proname = 'gadget'",
        "UPDATE pg_default_acl SET defaclobjtype = 'z'",
    )
    snapshot = bench.collect()
    assert ("routine", "EXECUTE", False) in granted(bench, snapshot, "reader")
    assert ("default privilege", "SELECT", False) in granted(bench, snapshot, "reader")
    names = {grant.securable.name for grant in bench.account("reader", snapshot).grants}
    assert "objects of kind z of maker" in names


@contextmanager
def made(bench: PostgresBench, make: str, end: str) -> Iterator[None]:
    """Have something in the catalog of the database that is read first."""
    with bench.admin("postgres") as link:
        link.execute(MODS)
        link.execute(make.encode())
        try:
            yield
        finally:
            link.execute(end.encode())


def test_a_new_access_control_list_makes_no_answer_certain(newest_bench: PostgresBench) -> None:
    bench = newest_bench
    bench.run("CREATE ROLE reader LOGIN")
    before = bench.collect()
    table = "pg_catalog.pg_gadget"
    with made(bench, f"CREATE TABLE {table} (gadgetacl aclitem[])", f"DROP TABLE {table}"):
        snapshot = bench.collect()
    key = SectionKey(SectionName.ACCOUNTS)
    assert snapshot.sections[key].status is SectionStatus.READ
    assert snapshot.is_known(key)
    (warning,) = snapshot.warnings
    assert "pg_gadget.gadgetacl" in warning
    found = access_of(judged(snapshot), "reader")
    assert [gap for gap in found.gaps if "pg_gadget.gadgetacl" in gap]
    # It costs a warning, and changes no account.
    assert snapshot.accounts == before.accounts
    assert bench.collect().warnings == ()


def test_an_unknown_predefined_role_is_doubted_with_its_members(
    newest_bench: PostgresBench,
) -> None:
    bench = newest_bench
    bench.run("CREATE ROLE gadget", "CREATE ROLE reader LOGIN", "GRANT gadget TO reader")
    rename = "UPDATE pg_authid SET rolname = '{}' WHERE rolname = '{}'"
    make, end = rename.format("pg_gadget", "gadget"), rename.format("gadget", "pg_gadget")
    with made(bench, make, end):
        snapshot = bench.collect()
    (warning,) = snapshot.warnings
    assert "predefined role pg_gadget" in warning
    on = Securable(SecurableKind.DATABASE, "bench")
    assert "pg_gadget" in judged(snapshot).rules.decide("reader", "CREATE", on).unknown[-1]


def test_a_newer_server_is_read_and_said(
    newest_bench: PostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest_bench.run("CREATE ROLE reader LOGIN")
    before = newest_bench.collect()
    # The server is real, and the engine knows one line less than it did.
    monkeypatch.setattr(PostgreSql, "newest_tried", (newest_bench.major - 1,))
    snapshot = newest_bench.collect()
    assert snapshot.accounts == before.accounts
    (warning,) = snapshot.warnings
    assert warning.startswith(f"The server is PostgreSQL {newest_bench.major}")
    found = access_of(judged(snapshot), "reader")
    (gap,) = (item for item in found.gaps if "which were not tried" in item)
    assert replace(found, gaps=()) == replace(access_of(judged(before), "reader"), gaps=())
    assert gap.startswith("i: Not known")


def test_accounts_that_a_newer_server_keeps_otherwise_end_the_sync_with_what_to_do(
    newest_bench: PostgresBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = "ALTER VIEW pg_catalog.pg_roles RENAME COLUMN {} TO {}"
    make = rename.format("rolconnlimit", "rolgadget")
    with made(newest_bench, make, rename.format("rolgadget", "rolconnlimit")):
        with pytest.raises(QueryError) as known:
            newest_bench.collect()
        monkeypatch.setattr(PostgreSql, "newest_tried", (newest_bench.major - 1,))
        with pytest.raises(QueryError) as newer:
            newest_bench.collect()
    assert "rolconnlimit" in str(known.value)
    assert known.value.hint is None
    assert "upgrade sync_pipeline" in str(newer.value)
