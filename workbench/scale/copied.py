"""A large fleet in minutes: some instances are synced and reviewed, the others are copies of them.

A copy has the rows of its model under another id and name, so that whatever reads the store finds
what a sync would have left. The accounts of a copy have the names of its model's. All of them were
in another system before, whose history was taken over.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Connection, Date, Table, bindparam, func, select, text, update

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.privilege import Grant, Membership
from sync_pipeline.model.size import Measure, SizeLimit, SizeSnapshot, TableSize
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.settings import Settings
from sync_pipeline.store import schema
from sync_pipeline.store.registry import instance_of
from sync_pipeline.store.sizes.schema import (
    database_size_aggregations,
    database_size_stats,
    instance_databases,
    instance_size_aggregations,
    instance_size_stats,
    size_limits,
    table_size_stats,
)
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.answers.kept_reviews import Reviews
from sync_pipeline.workflows.answers.reviewing import Reviewer
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.unchanged import code_digest
from workbench.benches.store_bench import CREDENTIAL, StoreBench
from workbench.fleet.moved import move_in
from workbench.scale.cases import say
from workbench.scale.filled import FilledFleet, OtherWorld, place_of_store
from workbench.scale.inventories import FleetWorld, changed
from workbench.strategies.any_engine import SHAPES
from workbench.strategies.reviewed_worlds import reviewed_snapshot
from workbench.strategies.sizes import put_snapshots, snapshot_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
_MADE, _CODE = "made.json", "code"
_COPIED: tuple[Table, ...] = (
    schema.instance_accounts,
    schema.instance_worlds,
    schema.instance_reads,
    schema.instance_sections,
    schema.instance_server_facts,
    schema.instance_reviews,
    schema.instance_findings,
    schema.instance_finding_marks,
    schema.instance_finding_counts,
    schema.account_change_log,
    instance_databases,
)
_OF_TEAM = 100
_GRANTS = 240
_EVERYWHERE = 5
_DAYS, _DAYS_OF_A_COPY = 45, 8
_SIZES = (
    database_size_stats,
    instance_size_stats,
    database_size_aggregations,
    instance_size_aggregations,
    size_limits,
    table_size_stats,
)


@dataclass(frozen=True, slots=True)
class CopiedFleet:
    """So many instances, the engines in turn, with so many accounts; `models` are no copies."""

    instances: int = 10_000
    accounts: int = 100
    models: int = 100
    sessions: int = 30
    seed: int = 0

    def instance(self, number: int) -> Instance:
        """Return an instance by its number; a copy has the engine of its model."""
        engines = tuple(EngineName)
        environment = ("production", "test", "staging")[number % 3]
        return Instance(
            0,
            f"{environment[:4]}-{number * 7919 % self.instances:05}",
            engines[number % self.models % len(engines)],
            f"host-{number:05}.example",
            5432,
            CREDENTIAL.name,
            tags=(f"region={'ew'[number % 2]}", f"team=t{number // _OF_TEAM:03}"),
            environment=environment,
        )


@contextmanager
def copied_fleet(directory: Path, kind: str, fleet: CopiedFleet) -> Iterator[FilledFleet]:
    """Yield the store of a directory, made if it is new; what is there from before is kept.

    Raises:
        OtherWorld: it was filled with something else.
    """
    made = directory / _MADE
    asked = json.dumps({"store": kind, **asdict(fleet)})
    if made.exists() and made.read_text() != asked:
        raise OtherWorld(f"{directory} holds {made.read_text()}, not {asked}.")
    with place_of_store(directory, kind) as filled:
        if not made.exists():
            fill(filled.url, fleet)
            made.write_text(asked)
        _settle(filled.url, directory / _CODE)
        yield filled


def _settle(url: str, noted: Path) -> None:
    """Let what is kept of reviews be of this version's code and of this day, as syncs would."""
    store = Store.open(url)
    deps = SyncDeps(store, NoSecrets(), Settings(store_url=""), lambda: datetime.now(UTC))
    try:
        if not noted.exists() or noted.read_text() != code_digest():
            with store._database.write() as connection:
                _rebase(connection, deps)
                marks = schema.instance_finding_marks
                connection.execute(update(marks).values(basis=Counting.of(deps).basis))
        for _ in Reviews(deps, with_findings=False).of(_in_order(store)):
            pass  # Each is kept that did not hold any more.
    finally:
        store.close()
    noted.write_text(code_digest())


