"""A fleet of two teams, which share sessions and a store, and know nothing of each other.

Whatever belongs to a team has its word in it: names of instances, accounts, databases, hosts,
environments, errors, reasons. Each instance is filled by its own chance, so that a store with one
team alone holds the same of it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.maintenance import NewWindow
from sync_pipeline.model.period import PeriodRange, PeriodType
from sync_pipeline.model.session import RecordOutcome, RecordStatus, SessionStatus, SyncCategory
from sync_pipeline.model.size import DatabaseSize, Measure, SizeLimit, SizeSnapshot, TableSize
from sync_pipeline.model.snapshot import Snapshot
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.store_bench import CREDENTIAL, StoreBench
from workbench.fleet.moved import move_in
from workbench.strategies.reviewed_worlds import reviewed_snapshot
from workbench.strategies.sizes import SERVER, noon, put_snapshots

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
HOSTILE = (
    "<script>alert('x')</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7 * 7 }}",
    "pg\u202egnillib",
    "n\x00ull\x1b[2J\u200b",
    "=HYPERLINK(1)",
    "long" * 2500,
    "a/b?c=d&e#f%2e",
)
DAYS_MEASURED = 24


@dataclass(frozen=True)
class Team:
    """A team: its word, its tag, and how many instances it has."""

    word: str
    instances: int = 4
    hostile: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        return f"team={self.word}"


def fill(
    store: Store,
    teams: Sequence[Team],
    seed: int,
    sessions: int = 6,
    findings_file: Path | None = None,
    *,
    is_moved: bool = False,
) -> None:
    """Write the teams' instances and some sessions over all of them, the last one lately.

    `is_moved`: another system had the same fleet before.
    """
    bench = StoreBench(store, NOW - timedelta(hours=sessions))
    fleet = _registered(bench, teams, seed)
    for number in range(sessions):
        bench.now = NOW - timedelta(minutes=30 * (sessions - number))
        _sync(bench, fleet, f"{seed}-{number}")
    for instance, team in fleet:
        chance = random.Random(f"{seed}{instance.name}end")
        names = [f"{team.word}_db{number}" for number in range(chance.randint(0, 3))]
        day = NOW.date() if chance.random() < 0.8 else date(2026, 11, 1)
        _measure(store, instance, (*names, *team.hostile[::3]) if names else (), day)
        _hold(store, instance, team, chance)
    if is_moved:
        move_in(store, [(item, team.word) for item, team in fleet], seed, NOW)
    # As syncs do: what is kept of reviews is read by who asks.
    settings = Settings(findings_file=findings_file)
    deps = SyncDeps(store, NoSecrets(), settings, lambda: NOW)
    review_of(deps, store.registry.instances(include_inactive=False))


def _registered(bench: StoreBench, teams: Sequence[Team], seed: int) -> list[tuple[Instance, Team]]:
    bench.store.registry.put_credential(CREDENTIAL, bench.now)
    found: list[tuple[Instance, Team]] = []
    for team in teams:
        # A team after the other: the ids of the later ones are others where there are more.
        made = [_instance(team, number, seed) for number in range(team.instances)]
        for item in made:
            bench.store.registry.put_instances([item], bench.now)
            known = bench.store.registry.instance(item.name)
            assert known is not None
            found.append((known, team))
    return found


def _instance(team: Team, number: int, seed: int) -> Instance:
    chance = random.Random(f"{seed}{team.word}{number}")
    # Names of the teams stand between each other's, so that each page has some of both.
    hostile = team.hostile[number] if number < min(len(team.hostile), team.instances // 2) else ""
    name = hostile[:200] or f"{chance.choice('abcxyz')}{number}-{team.word}"
    return Instance(
        0,
        name,
        chance.choice(list(EngineName)),
        f"{team.word}{number}.example",
        5432,
        CREDENTIAL.name,
        tags=tuple(sorted({team.tag, *([f"tier={team.word}"] if chance.random() < 0.5 else [])})),
        environment=chance.choice([None, "production", f"{team.word}-test"]),
        description=f"of {team.word}" if chance.random() < 0.5 else None,
        is_active=chance.random() < 0.9,
    )


def _sync(bench: StoreBench, fleet: Sequence[tuple[Instance, Team]], key: str) -> None:
    chosen = [
        (item, team) for item, team in fleet if random.Random(f"{key}{item.name}").random() < 0.8
    ]
    if not chosen:
        return
    session_id = str(uuid5(NAMESPACE_OID, key))
    session = bench.open([item for item, _ in chosen], session_id)
    for item, team in chosen:
        chance = random.Random(f"{key}{item.name}work")
        claim = bench.claim(session, item)
        luck = chance.random()
        if luck < 0.7:
            bench.apply_snapshot(claim, item, _snapshot(bench, item, team, chance))
        elif luck < 0.95:
            status = RecordStatus.FAILED if luck < 0.9 else RecordStatus.SKIPPED
            bench.store.sessions.finish(
                claim,
                RecordOutcome(status, error_kind="connect", error_message=f"{team.word} refused"),
                bench.now,
            )
    bench.store.sessions.close_run(session_id, session_id, SessionStatus.FAILED, None, bench.now)


def _snapshot(bench: StoreBench, item: Instance, team: Team, chance: random.Random) -> Snapshot:
    found = reviewed_snapshot(chance, item.engine, bench.now)
    own = [
        AccountState(name[:10_000], AccountKind.USER, can_login=True, is_superuser=luck < 0.3)
        for name in (f"{team.word}_app", f"{team.word}_{item.host}", "shared", *team.hostile)
        if (luck := chance.random()) < 0.8
    ]
    return replace(found, accounts=(*found.accounts, *own))


def _measure(store: Store, item: Instance, names: Sequence[str], last: date) -> None:
    """Write sizes of the days to the last one, some of them missing, with limits and periods."""
    if not names:
        return
    chance = random.Random(f"{item.name}sizes")
    rate = chance.randrange(10**8, 10**9)
    days = {}
    for back in range(DAYS_MEASURED):
        if chance.random() < 0.8:
            day = last - timedelta(days=back)
            databases = (_database(name, rate * (100 - back), chance) for name in names)
            days[day] = SizeSnapshot(SERVER, noon(day), tuple(databases))
    put_snapshots(store, item.id, days)
    for database in ("", names[0]):
        store.size_queries.put_limit(SizeLimit(item.name, database, rate * chance.randint(90, 500)))
    for kind in PeriodType:
        periods = PeriodRange.between(kind, min(days), max(days))
        request = AggregationRequest((item.id,), periods, NOW.date(), 5.0, NOW)
        store.aggregations.compute([request])


def _database(name: str, size: int, chance: random.Random) -> DatabaseSize:
    if chance.random() < 0.05:
        return DatabaseSize(name, Measure.unreachable(f"{name} is closed"))
    data, index = size + chance.randrange(10**7), size // 9
    table = TableSize("public", f"{name}_orders", data, data - index, index)
    total = Measure.known(data + index)
    return DatabaseSize(name, total, Measure.known(data), Measure.known(index), tables=(table,))


def _hold(store: Store, item: Instance, team: Team, chance: random.Random) -> None:
    if chance.random() < 0.3:
        store.maintenance.start(
            NewWindow(NOW - timedelta(hours=1), NOW + timedelta(hours=1), f"{team.word} works",
                      instance_id=item.id)
        )  # fmt: skip
    if chance.random() < 0.4:
        failed = Streak(item.id, SyncCategory.ACCOUNT, 1, NOW, "connect", f"{team.word} is away")
        for number in range(4):
            store.streaks.lengthen(failed, f"s{number}")
