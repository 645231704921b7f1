"""Findings as they are kept are those that would be found now, whatever came before."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, select, update

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import review
from sync_pipeline.errors import StaleClaim
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.finding import Examined, Finding, FindingRules, Review, Severity
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.reads import Derived, ReadMarks, Reads
from sync_pipeline.model.review import FindingKey, keys_of
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.session import RecordClaim, Session
from sync_pipeline.model.size import Measure
from sync_pipeline.model.snapshot import (
    SectionReport,
    SectionStatus,
    ServerIdentity,
    Snapshot,
)
from sync_pipeline.settings import Settings
from sync_pipeline.store import accounts as store_accounts
from sync_pipeline.store.access import AccessReads
from sync_pipeline.store.reviews import reviews
from sync_pipeline.store.schema import instance_findings, instance_reviews
from sync_pipeline.store.store import Store
from sync_pipeline.workflows import progress
from sync_pipeline.workflows.answers import kept_reviews, reviewing
from sync_pipeline.workflows.answers.access import load_each
from sync_pipeline.workflows.answers.finding_rules import finding_rules
from sync_pipeline.workflows.answers.findings import review_of, review_session, trend
from sync_pipeline.workflows.answers.kept_reviews import Reviews
from sync_pipeline.workflows.answers.reviewing import Reviewer, review_of_sync
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.retention import prune_history
from sync_pipeline_tests.integration.test_sync_accounts import Bench
from workbench.benches.store_bench import (
    CREDENTIAL,
    DONE,
    START,
    StoreBench,
    an_account,
    whole_snapshot,
)
from workbench.servers.running import RunningServer
from workbench.strategies.reviewed_worlds import OBJECTS, reviewed_snapshot, reviewed_world
from workbench.strategies.sizes import put_snapshots, snapshot_of

SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
"""Where the stores differ in nothing."""
KNOWN = (Measure.known(1),) * 3
RULES = ("superuser", "gone-database", "uneven-rights", "expired-active", "no-password-expiry")


@dataclass
class Kept:
    """A fleet of which findings are kept, and what was first seen when."""

    store: Store
    home: Path
    patch: pytest.MonkeyPatch
    chance: random.Random
    now: datetime = START
    seen: dict[str, dict[FindingKey, datetime]] = field(default_factory=dict)
    files: int = 0
    switches_off: bool = False

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home)
        self.bench = StoreBench(self.store)
        self.store.registry.put_credential(CREDENTIAL, self.now)
        engines = [*EngineName, EngineName.POSTGRESQL]
        self.put(
            *(
                Instance(0, f"i{number}", engine, "127.0.0.1", 5432, CREDENTIAL.name)
                for number, engine in enumerate(engines)
            )
        )

    @property
    def deps(self) -> SyncDeps:
        vault = SecretVault.open(self.settings)
        return SyncDeps(self.store, vault, self.settings, lambda: self.now)

    def put(self, *instances: Instance) -> None:
        self.store.registry.put_instances(instances, self.now)

    @property
    def active(self) -> list[Instance]:
        return self.store.registry.instances(include_inactive=False)

    def one(self) -> Instance:
        return self.chance.choice(self.active)

    def fresh(self, instances: list[Instance]) -> Review:
        """Return what is found by looking at everything."""
        deps, reviewer = self.deps, Reviewer.of(self.deps)
        cases: list[Case] = [
            reviewer.case(item.instance, item.judged, item.stored.databases, item.stored.changed_at)
            for item in load_each(deps, instances, deps.clock(), with_facts=True)
        ]
        return review(cases, finding_rules(deps), today(deps))

    def check(self) -> None:
        """Compare what is kept with what would be found, of all, of some and of a session."""
        instances = self.active
        wanted, found = self.fresh(instances), review_of(self.deps, instances)
        assert found == wanted
        self.check_dates(found)
        if self.chance.random() < 0.3:
            again = review_of(self.deps, instances)
            assert again == wanted
            assert dates(again) == dates(found)
            some = self.chance.sample(instances, 2)
            assert review_of(self.deps, some) == self.fresh(some)

    def check_dates(self, found: Review) -> None:
        if self.switches_off:
            return
        by_instance: dict[str, list[Finding]] = {item.name: [] for item in self.active}
        for item in (*found.findings, *found.suppressed):
            by_instance[item.instance].append(item)
        for name, own in by_instance.items():
            before = self.seen.get(name, {})
            keys = keys_of(own)
            self.seen[name] = {key: before.get(key, self.now) for key in keys}
            assert [item.first_seen for item in own] == list(self.seen[name].values()), name

    def sync(self, instance: Instance | None = None, *, with_review: bool = True) -> Session:
        instance = instance or self.one()
        snapshot = reviewed_snapshot(self.chance, instance.engine, self.now)
        return self.apply(instance, snapshot, with_review=with_review)

    def apply(
        self,
        instance: Instance,
        snapshot: Snapshot,
        *,
        with_review: bool = True,
        with_reads: bool = True,
        session: Session | None = None,
    ) -> Session:
        """Write what was collected as a sync does."""
        session = session or self.bench.open([instance])
        claim = self.bench.claim(session, instance)
        accounts = self.store.accounts
        before, known = accounts.mark(instance.id), accounts.known(instance.id)
        result = self.bench.compared(instance, snapshot)
        made = review_of_sync(self.deps, instance, before, lambda: known, result, snapshot)
        assert made is not None
        reads = Reads(ReadMarks("", "", ""), Derived(len(snapshot.accounts), 0, ()))
        accounts.apply(
            instance.id, result, claim, DONE, self.now, snapshot.server.version, self.now,
            reads=reads if with_reads else None, review=made if with_review else None,
            facts=snapshot.server_facts,
        )  # fmt: skip
        return self.bench.session(session.session_id)

    def sync_of_before(self, instance: Instance | None = None) -> None:
        """Sync as a process of the version before still may, which knows no review."""
        with self.patch.context() as context:
            context.setattr(store_accounts, "written_review", lambda *_: None)
            instance = instance or self.one()
            if self.chance.random() < 0.5:
                self.sync(instance, with_review=False)
                return
            # Nothing but what could be read is another.
            states = [item.state for item in self.store.accounts.known(instance.id)]
            snapshot = reviewed_snapshot(self.chance, instance.engine, self.now)
            self.apply(instance, replace(snapshot, accounts=tuple(states)), with_review=False)

    def sync_all(self, instances: Sequence[Instance]) -> Session:
        """Sync several instances in one session."""
        self.bench.now = self.now
        session = self.bench.open(list(instances))
        for instance in instances:
            snapshot = reviewed_snapshot(self.chance, instance.engine, self.now)
            self.apply(instance, snapshot, session=session)
        return self.bench.session(session.session_id)

    def first_of(self, engine: EngineName) -> Instance:
        return next(item for item in self.active if item.engine is engine)

    def fresh_of(self, instance: Instance) -> tuple[Finding, ...]:
        """Return what is found on one instance by looking at it."""
        now = next(item for item in self.active if item.id == instance.id)
        return self.fresh([now]).findings

    def rows(self) -> list[Row[Any]]:
        with self.store._database.read() as connection:
            return list(connection.execute(select(instance_findings)))

    def open_keys(self, instance: Instance) -> set[tuple[str, str, str]]:
        return {
            (row.rule, row.account_name, row.about)
            for row in self.rows()
            if row.instance_id == instance.id and row.resolved_at is None
        }

    def kept_count(self) -> int:
        return sum(1 for item in self.store.reviews.each([i.id for i in self.active]) if item.marks)

    def list_databases(self) -> None:
        names = [name for name in ("shop", "hr", "old", "new") if self.chance.random() < 0.7]
        found = snapshot_of(self.now.date(), dict.fromkeys(names or ["shop"], KNOWN))
        found = replace(found, observed_at=self.now)
        put_snapshots(self.store, self.one().id, {self.now.date(): found})

    def change_file(self) -> None:
        self.files += 1
        path = self.home / f"findings-{self.files}.yaml"
        rule = self.chance.choice(RULES)
        day = (self.now + timedelta(days=self.chance.randint(-1, 2))).date()
        path.write_text(
            f"disabled_rules: [{rule if self.switches_off else ''}]\n"
            f"suppressions: [{{rule: {rule}, account: '%n%', reason: r, until: '{day}'}}]\n"
        )
        self.settings = self.settings.model_copy(update={"findings_file": path})

    def exclude_databases(self) -> None:
        names = self.chance.choice([(), ("old",), ("n%",)])
        self.settings = self.settings.model_copy(update={"excluded_databases": names})

    def change_code(self) -> None:
        version = f"version {self.chance.random()}"
        self.patch.setattr(reviewing, "code_digest", lambda: version)

    def change_monitor(self) -> None:
        name = self.chance.choice(["ann", "bob", "watcher"])
        self.store.registry.put_credential(replace(CREDENTIAL, username=name), self.now)

    def note_version(self) -> None:
        self.store.registry.note_connection(self.one().id, "14.1", self.now)

    def remove(self) -> None:
        instance = self.one()
        self.store.registry.delete_instance(instance.name, self.now)
        if self.chance.random() < 0.7:
            self.put(instance)

    def disable(self) -> None:
        for item in self.store.registry.instances():
            if not item.is_active:
                self.put(replace(item, is_active=True))
        self.put(replace(self.one(), is_active=False))

    def damage(self) -> None:
        column = self.chance.choice(["findings", "namesakes", "notes", "remedies"])
        with self.store._database.write() as connection:
            connection.execute(update(instance_reviews).values({column: b"nothing"}))

    def events(self) -> list[Callable[[], object]]:
        return [
            *(self.sync, self.sync, self.sync, lambda: self.sync(with_review=False)),
            self.sync_of_before,
            *(self.list_databases, self.list_databases, self.change_file, self.exclude_databases),
            *(self.change_code, self.change_monitor, self.note_version, self.remove, self.disable),
            *(self.damage, lambda: None),
        ]


def dates(found: Review) -> list[datetime | None]:
    return [item.first_seen for item in (*found.findings, *found.suppressed)]


@contextmanager
def reading_nothing(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fail where the accounts of an instance are read."""

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("the accounts were read")

    with patch.context() as context:
        context.setattr(AccessReads, "_read", refused)
        yield


