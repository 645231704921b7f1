"""Comparing what changed alone leaves what comparing all leaves.

What a server answers is made up here, row by row, so that it can change in any way between two
syncs. One store compares what changed alone, the other all; both must hold the same after.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.engines.base import DatabaseEntry, Query
from sync_pipeline.engines.postgresql.accounts import parse
from sync_pipeline.engines.postgresql.engine import (
    DATABASE_ACLS,
    MEMBERSHIPS,
    ROLES,
    SERVER_ACLS,
    SETTINGS,
    PostgreSql,
)
from sync_pipeline.engines.wire.rows import PackedRows
from sync_pipeline.errors import SuspiciousSnapshot
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.snapshot import SectionStatus, ServerIdentity
from sync_pipeline.store.schema import instance_holders
from sync_pipeline.workflows.syncing import accounts
from sync_pipeline_tests.integration.test_unchanged import CLASSES, Twins, twins_of

NAMES = ("app", "web", "etl", "dba", "pg_x", "public")
HOLDERS = (*NAMES, "ghost")
BASES = ("one", "two")
SEED, SYNCS = 5, 40
RAW = r"\xe9t\xe9"
ODD = (("table", "t", "FLY"), ("relation", "t", "OWNER"), ("table", RAW, "SELECT"))
SERVER = ServerIdentity("PostgreSQL 18.1", (18, 1))


@dataclass
class Catalog:
    """The rows of a made-up server, by query and database, and what can't be read of it."""

    rng: random.Random
    rows: dict[tuple[str, str], dict[tuple[Any, ...], None]] = field(default_factory=dict)
    unreadable: set[str] = field(default_factory=set)
    bases: set[str] = field(default_factory=lambda: set(BASES))
    server: ServerIdentity = SERVER

    def read(self, observed_at: Any) -> AccountReading:
        found = AccountReading(PostgreSql(), self.server, "u", observed_at)
        found.entries = tuple(DatabaseEntry(name, is_readable=True) for name in sorted(self.bases))
        for query in found.engine.account_queries:
            for base in sorted(self.bases) if query.per_database else [""]:
                if base in self.unreadable:
                    found.report(query.fills, base, SectionStatus.FAILED, "It was not read.")
                    continue
                found.rows.put(query, base, self._packed(query, base))
                found.report(query.fills, base, SectionStatus.READ)
        found.warnings += [f"not read: {base}" for base in sorted(self.unreadable & self.bases)]
        return found

    def _packed(self, query: Query[Any], base: str) -> PackedRows:
        rows = sorted(self.rows.get((query.name, base), ()), key=repr)
        if query is not ROLES:  # warnings name accounts in the order of these
            self.rng.shuffle(rows)
        packed = PackedRows()
        for begin in range(0, len(rows), 3):
            packed.add(query.columns, rows[begin : begin + 3])
        return packed

    def turn(self, query: Query[Any], base: str, row: tuple[Any, ...]) -> None:
        """Put a row there, or take it away."""
        rows = self.rows.setdefault((query.name, base), {})
        if row in rows:
            del rows[row]
        else:
            rows[row] = None

    def put_role(self, name: str, *, limit: int = -1, can_login: bool = True) -> None:
        self.drop_role(name)
        row = (name, name == "dba", True, False, False, can_login, False, False, limit, None, False)
        self.turn(ROLES, "", row)

    def put_odd(self, kind: str, table: str, privilege: str, *, holder: str) -> None:
        """Put a grant there that is told in a warning."""
        rows = self.rows.setdefault((DATABASE_ACLS[1].name, BASES[0]), {})
        rows[kind, "", "s", table, "", holder, "", privilege, True] = None

    def drop_odd(self) -> None:
        rows = self.rows.get((DATABASE_ACLS[1].name, BASES[0]), {})
        for row in [row for row in rows if row[8]]:
            del rows[row]

    def drop_role(self, name: str) -> None:
        rows = self.rows.setdefault((ROLES.name, ""), {})
        for row in [row for row in rows if row[0] == name]:
            del rows[row]


