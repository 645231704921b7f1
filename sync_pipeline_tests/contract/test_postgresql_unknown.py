"""What a PostgreSQL server has that is not known here, shown by real servers.

No newer server can be had: the catalogs of those that are here are changed in the way that a
newer one could have them (superusers may, with allow_system_table_mods), or the engine is
told that it knows less than it does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.errors import QueryError
from sync_pipeline.model.snapshot import Snapshot
from workbench.servers.postgresql_bench import PostgresBench

pytestmark = pytest.mark.postgresql

MODS = "SET allow_system_table_mods = on"


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
