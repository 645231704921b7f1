"""What is kept of sums is what adding up gives, after whatever was written, on both stores."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import RowMapping, and_, create_engine, event, select, text

from sync_pipeline.model.aggregation import AggregationRequest
from sync_pipeline.model.finding import Severity, Suppression
from sync_pipeline.model.finding_totals import CountedQuestion
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.page import InstanceQuestion
from sync_pipeline.model.period import Period, PeriodRange, PeriodType
from sync_pipeline.model.size import Measure, SizeLimit
from sync_pipeline.model.viewer import Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.console import findings as stored
from sync_pipeline.store.console.finding_parts import FindingParts
from sync_pipeline.store.schema import (
    instance_findings,
    instance_reviews,
    instance_tags,
    instances,
)
from sync_pipeline.store.sizes.schema import (
    database_size_aggregations,
    instance_databases,
    instance_size_aggregations,
    size_limits,
)
from sync_pipeline.store.store import Store
from sync_pipeline.store.tags import digest_of
from sync_pipeline.store.topics import PARTS
from sync_pipeline.web.serve import NoSecrets, reading
from sync_pipeline.workflows.answers.finding_rules import Counting
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.console import findings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline_tests.integration.test_console_scale import Explained
from sync_pipeline_tests.integration.test_console_teams import LIMITED, OTHER, OWN
from workbench.benches.store_bench import StoreBench
from workbench.fleet.teams import NOW, fill
from workbench.running.asked_pages import Pages
from workbench.strategies.reviewed_worlds import reviewed_snapshot
from workbench.strategies.sizes import put_snapshots, snapshot_of

STEPS = 8
REACHES = Reach(), Reach((OWN.tag,)), Reach((OTHER.tag, OWN.tag))
ASKED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/today", {}),
    ("/causes", {}),
    ("/causes", {"severity": "high", "rule": "superuser"}),
    ("/causes", {"by": "tag", "environment": "production"}),
    ("/findings", {"tag": OWN.tag}),
    ("/capacity", {"sort": "until"}),
    ("/capacity", {"period": "month", "environment": "production"}),
    ("/capacity", {"sort": "-until", "by": "instances", "period": "month"}),
)
TOPICS = {
    "instance_finding_counts": "findings",
    "instance_finding_marks": "findings",
    "database_size_stats": "sizes",
    "instance_size_stats": "sizes",
    "table_size_stats": "sizes",
    "tablespace_size_stats": "sizes",
    "database_size_aggregations": "periods",
    "instance_size_aggregations": "periods",
    "size_limits": "periods",
    "instances": "registry",
}
_WRITES = re.compile(r"(?:INSERT INTO|DELETE FROM|UPDATE) \"?(\w+)")


@dataclass
class Watched:
    """Sees that who writes what sums are of writes its mark after it, in the same transaction."""

    store: Store
    wrote: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    count: int = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        engine = self.store._database.engine
        event.listen(engine, "before_cursor_execute", self._note)
        event.listen(engine, "commit", self._commit)
        try:
            yield
        finally:
            event.remove(engine, "before_cursor_execute", self._note)
            event.remove(engine, "commit", self._commit)

    def _note(self, _: Any, __: Any, statement: str, values: Any, *___: object) -> None:
        written = _WRITES.search(statement)
        if written is None:
            return
        name = written[1]
        if name == "topic_marks":
            self.wrote.append(str(values))
        # A sync notes in its instance when it was reached and is back, which no sum is of.
        elif name in TOPICS and "last_connected_at=" not in statement:
            self.wrote.append(f"table {name}")

    def _commit(self, _: object) -> None:
        for place, item in enumerate(self.wrote):
            word, _, name = item.partition(" ")
            if word == "table":
                self.count += 1
                topic = f"'{TOPICS[name]}'"
                if not any(topic in later for later in self.wrote[place:]):
                    self.wrong.append(f"{name}: {self.wrote}")
        self.wrote.clear()


@dataclass
class History:
    """Writes to a store whatever a fleet may bring, by chance; `now` is the clock of all."""

    store: Store
    chance: random.Random
    now: datetime = NOW
    accepted: list[int] = field(default_factory=list)

    def step(self) -> str:
        """Do one thing, and return which."""
        steps = (
            *(self.sync, self.review, self.review, self.limit, self.limit, self.aggregate),
            *(self.accept, self.take_back, self.change, self.remove, self.prune, self.later),
            self.elsewhere,
        )
        done = self.chance.choice(steps)
        done()
        return done.__name__

    def _instance(self) -> Instance:
        return self.chance.choice(self.store.registry.instances())

    def sync(self) -> None:
        """Find other accounts; nobody reviews them yet."""
        item, bench = self._instance(), StoreBench(self.store, self.now)
        found = reviewed_snapshot(self.chance, item.engine, self.now)
        bench.apply_snapshot(bench.claim(bench.open([item]), item), item, found)

    def review(self) -> None:
        deps = SyncDeps(self.store, NoSecrets(), Settings(), lambda: self.now)
        review_of(deps, self.store.registry.instances(include_inactive=False))

    def limit(self) -> None:
        item = self._instance()
        known = [found.name for found in self.store.sizes.known(item.id)]
        name = self.chance.choice(["", "never seen", *known])
        size = self.chance.choice([0, 10**9, 10**12, 5 * 10**12])
        self.store.size_queries.put_limit(SizeLimit(item.name, name, size))

    def aggregate(self) -> None:
        """Measure a database more, on some days, and aggregate them."""
        item, last = self._instance(), self.now.date()
        days = {last - timedelta(days=back): 10**9 * self.chance.randint(1, 99) for back in (1, 8)}
        put_snapshots(
            self.store,
            item.id,
            {day: snapshot_of(day, {"more": (Measure.known(n),) * 3}) for day, n in days.items()},
        )
        kind = self.chance.choice(list(PeriodType))
        periods = PeriodRange.between(kind, min(days), last)
        self.store.aggregations.compute(
            [AggregationRequest((item.id,), periods, last, 5.0, self.now)]
        )

    def accept(self) -> None:
        rule = self.chance.choice(["superuser", "dangerous-privilege"])
        name = self.chance.choice(["%", self._instance().name])
        until = self.now.date() + timedelta(days=9)
        new = Suppression(rule, "known", until, name, "%", given_at=self.now, given_by="ann")
        self.accepted.append(self.store.acceptances.give(new, self.now).number or 0)

    def take_back(self) -> None:
        if self.accepted:
            self.store.acceptances.take_back(self.accepted.pop(), "ann", self.now)

    def change(self) -> None:
        """Say something else of an instance: whether it is active, whose it is, and where."""
        tags = self.chance.choice([(), (OWN.tag,), (OTHER.tag, OWN.tag)])
        place = self.chance.choice([None, "production"])
        is_active = self.chance.random() < 0.7
        new = replace(self._instance(), tags=tags, environment=place, is_active=is_active)
        self.store.registry.put_instances([new], self.now)

    def remove(self) -> None:
        """Remove an instance, add a new one, and let one come back."""
        item = self._instance()
        self.store.registry.delete_instance(item.name, self.now)
        new = replace(item, name=f"new-{self.chance.randrange(10**6)}", engine=EngineName.MYSQL)
        back = [item] if self.chance.random() < 0.7 else []
        self.store.registry.put_instances([new, *back], self.now)

    def prune(self) -> None:
        self.store.reviews.prune(self.now, 5)
        for number in self.store.change_retention.instances_to_prune():
            self.store.change_retention.prune(number, 5)

    def later(self) -> None:
        self.now += timedelta(minutes=self.chance.choice([1, 61, 60 * 25, 60 * 24 * 8]))

    def elsewhere(self) -> None:
        """Write what no sum is of."""
        item = self._instance()
        self.store.registry.note_connection(item.id, "18.1", self.now)


def require_kept_columns(store: Store) -> None:
    """What is written with each row is what its own rows say."""
    new, began = instance_findings, instance_reviews.c.began_at
    is_new = and_(began.is_not(None), new.c.first_seen_at > began)
    own = new.outerjoin(instance_reviews, instance_reviews.c.instance_id == new.c.instance_id)
    with store._database.read() as connection:
        rows = connection.execute(
            select(new.c.is_baseline, is_new.label("is_new")).select_from(own)
        ).all()
        assert rows
        assert [row for row in rows if row.is_baseline == bool(row.is_new)] == []
        tagged = connection.execute(select(instances.c.id, instances.c.tags)).all()
        by_tag = select(instance_tags.c.instance_id, instance_tags.c.digest)
        assert {(row.id, digest_of(tag)) for row in tagged for tag in row.tags} == {
            (row.instance_id, row.digest) for row in connection.execute(by_tag)
        }
        limits = _limits(connection)
        for table, keys in (
            (database_size_aggregations, ("instance_id", "database_id")),
            (instance_size_aggregations, ("instance_id",)),
        ):
            for row in connection.execute(select(table)).mappings():
                limit = limits.get(tuple(row[key] for key in keys))
                assert row["periods_until_limit"] == _periods(limit, row), row


def _limits(connection: Any) -> dict[tuple[int, ...], int]:
    names = {
        (row.instance_id, row.database_name): row.id
        for row in connection.execute(select(instance_databases))
    }
    found: dict[tuple[int, ...], int] = {}
    for row in connection.execute(select(size_limits)):
        key = row.instance_id, row.database_name
        if not row.database_name:
            found[(row.instance_id,)] = row.limit_bytes
        elif key in names:
            found[(row.instance_id, names[key])] = row.limit_bytes
    return found


def _periods(limit: int | None, row: RowMapping) -> float | None:
    last, grown = row["total_last_bytes"], row["total_change_bytes"]
    if limit is None or last is None or not grown or grown < 0:
        return None
    return float(limit - last) / float(grown)


@dataclass
class Compared:
    """A console that keeps, and one that adds up all anew, for everybody and for a team."""

    keeping: SyncDeps
    adding: SyncDeps
    pages: Sequence[tuple[Pages, Pages]]

    @classmethod
    @contextmanager
    def over(cls, directory: Path, url: str, history: History) -> Iterator[Compared]:
        settings = Settings(home=directory, store_url=url)
        clock = lambda: history.now  # noqa: E731 - both have the same
        with reading(settings, clock) as one, reading(settings, clock) as other, ExitStack() as end:
            other.store._database.remembered = None
            made = []
            for viewer in (Viewer("all"), LIMITED):
                pair = Pages(one, viewer), Pages(other, viewer)
                for pages in pair:
                    end.callback(pages.close)
                made.append(pair)
            yield cls(one, other, made)

    def require_same(self, chance: random.Random) -> None:
        """Ask both for all numbers, and for some pages."""
        for reach in REACHES:
            for asked in (
                InstanceQuestion(),
                InstanceQuestion(environments=("production",)),
                InstanceQuestion(tags=(OWN.tag,), platforms=("self-run",)),
            ):
                self._require_same_numbers(reach, asked)
        names = [item.name for item in self.adding.store.registry.instances()]
        of_one = ("/capacity-instance", {"instance": chance.choice(names)})
        for one, other in self.pages:
            for path, query in (*chance.sample(ASKED, 1), of_one):
                assert one.get(path, query).whole == other.get(path, query).whole, (path, query)

    def _require_same_numbers(self, reach: Reach, asked: InstanceQuestion) -> None:
        numbers = [
            self._numbers(deps, reach, asked, rule, least)
            for deps in (self.keeping, self.adding)
            for rule, least in (("", None), ("superuser", None), ("", Severity.HIGH))
        ]
        half = len(numbers) // 2
        assert numbers[:half] == numbers[half:], (reach, asked)

    @staticmethod
    def _numbers(
        deps: SyncDeps, reach: Reach, asked: InstanceQuestion, rule: str, least: Severity | None
    ) -> object:
        pages, now, basis = deps.store.finding_pages, deps.clock(), Counting.of(deps).basis
        turned = pages.turned(basis, now)
        question = CountedQuestion(reach, asked, basis, now, turned, rule, least)
        covered = pages.covered(question)
        question = replace(question, ids=covered.ids, without=covered.without)
        found = pages.numbers(question, with_rules=not rule)
        return turned, covered, found, pages.ranks(question)


@pytest.mark.parametrize("seed", range(2))
def test_sums_are_those_of_all_rows_after_each_step(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    monkeypatch.setattr(stored, "FEW", 3)
    store = Store.open(store_url)
    fill(store, (OTHER, OWN), seed, sessions=2)
    history, chance = History(store, random.Random(seed)), random.Random(seed)
    watched = Watched(store)
    done = []
    with Compared.over(tmp_path, store_url, history) as compared, watched.watching():
        compared.require_same(chance)
        for _ in range(STEPS):
            done.append(history.step())
            compared.require_same(chance)
            require_kept_columns(store)
    store.close()
    assert not watched.wrong, watched.wrong
    assert watched.count > 0
    assert len(set(done)) > 1


def test_what_a_sync_that_finds_nothing_new_writes_takes_no_sum_away(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what is found on one instance, or said of it, is read of its part of the fleet alone."""
    monkeypatch.setattr(stored, "FEW", 0)
    store = Store.open(store_url)
    fill(store, (OTHER, OWN), 3, sessions=1)
    history = History(store, random.Random(3))
    with Compared.over(tmp_path, store_url, history) as compared:
        read: list[int] = []
        parts = compared.keeping.store.finding_pages._parts
        assert parts is not None
        own = parts._numbers.of

        def noting(question: object, reader: Any, **named: Any) -> Any:
            def read_noted(connection: Any, some: Sequence[int]) -> Any:
                read.append(len(some))
                return reader(connection, some)

            return own(question, read_noted, **named)

        monkeypatch.setattr(parts._numbers, "of", noting)

        def numbers() -> list[int]:
            read.clear()
            compared._numbers(compared.keeping, Reach(), InstanceQuestion(), "", None)
            return list(read)

        history.review()
        assert numbers() == [PARTS]
        history.elsewhere()
        assert numbers() == []
        history.sync()
        assert numbers() == [1]
        history.change()
        assert numbers() == [1]
    store.close()