def fill(url: str, fleet: CopiedFleet, measured_until: date | None = None) -> None:
    """Write a fleet into a store that is empty, with sizes until a day, or until yesterday."""
    store = Store.open(url)
    try:
        bench = StoreBench(store, START)
        store.registry.put_credential(CREDENTIAL, START)
        count = min(fleet.models, fleet.instances)
        store.registry.put_instances([fleet.instance(number) for number in range(count)], START)
        _sync(bench, fleet, _in_order(store))
        last = measured_until or datetime.now(UTC).date() - timedelta(days=1)
        _measure(store, fleet, _in_order(store), last)
        deps = SyncDeps(store, NoSecrets(), Settings(store_url=""), lambda: datetime.now(UTC))
        review_of(deps, _in_order(store))
        say(f"{count} models are written")
        more = [fleet.instance(number) for number in range(count, fleet.instances)]
        for begin in range(0, len(more), 1000):
            store.registry.put_instances(more[begin : begin + 1000], START)
        with store._database.write() as connection:
            if not store._database.is_sqlite:
                # What is copied refers to what is there: to look for it takes half of the time.
                connection.execute(text("SET LOCAL session_replication_role = replica"))
            _copy(connection, _in_order(store)[0].id, count)
            _copy_sizes(connection, last)
            say("the others are copies of them")
            _add_sessions(connection, fleet)
        move_in(store, [(item, "moved") for item in _in_order(store)], fleet.seed, bench.now)
        with store._database.write() as connection:
            connection.execute(text("ANALYZE"))
    finally:
        store.close()


def _in_order(store: Store) -> list[Instance]:
    """Return the instances in the order in which they were registered."""
    return sorted(store.registry.instances(), key=lambda item: item.id)


def _sync(bench: StoreBench, fleet: CopiedFleet, models: Sequence[Instance]) -> None:
    """Sync the models twice: the second time an account was granted one privilege more."""
    for turn in range(2):
        bench.now = START + timedelta(minutes=30 * (turn + 1))
        session = bench.open(list(models))
        for number, item in enumerate(models):
            found = _snapshot(fleet, number, item, bench.now)
            claim = bench.claim(session, item)
            bench.apply_snapshot(claim, item, changed(found, bench.now) if turn else found)


def _measure(store: Store, fleet: CopiedFleet, models: Sequence[Instance], last: date) -> None:
    """Write the days of a month and a half up to the last one, and aggregate them."""
    days = [last - timedelta(days=back) for back in range(_DAYS)]
    for number, item in enumerate(models):
        chance = random.Random(f"{fleet.seed} {number} sizes")
        sizes = {name: chance.randrange(10**8, 10**12) for name in ("shop", "hr", f"own_{number}")}
        rates = {name: chance.randrange(10**5, 10**9) for name in sizes}
        found: dict[date, SizeSnapshot] = {}
        for passed, day in enumerate(reversed(days)):
            now = {
                name: (Measure.known(size + rates[name] * passed),) * 3
                for name, size in sizes.items()
            }
            found[day] = _with_table(snapshot_of(day, now))
        put_snapshots(store, item.id, found)
        store.size_queries.put_limit(SizeLimit(item.name, "shop", sizes["shop"] + 10**11))
    identifiers = tuple(item.id for item in models)
    for kind in PeriodType:
        periods = PeriodRange.between(kind, min(days), last)
        store.aggregations.compute(
            [AggregationRequest(identifiers, periods, last, 5.0, datetime.now(UTC))]
        )


def _with_table(measured: SizeSnapshot) -> SizeSnapshot:
    """Return what was measured, with one table in each database."""
    table = TableSize("public", "orders", 10**6, 9 * 10**5, 10**5)
    found = tuple(replace(item, tables=(table,)) for item in measured.databases)
    return replace(measured, databases=found)


def _snapshot(fleet: CopiedFleet, number: int, item: Instance, now: datetime) -> Snapshot:
    """Return what is found on a model: of two engines as in any large fleet, of others alike."""
    if item.engine in (EngineName.POSTGRESQL, EngineName.MARIADB):
        world = FleetWorld(fleet.instances, fleet.accounts, _GRANTS, fleet.seed)
        # In its world the two take turns.
        return world.snapshot(2 * number + (item.engine is EngineName.MARIADB), now)
    chance = random.Random(f"{fleet.seed} {number}")
    found = reviewed_snapshot(chance, item.engine, now)
    places = range(fleet.accounts - len(found.accounts))
    users = (_user(chance, item.engine, number, place) for place in places)
    return replace(found, accounts=(*found.accounts, *users))


def _user(chance: random.Random, engine: EngineName, number: int, place: int) -> AccountState:
    name = f"u{place}" if place < _EVERYWHERE else f"i{number}_u{place}"
    shape = SHAPES[engine]
    own = {
        EngineName.MYSQL: f"'{name}'@'10.0.0.%'",
        EngineName.SQLSERVER: f"[shop].[{name}]",
        EngineName.ORACLE: name.upper(),
    }
    return AccountState(
        own[engine],
        AccountKind.USER,
        can_login=True,
        is_locked=chance.randrange(50) == 0,
        is_superuser=chance.randrange(100) == 0,
        memberships=(Membership(shape.names[2], default=True),) if chance.randrange(2) else (),
        grants=(Grant(chance.choice(shape.securables[1:]), "SELECT"),),
        database="shop" if engine is EngineName.SQLSERVER else "",
    ).canonical()