@pytest.fixture
def kept(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kept:
    monkeypatch.setattr(reviewing, "code_digest", lambda: "as it is")
    monkeypatch.setattr(kept_reviews, "_AT_ONCE", 3)
    return Kept(store, tmp_path, monkeypatch, random.Random(1))


@pytest.mark.parametrize(
    ("store_url", "seed"), [("sqlite", 0), ("sqlite", 1), ("postgresql", 2)], indirect=["store_url"]
)
def test_what_is_kept_is_what_would_be_found(kept: Kept, seed: int) -> None:
    kept.chance, kept.switches_off = random.Random(seed), seed == 1
    kept.check()
    for instance in kept.active:
        kept.sync(instance)
    kept.check()
    for _ in range(14):
        kept.now += timedelta(minutes=kept.chance.choice([1, 30, 600, 1440]))
        kept.chance.choice(kept.events())()
        kept.check()


@SQLITE
def test_who_asks_after_a_sync_reads_no_account(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    for instance in kept.active:
        kept.sync(instance)
    one = kept.active[0]
    wanted, wanted_of_one = kept.fresh(kept.active), kept.fresh_of(one)
    # The first question about all of them finds out what ends what is uneven.
    assert review_of(kept.deps, kept.active) == wanted
    with reading_nothing(monkeypatch):
        assert review_of(kept.deps, kept.active) == wanted
        assert review_of(kept.deps, [one]).findings == wanted_of_one


@dataclass
class Steady:
    """One server of PostgreSQL that is synced again and again, and how often it was reviewed."""

    kept: Kept
    snapshot: Snapshot
    reviewed: list[str] = field(default_factory=list)

    @property
    def instance(self) -> Instance:
        return self.kept.first_of(EngineName.POSTGRESQL)

    def account(self, name: str) -> AccountState:
        return next(item for item in self.snapshot.accounts if item.name == name)

    def put(self, state: AccountState) -> None:
        others = (item for item in self.snapshot.accounts if item.name != state.name)
        self.snapshot = replace(self.snapshot, accounts=(*others, state.canonical()))

    def turn(self, name: str, grant: Grant) -> None:
        """Give somebody a grant, or take it away."""
        state = self.account(name)
        self.put(replace(state, grants=tuple({*state.grants} ^ {grant})))

    def sync(self) -> bool:
        """Sync, compare what is kept with what would be found, and return whether it was reviewed.

        Neither are the accounts of a server read for it that no finding depends on.
        """
        self.kept.now += timedelta(minutes=1)
        self.snapshot = replace(self.snapshot, observed_at=self.kept.now)
        self.reviewed.clear()
        self.kept.apply(self.instance, self.snapshot)
        was_reviewed = bool(self.reviewed)
        with reading_nothing(self.kept.patch):
            found = review_of(self.kept.deps, [self.instance])
        assert found == self.kept.fresh([self.instance])
        return was_reviewed


PLAIN = Securable(SecurableKind.TABLE, "shop", "sales", "plain", catalog="shop")


@pytest.fixture
def steady(kept: Kept) -> Steady:
    made = reviewed_world(random.Random(12))
    none_is_gone = [
        replace(state, grants=tuple(g for g in state.grants if g.securable.database != "old"))
        for state in made.accounts.values()
    ]
    snapshot = Snapshot(
        ServerIdentity("18.1", (18, 1)), kept.now, tuple(none_is_gone), made.sections,
        server_facts=(ServerFact("password_encryption", value="md5"),),
    )  # fmt: skip
    steady = Steady(kept, snapshot)
    look = reviewing.examine

    def looked(case: Case, *rules: Any) -> Examined:
        steady.reviewed.append(case.judged.name)
        return look(case, *rules)

    kept.patch.setattr(reviewing, "examine", looked)
    assert steady.sync()
    return steady


@SQLITE
def test_a_grant_that_no_finding_depends_on_has_nothing_reviewed(steady: Steady) -> None:
    """Counted: of the accounts none is looked at, however many there are."""
    kept, chance = steady.kept, random.Random(1)
    before = kept.open_keys(steady.instance)
    for _ in range(3):
        steady.turn("app", Grant(PLAIN, "SELECT", grantor="owner"))
        steady.turn("web", Grant(replace(PLAIN, name=str(chance.random())), "INSERT"))
        assert not steady.sync()
    assert kept.open_keys(steady.instance) == before
    found = []
    for _ in range(12):
        on = chance.choice([*(item for item in OBJECTS if item.database != "old"), *[PLAIN] * 6])
        grant = Grant(on, "SELECT", grantable=chance.random() < 0.2, grantor="owner")
        steady.turn(chance.choice(["app", "web", "dba", "public"]), grant)
        found.append(steady.sync())
    assert {True, False} == set(found), found


@SQLITE
def test_what_a_finding_may_depend_on_is_reviewed(steady: Steady) -> None:
    kept, grant = steady.kept, Grant(PLAIN, "SELECT", grantor="owner")
    app, web = steady.account("app"), steady.account("web")

    def with_grant(change: Callable[[], object]) -> Callable[[], object]:
        return lambda: (change(), steady.turn("dba", grant))

    def put(**values: Any) -> None:
        steady.snapshot = replace(steady.snapshot, **values)

    def pass_on() -> None:
        steady.turn("web", replace(grant, grantable=True))
        assert steady.sync()
        steady.turn("app", replace(grant, privilege="UPDATE"))

    def look_first() -> None:
        with kept.store._database.write() as connection:
            connection.execute(update(instance_reviews).values(turn=100, basis=""))

    def close(database: str) -> None:
        unread = SectionReport(SectionStatus.SKIPPED, "it is closed")
        put(sections={**steady.snapshot.sections, SectionKey(SectionName.TYPE, database): unread})

    changes: dict[str, Callable[[], object]] = {
        "an option": lambda: steady.turn("dba", replace(grant, grantable=True)),
        "everybody's": lambda: steady.turn("public", grant),
        "ownership": lambda: steady.turn("dba", replace(grant, privilege="OWNER")),
        "a database that is not there": lambda: steady.turn(
            "dba", replace(grant, securable=replace(PLAIN, database="elsewhere"))
        ),
        "an object of the system": lambda: steady.turn("dba", Grant(OBJECTS[-3], "SELECT")),
        "a parameter": lambda: steady.turn("dba", Grant(OBJECTS[-1], "SET")),
        "an unknown privilege": lambda: steady.turn(
            "dba", replace(grant, privilege="FLY", recognised=False)
        ),
        "a role": with_grant(lambda: steady.put(replace(app, memberships=(Membership("dba"),)))),
        "an attribute": with_grant(lambda: steady.put(replace(web, is_locked=not web.is_locked))),
        "another account": with_grant(lambda: steady.put(replace(app, name="newcomer"))),
        "the server": with_grant(lambda: put(server_facts=())),
        "a section": with_grant(lambda: close("shop")),
        "its version": with_grant(lambda: put(server=ServerIdentity("17.1", (17, 1)))),
        "a listing": with_grant(kept.list_databases),
        "our code": with_grant(kept.change_code),
        "the account that reads": with_grant(kept.change_monitor),
        "another review": with_grant(look_first),
        "who passes it on": pass_on,
    }
    kept.patch.setattr(kept, "one", lambda: steady.instance)
    base = steady.snapshot
    for what, change in changes.items():
        change()
        assert steady.sync(), what
        steady.snapshot = base
        steady.sync()


def test_a_real_sync_keeps_what_its_accounts_say(
    postgresql_server: RunningServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(postgresql_server, tmp_path)
    try:
        bench.sql("CREATE ROLE kf_boss LOGIN SUPERUSER")
        for expected, statement in (
            (True, "SELECT 1"),
            # Nothing is written by this sync: what is kept holds on.
            (True, "ALTER ROLE kf_boss NOSUPERUSER"),
            (False, "DROP ROLE kf_boss"),
        ):
            bench.sync()
            with reading_nothing(monkeypatch):
                found = review_of(bench.deps, [bench.instance]).findings
            said = {item.rule for item in found if item.account == "kf_boss"}
            assert ("superuser" in said) == expected
            now = bench.deps.clock()
            cases = list(load_each(bench.deps, [bench.instance], now, with_facts=True))
            reviewer = Reviewer.of(bench.deps)
            (case,) = (
                reviewer.case(item.instance, item.judged, item.stored.databases, {})
                for item in cases
            )
            assert found == review([case], FindingRules(), today(bench.deps)).findings
            bench.sql(statement)
    finally:
        bench.sql("DROP ROLE IF EXISTS kf_boss")
        bench.store.close()


@SQLITE
def test_a_day_passes_only_for_what_the_time_decides(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def expiring(until: datetime) -> Snapshot:
        snapshot = whole_snapshot((replace(an_account("ann"), can_login=True),), kept.now)
        (ann,) = snapshot.accounts
        dated = replace(ann, attributes=(("valid_until", until.isoformat()),))
        return replace(snapshot, accounts=(dated,))

    ends = START + timedelta(days=3)
    kept.apply(kept.first_of(EngineName.POSTGRESQL), expiring(ends))
    one = kept.first_of(EngineName.POSTGRESQL)
    for moment, is_expired in ((ends - timedelta(microseconds=1), False), (ends, True)):
        kept.now = moment
        with nullcontext() if is_expired else reading_nothing(monkeypatch):
            found = review_of(kept.deps, [one]).findings
        assert ("expired-active" in {item.rule for item in found}) == is_expired
        assert found == kept.fresh_of(one)
    kept.now = ends + timedelta(days=900)
    with reading_nothing(monkeypatch):
        assert review_of(kept.deps, [one]).findings == found
    # A clock that is set back is believed as well.
    kept.now = START
    assert review_of(kept.deps, [one]).findings == kept.fresh_of(one)


def test_databases_that_are_listed_again_change_nothing_unless_a_finding_names_the_day(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = kept.first_of(EngineName.MYSQL)

    def listed(*names: str) -> None:
        kept.now += timedelta(days=1)
        found = replace(
            snapshot_of(kept.now.date(), dict.fromkeys(names, KNOWN)), observed_at=kept.now
        )
        put_snapshots(kept.store, one.id, {kept.now.date(): found})

    on = Securable(SecurableKind.DATABASE, "shop")
    app = replace(an_account("'app'@'%'"), grants=(Grant(on, "SELECT"),))
    kept.apply(one, whole_snapshot((app,), kept.now))
    one = kept.first_of(EngineName.MYSQL)
    listed("shop")
    assert review_of(kept.deps, [one]).findings == kept.fresh_of(one)
    for _ in range(2):
        listed("shop")
        with reading_nothing(monkeypatch):
            review_of(kept.deps, [one])
    # A database that was never listed is gone as of a day, which is told.
    never = Securable(SecurableKind.DATABASE, "never")
    kept.apply(one, whole_snapshot((replace(app, grants=(Grant(never, "SELECT"),)),), kept.now))
    for _ in range(2):
        listed("shop")
        assert review_of(kept.deps, [one]).findings == kept.fresh_of(one)
    kept.apply(one, whole_snapshot((app,), kept.now))
    seen = kept.now + timedelta(days=1)
    for names in (("hr",), ("hr",), ("shop", "hr")):
        listed(*names)
        found = review_of(kept.deps, [one])
        assert found.findings == kept.fresh_of(one)
        gone = [item for item in found.findings if item.rule == "gone-database"]
        assert [item.first_seen for item in gone] == ([] if "shop" in names else [seen])
    rows = [row for row in kept.rows() if row.about == "database shop"]
    assert [(row.first_seen_at, row.resolved_at) for row in rows] == [(seen, kept.now)]


def test_findings_are_found_where_nothing_can_be_kept(
    kept: Kept, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept.sync(with_review=False)
    monkeypatch.setattr(reviews, "PATIENCE_SECONDS", 0.05)
    with kept.store._database.engine.connect() as connection:
        if kept.store._database.is_sqlite:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.exec_driver_sql("LOCK TABLE instance_reviews IN SHARE MODE")
        assert review_of(kept.deps, kept.active) == kept.fresh(kept.active)
        connection.rollback()
    assert kept.kept_count() == 0
    if not kept.store._database.is_sqlite:
        options = "?options=-c%20default_transaction_read_only%3Don"
        reading = Store.open(f"{store_url}{options}")
        try:
            deps = replace(kept.deps, store=reading)
            assert review_of(deps, kept.active) == kept.fresh(kept.active)
        finally:
            reading.close()
    assert kept.kept_count() == 0
    review_of(kept.deps, kept.active)
    assert kept.kept_count() == len(kept.active)


@pytest.mark.parametrize("with_review", [False, True])
def test_who_opened_the_store_to_read_does_not_even_try_to_keep_anything(
    kept: Kept, store_url: str, monkeypatch: pytest.MonkeyPatch, with_review: bool
) -> None:
    kept.sync(with_review=with_review)
    reader = Store.open_to_read(store_url)
    tried: list[float] = []
    monkeypatch.setattr(reader._database, "write_soon", tried.append)
    deps = replace(kept.deps, store=reader)
    chosen = kept.active, kept.active[:1]
    try:
        found = [review_of(deps, some) for some in chosen]
    finally:
        reader.close()
    assert found == [kept.fresh(some) for some in chosen]
    assert tried == []


@SQLITE
@pytest.mark.parametrize("faster", ["a sync", "a sync of the version before", "who asks"])
def test_who_looked_before_others_wrote_keeps_nothing_after_them(kept: Kept, faster: str) -> None:
    one = kept.active[0]
    kept.sync(one, with_review=False)
    (looked,) = kept.store.reviews.each([one.id])
    reading = Reviews(kept.deps)
    kept.now += timedelta(minutes=30)
    if faster == "who asks":
        review_of(kept.deps, [one])
    elif faster == "a sync":
        kept.sync(one)
    else:
        kept.sync_of_before(one)
    assert reading._anew(one, looked).turn is None
    (one,) = kept.active[:1]
    assert review_of(kept.deps, [one]).findings == kept.fresh_of(one)


@SQLITE
def test_a_sync_that_reads_less_of_the_same_accounts_leaves_nothing_that_held(kept: Kept) -> None:
    one = kept.first_of(EngineName.POSTGRESQL)
    snapshot = whole_snapshot((an_account("ann"),), kept.now)
    denied = {SectionKey(SectionName.TABLE): SectionReport(SectionStatus.DENIED, "no")}
    for sections in (snapshot.sections, {**snapshot.sections, **denied}):
        kept.now += timedelta(minutes=30)
        changed = replace(snapshot, observed_at=kept.now, sections=sections)
        # Not even a date is left by which it could be seen.
        kept.apply(one, changed, with_review=False, with_reads=False)
        (now,) = (item for item in kept.active if item.id == one.id)
        assert review_of(kept.deps, [now]) == kept.fresh([now])


@SQLITE
def test_a_sync_that_was_too_late_leaves_the_review_before(kept: Kept) -> None:
    one = kept.active[0]
    kept.sync(one)
    before = review_of(kept.deps, [one])
    kept.now += timedelta(minutes=30)

    def late(claim: RecordClaim) -> RecordClaim:
        return replace(claim, attempt=claim.attempt + 1)

    claim_of = kept.bench.claim
    kept.patch.setattr(kept.bench, "claim", lambda *of: late(claim_of(*of)))
    with pytest.raises(StaleClaim):
        kept.sync(one)
    assert review_of(kept.deps, [one]) == before
    assert dates(review_of(kept.deps, [one])) == dates(before)


def test_a_session_counts_what_is_kept_and_what_came_and_went(kept: Kept) -> None:
    fleet = kept.active
    for number in range(6):
        kept.now += timedelta(minutes=30)
        before = {item.id: kept.open_keys(item) for item in fleet}
        chosen = fleet if number < 3 else fleet[:3]
        session = kept.sync_all(chosen)
        if number == 4:
            kept.damage()
        found, wanted = review_session(kept.deps, session), kept.fresh(chosen)
        assert found.review.counts == wanted.counts
        assert found.review.notes == wanted.notes
        assert [item.account for item in found.review.findings] == [
            item.account for item in wanted.findings
        ]
        after = {item.id: kept.open_keys(item) for item in chosen}
        came = sum(len(after[item] - before[item]) for item in after)
        went = sum(len(before[item] - after[item]) for item in after)
        assert (found.came, found.went) == ((0, 0) if number == 0 else (came, went))


@SQLITE
def test_resolved_findings_go_with_the_change_log(kept: Kept) -> None:
    one = kept.first_of(EngineName.POSTGRESQL)
    boss = replace(an_account("boss"), is_superuser=True)
    kept.apply(one, whole_snapshot((boss,), kept.now))
    kept.now += timedelta(days=1)
    kept.apply(one, whole_snapshot((an_account("ann"),), kept.now))
    assert {row.resolved_at for row in kept.rows()} >= {kept.now}
    days = kept.settings.change_retention_days
    for passed, is_there in ((days - 1, True), (days + 2, False)):
        kept.now = START + timedelta(days=1 + passed)
        prune_history(kept.deps, pause=lambda _: None)
        assert any(row.resolved_at for row in kept.rows()) == is_there


@SQLITE
def test_what_ends_uneven_rights_is_of_those_that_one_has_more_now(kept: Kept) -> None:
    boss = replace(an_account("boss"), is_superuser=True, memberships=(Membership("team"),))
    team = replace(an_account("team"), can_login=False)
    one, two = (item for item in kept.active if item.engine is EngineName.POSTGRESQL)
    kept.apply(one, whole_snapshot((boss, team), kept.now))
    for other in (replace(boss, memberships=()), an_account("boss")):
        kept.now += timedelta(minutes=30)
        kept.apply(two, whole_snapshot((other, team), kept.now))
        for _ in range(2):
            assert review_of(kept.deps, kept.active) == kept.fresh(kept.active)
    # From who reads the instances nothing is taken.
    kept.store.registry.put_credential(replace(CREDENTIAL, username="boss"), kept.now)
    assert review_of(kept.deps, kept.active) == kept.fresh(kept.active)


@SQLITE
def test_what_is_uneven_when_it_is_compared_first_was_so_since_the_first_review(kept: Kept) -> None:
    boss = replace(an_account("boss"), is_superuser=True)
    one, two = (item for item in kept.active if item.engine is EngineName.POSTGRESQL)
    kept.apply(one, whole_snapshot((boss,), kept.now))
    kept.apply(two, whole_snapshot((an_account("boss"), an_account("ann")), kept.now))
    kept.now += timedelta(days=1)

    def uneven() -> list[tuple[str, datetime | None]]:
        found = review_of(kept.deps, kept.active).findings
        return [(item.account, item.first_seen) for item in found if item.rule == "uneven-rights"]

    assert uneven() == [("boss", START)]
    kept.now += timedelta(days=1)
    ann = replace(an_account("ann"), is_superuser=True)
    kept.apply(one, whole_snapshot((boss, ann), kept.now))
    assert uneven() == [("ann", kept.now), ("boss", START)]


def test_a_trend_says_what_came_and_went_by_day(kept: Kept) -> None:
    boss, other = (replace(an_account(name), is_superuser=True) for name in ("boss", "other"))
    zone = {"time_zone": "Asia/Tokyo"}
    kept.settings = kept.settings.model_copy(update=zone)
    one = kept.first_of(EngineName.POSTGRESQL)
    # In Tokyo it is the next day from 15:00 UTC on.
    for hours, states in ((0, (boss,)), (2, (boss, other)), (4, (other,)), (30, ())):
        kept.now = START + timedelta(hours=hours)
        kept.apply(one, whole_snapshot((an_account("ann"), *states), kept.now))
    found = [item for item in trend(kept.deps, [one], 3) if item.severity is Severity.HIGH]
    assert [(item.day.day, item.new, item.resolved, item.open) for item in found] == [
        *((1, 1, 0, 2), (2, 0, 1, 1), (3, 0, 1, 0)),
    ]
    (last,) = [item for item in trend(kept.deps, [one], 1) if item.severity is Severity.HIGH]
    assert (last.new, last.resolved, last.open) == (0, 1, 0)


@SQLITE
def test_what_was_reviewed_before_an_interruption_is_kept_and_told(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A question after an upgrade takes a minute over a large fleet: who ends it loses nothing."""
    for one in kept.active:
        kept.sync(one, with_review=False)
    count, examined = len(kept.active), list[str]()
    examine = kept_reviews.examine

    def interrupted(case: Case, rules: Any) -> Any:
        examined.append(case.judged.world.instance)
        if len(examined) == count - 1:
            raise KeyboardInterrupt
        return examine(case, rules)

    monkeypatch.setattr(kept_reviews, "examine", interrupted)
    monkeypatch.setattr(progress, "SECONDS_OF_SILENCE", 0)
    told: list[str] = []
    deps = replace(kept.deps, tell=told.append)
    with pytest.raises(KeyboardInterrupt):
        review_of(deps, kept.active)
    assert kept.kept_count() == count - 2
    what = "Reviewing accounts of which no review is kept"
    assert told == [f"{what}: {done} of {count} instances." for done in range(1, count - 1)]
    del told[:]
    again = review_of(deps, kept.active)
    assert examined[count - 1 :] == [item.name for item in kept.active[-2:]]
    assert told == [f"{what}: {done} of {count} instances." for done in (count - 1, count)]
    del told[:]
    assert review_of(deps, kept.active) == again
    assert told == []