@pytest.mark.usefixtures("real_migrations")
def test_an_upgrade_fills_what_is_kept(store_url: str) -> None:
    """Down to the revision before, as an older version left it, and up again."""
    store = Store.open(store_url)
    fill(store, (OTHER, OWN), 4, sessions=2)
    history = History(store, random.Random(4), NOW + timedelta(hours=2))
    for _ in range(3):
        history.sync()
        history.review()
        history.limit()
    require_kept_columns(store)
    store.close()
    engine = create_engine(store_url)
    config = Config()
    config.set_main_option("script_location", "sync_pipeline:store/migrations")
    config.attributes["engine"] = engine
    command.downgrade(config, "0033-1")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM size_limits"))
    engine.dispose()
    store = Store.open(store_url)
    with store._database.read() as connection:
        until = database_size_aggregations.c.periods_until_limit
        assert connection.scalar(select(until).where(until.is_not(None)).limit(1))
        chosen = select(instance_findings.c.id).where(instance_findings.c.is_baseline.is_(True))
        assert connection.scalar(chosen.limit(1))
    require_kept_columns(store)
    store.close()


@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_what_a_part_is_read_by_is_an_index(
    tmp_path: Path, request: pytest.FixtureRequest, kind: str
) -> None:
    """Numbers of a part are entered by the ids of its instances, and so are their marks."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/sync_pipeline.db"
        if kind == "postgresql":
            url = stack.enter_context(request.getfixturevalue("store_server").store())
        store = Store.open(url)
        stack.callback(store.close)
        fill(store, (OTHER, OWN), 5, sessions=1)
        deps = SyncDeps(store, NoSecrets(), Settings(), lambda: NOW)
        basis = Counting.of(deps).basis
        explained = Explained(store, small=frozenset({"topic_marks"}))
        with explained.watching():
            parts = FindingParts(store._database)
            parts.numbers(CountedQuestion(Reach(), InstanceQuestion(), basis, NOW, NOW))
            pages, week = store.capacity_pages, Period.of(PeriodType.WEEK, NOW.date())
            pages.kept_fleet(Reach(), InstanceQuestion(), week.previous, week)
    assert len(explained.seen) > 5
    assert not explained.wrong, "\n\n".join(explained.wrong)