def _copy(connection: Connection, first: int, count: int) -> None:
    """Write the rows of every copy, from those of its model: of the first `count` ids."""
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE copies AS SELECT id AS new_id, "
            f"(id - {first}) % {count} + {first} AS model_id FROM instances "
            f"WHERE id >= {first + count}"
        )
    )
    for table in _COPIED:
        names = [item.name for item in table.c if item.name not in ("id", "instance_id")]
        kept = ", ".join(f'"{name}"' for name in names)
        connection.execute(
            text(
                f"INSERT INTO {table.name} (instance_id, {kept}) SELECT c.new_id, {kept} "
                f"FROM copies c JOIN {table.name} ON instance_id = c.model_id"
            )
        )
    names = [item.name for item in schema.account_permissions.c if item.name != "account_id"]
    kept = ", ".join(names)
    connection.execute(
        text(
            f"INSERT INTO account_permissions (account_id, {kept}) SELECT new.id, {kept} "
            "FROM copies c JOIN instance_accounts old ON old.instance_id = c.model_id "
            "JOIN account_permissions ON account_id = old.id JOIN instance_accounts new "
            "ON new.instance_id = c.new_id AND new.account_name = old.account_name"
        )
    )
    connection.execute(
        text(
            "UPDATE instances SET (server_version, last_connected_at) = ("
            "SELECT m.server_version, m.last_connected_at FROM instances m "
            f"WHERE m.id = (instances.id - {first}) % {count} + {first})"
        )
    )


def _copy_sizes(connection: Connection, last: date) -> None:
    """Write what each copy was measured in the last days, and what is aggregated of all."""
    since = last - timedelta(days=_DAYS_OF_A_COPY)
    for table in _SIZES:
        own = ("instance_id", "database_id")
        names = [item.name for item in table.c if item.name not in own]
        mine, into = ", ".join(f"old.{name}" for name in names), ", ".join(names)
        joined, keys, ids = "", "instance_id", "c.new_id"
        if "database_id" in table.c:
            keys, ids = "instance_id, database_id", "c.new_id, theirs.id"
            joined = (
                "JOIN instance_databases ours ON ours.id = old.database_id "
                "JOIN instance_databases theirs ON theirs.instance_id = c.new_id "
                "AND theirs.database_name = ours.database_name"
            )
        asked = text(
            f"INSERT INTO {table.name} ({keys}, {into}) SELECT {ids}, {mine} FROM copies c "
            f"JOIN {table.name} old ON old.instance_id = c.model_id {joined} "
            + ("WHERE old.collected_date > :since" if "collected_date" in table.c else "")
        )
        if "collected_date" in table.c:
            asked = asked.bindparams(bindparam("since", since, type_=Date()))
        connection.execute(asked)


def _rebase(connection: Connection, deps: SyncDeps) -> None:
    """Say of each copy's review that it is of this one: its name is among what it depends on."""
    reviewer = Reviewer.of(deps)
    reviews = schema.instance_reviews
    rows = connection.execute(schema.instances.select()).all()
    for item in map(instance_of, rows):
        own = reviews.c.instance_id == item.id
        connection.execute(update(reviews).where(own).values(basis=reviewer.basis(item)))


def _add_sessions(connection: Connection, fleet: CopiedFleet) -> None:
    """Write sessions of the whole fleet, in each of which some instances failed."""
    sessions = schema.sync_sessions
    for number in range(fleet.sessions):
        session_id = str(uuid5(NAMESPACE_OID, f"{fleet.seed} {number}"))
        began = START + timedelta(minutes=30 * (number + 3))
        ended = began + timedelta(minutes=5)
        is_failed = f"id % 97 = {number % 97}"
        count = select(func.count()).select_from(schema.instances)
        failed = connection.scalar(count.where(text(is_failed))) or 0
        total = connection.scalar(count) or 0
        connection.execute(
            sessions.insert().values(
                session_id=session_id,
                sync_type="scheduled_task",
                sync_category="account",
                status="failed",
                started_at=began,
                completed_at=ended,
                total_instances=total,
                successful_instances=total - failed,
                failed_instances=failed,
                skipped_instances=0,
                cancelled_instances=0,
                job_name="account_sync",
                run_id=session_id,
            )
        )
        moments = {"began": began, "ended": ended}
        typed = [bindparam(name, type_=schema.UtcDateTime()) for name in moments]
        connection.execute(
            text(
                "INSERT INTO sync_instance_records (session_id, instance_id, attempt, run_id, "
                "status, started_at, error_kind, error_message, instance_name, sync_category, "
                "completed_at, items_synced, items_created, items_updated, items_deleted, "
                f"sync_details) SELECT '{session_id}', id, 1, '{session_id}', "
                f"CASE WHEN {is_failed} THEN 'failed' ELSE 'completed' END, :began, "
                f"CASE WHEN {is_failed} THEN 'connect' END, "
                f"CASE WHEN {is_failed} THEN 'The server refused.' END, name, 'account', :ended, "
                f"{fleet.accounts}, 0, 0, 0, '{{}}' FROM instances"
            ).bindparams(*typed),
            moments,
        )
    say(f"{fleet.sessions} sessions are written")