def steps(catalog: Catalog, twins: Twins) -> Sequence[Callable[[], None]]:
    """Return what may happen to the server between two syncs."""
    rng = catalog.rng
    name, other, base = rng.choice(NAMES[:-1]), rng.choice(NAMES[:-1]), rng.choice(BASES)

    def grant(privilege: str = "") -> Callable[[], None]:
        query = rng.choice(DATABASE_ACLS)
        chosen = privilege or rng.choice(["SELECT", "INSERT", "OWNER"])
        table, holder = f"t{rng.randrange(3)}", rng.choice(HOLDERS)
        row = ("table", "", "s", table, "", holder, other, chosen, False)
        return lambda: catalog.turn(query, base, row)

    def on_server() -> None:
        row = ("database", base, "", "", "", rng.choice(HOLDERS), "dba", "CONNECT", False)
        catalog.turn(SERVER_ACLS[0], "", row)

    member = (name, other, "dba", rng.random() < 0.5, True, True)
    return [
        lambda: None,
        *(grant() for _ in range(12)),
        *[on_server] * 2,
        grant("ROW SECURITY"),
        lambda: catalog.put_odd(*rng.choice(ODD), holder=rng.choice(HOLDERS)),
        lambda: catalog.put_role(name, limit=rng.randrange(3)),
        lambda: catalog.put_role(name, can_login=False),
        lambda: catalog.drop_role(name),
        lambda: catalog.turn(MEMBERSHIPS, "", member),
        lambda: catalog.turn(SETTINGS, "", (base, rng.choice([name, ""]), "work_mem=1MB")),
        lambda: catalog.unreadable.symmetric_difference_update({base}),
        lambda: catalog.bases.symmetric_difference_update({base}),
        lambda: twins.configure(excluded_accounts=rng.choice([(), ("w%",)])),
    ]


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    made = Catalog(random.Random(SEED))
    for name in ("app", "web", "dba"):
        made.put_role(name)
    monkeypatch.setattr(accounts, "snapshot_of", lambda deps, *_, **__: made.read(deps.clock()))
    return made


@pytest.fixture
def twins(tmp_path: Path) -> Iterator[Twins]:
    server = SimpleNamespace(
        engine=EngineName.POSTGRESQL, host="127.0.0.1", port=1, admin_user="u",
        admin_password="word", database="one",
    )  # fmt: skip
    with twins_of(server, tmp_path) as twins:  # type: ignore[arg-type]
        yield twins


@pytest.fixture
def narrowed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each sync that could have narrowed what it compares did so."""
    found: list[bool] = []
    narrow = accounts.narrowed_sides

    def watched(*arguments: Any) -> Any:
        sides = narrow(*arguments)
        found.append(sides is not None)
        return sides

    monkeypatch.setattr(accounts, "narrowed_sides", watched)
    return found


def test_whatever_changes_both_ways_leave_the_same(
    catalog: Catalog, twins: Twins, narrowed: list[bool], tmp_path: Path
) -> None:
    file = tmp_path / "classes.yaml"
    file.write_text(CLASSES)
    twins.configure(classification_file=file)
    for _ in range(SYNCS):
        if catalog.rng.random() < 0.5:
            catalog.drop_odd()
        for _ in range(catalog.rng.randrange(1, 4)):
            catalog.rng.choice(steps(catalog, twins))()
        try:
            twins.sync()
        except SuspiciousSnapshot:
            for name in ("app", "web"):
                catalog.put_role(name)
    assert narrowed.count(True) > SYNCS / 5, narrowed
    assert False in narrowed


def filled(catalog: Catalog, twins: Twins) -> None:
    """Give each of three accounts grants of its own, and sync."""
    for name in ("app", "web", "dba"):
        for number in range(20):
            row = ("table", "", "s", f"{name}{number}", "", name, "dba", "SELECT", False)
            catalog.turn(DATABASE_ACLS[1], "one", row)
    twins.sync()


def test_one_changed_grant_makes_the_grants_of_its_holder_alone(
    catalog: Catalog, twins: Twins, narrowed: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted, not timed."""
    filled(catalog, twins)
    row = ("table", "", "s", "app1", "", "app", "dba", "UPDATE", False)
    catalog.turn(DATABASE_ACLS[1], "one", row)
    made: list[str] = []
    grant = parse._grant
    monkeypatch.setattr(
        parse, "_grant", lambda item, known: made.append(item.row.grantee) or grant(item, known)
    )
    twins.quick.sync()
    assert narrowed == [True]
    assert made == ["app"] * 21


def test_an_account_that_changed_otherwise_keeps_its_grants(
    catalog: Catalog, twins: Twins, narrowed: list[bool]
) -> None:
    filled(catalog, twins)
    changes: Sequence[Callable[[], None]] = (
        lambda: catalog.put_role("app", limit=3),
        lambda: catalog.turn(MEMBERSHIPS, "", ("app", "web", "dba", False, True, True)),
        lambda: catalog.turn(SETTINGS, "", ("one", "dba", "work_mem=1MB")),
        lambda: catalog.drop_role("web"),
        lambda: catalog.put_role("web"),
    )
    for change in changes:
        change()
        assert twins.sync().changes
    assert narrowed == [True] * len(changes)


@pytest.mark.parametrize("odd", ODD)
def test_a_warning_about_grants_is_said_again_whoever_has_changed(
    odd: tuple[str, str, str], catalog: Catalog, twins: Twins, narrowed: list[bool]
) -> None:
    filled(catalog, twins)
    catalog.put_odd(*odd, holder="app")
    (warning,) = twins.sync().warnings
    row = ("table", "", "s", "web1", "", "web", "dba", "UPDATE", False)
    catalog.turn(DATABASE_ACLS[1], "one", row)
    assert twins.sync().warnings == (warning,)
    catalog.drop_odd()
    assert twins.sync().warnings == ()
    assert narrowed == [True, False, False]


def test_a_grant_that_is_in_another_database_now_is_another(
    catalog: Catalog, twins: Twins, narrowed: list[bool]
) -> None:
    row = ("table", "", "s", "t", "", "app", "dba", "SELECT", False)
    places = [(query, base) for query in DATABASE_ACLS[1:3] for base in BASES]
    for number, place in enumerate(places):
        if number:
            catalog.turn(*places[number - 1], row)
        catalog.turn(*place, row)
        assert twins.sync().changes
    assert narrowed == [True] * 3


def test_accounts_that_something_else_wrote_are_compared_whole(
    catalog: Catalog, twins: Twins, narrowed: list[bool]
) -> None:
    """The rows that were read last are not those that the stored accounts were made of."""
    filled(catalog, twins)
    bench = twins.quick
    before = bench.store.holders.of(bench.instance.id)
    assert before is not None
    catalog.put_role("app", limit=3)
    twins.sync()
    after = bench.store.holders.of(bench.instance.id)
    assert after is not None
    assert (after.basis, after.marks) == (before.basis, before.marks)
    assert after.world != before.world
    with bench.store._database.write() as connection:
        connection.execute(instance_holders.update().values(world=before.world))
    catalog.put_role("app", limit=4)
    twins.sync()
    assert narrowed == [True, False]


def test_what_is_kept_of_holders_is_small_and_damage_costs_a_look(
    catalog: Catalog, twins: Twins, narrowed: list[bool]
) -> None:
    filled(catalog, twins)
    bench = twins.quick
    found = bench.store.holders.of(bench.instance.id)
    assert found is not None
    assert len(found.marks) == 3
    packed = b"".join(key + mark for key, mark in sorted(found.marks.items()))
    assert len(packed) == 3 * 24
    for marks in (b"", packed[1:], packed[:-5], b"x" * 72):
        with bench.store._database.write() as connection:
            connection.execute(instance_holders.update().values(marks=marks))
        catalog.turn(SETTINGS, "", ("one", "dba", "work_mem=1MB"))
        assert twins.sync().changes
    assert narrowed == [True] * 4
