"""Since when accounts had a power: by a ledger kept by hand, and by what was answered then."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.cli import context
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.classification import AccountRule, Capability
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.privilege import (
    Grant,
    Membership,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot
from sync_pipeline.model.tenure import BlankKind, EdgeKind, InstanceTenures, Tenure
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.answers.accounts import accounts_of_rule
from sync_pipeline.workflows.answers.tenure import tenures
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench, an_account, minutes, whole_snapshot
from workbench.strategies.any_engine import NEWER
from workbench.strategies.reviewed_worlds import reviewed_snapshot
from workbench.strategies.tenure_ledger import Ledger, Row, World

SUPERUSERS = AccountRule(capabilities=(Capability.SUPERUSER,))
READ = SectionReport(SectionStatus.READ)
DENIED = SectionReport(SectionStatus.DENIED, "it may not be read")
_NAMES = count()


def boss(name: str) -> AccountState:
    return replace(an_account(name), is_superuser=True)


def member(name: str, *roles: str) -> AccountState:
    memberships = tuple(Membership(role, inherit=True, set_role=True) for role in roles)
    return replace(an_account(name), memberships=memberships)


@dataclass
class Course:
    """A store, and syncs of instances at moments; each began five seconds before it read."""

    bench: StoreBench

    def instance(self, engine: EngineName = EngineName.POSTGRESQL) -> Instance:
        (item,) = self.bench.fleet(f"t{next(_NAMES)}")
        self.bench.store.registry.put_instances([replace(item, engine=engine)], self.bench.now)
        return replace(item, engine=engine)

    def sync(self, item: Instance, at: float, *states: AccountState) -> None:
        self.read(item, whole_snapshot(states, minutes(at)))

    def read(self, item: Instance, snapshot: Snapshot) -> None:
        self.bench.now = snapshot.observed_at - timedelta(seconds=5)
        claim = self.bench.claim(self.bench.open([item]), item)
        self.bench.now = snapshot.observed_at
        self.bench.apply_snapshot(claim, item, snapshot)

    def deps(self) -> SyncDeps:
        now = self.bench.now
        return SyncDeps(self.bench.store, NoSecrets(), Settings(), lambda: now)

    def told(
        self,
        item: Instance,
        rule: AccountRule = SUPERUSERS,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> InstanceTenures:
        """Return it as it is found out; what is kept of earlier questions never differs."""
        (found,) = tenures(self.deps(), [item], rule, since, until)
        (kept,) = tenures(self.deps(), [item], rule, since, until, account="")
        assert kept == found
        return found

    def of(self, item: Instance, account: str, rule: AccountRule = SUPERUSERS) -> list[Tenure]:
        return [one for one in self.told(item, rule).tenures if one.account == account]


@pytest.fixture
def course(store: Store) -> Course:
    return Course(StoreBench(store))


@contextmanager
def opened(path: Path) -> Iterator[Course]:
    store = Store.open(f"sqlite:///{path}/sync_pipeline.db")
    yield Course(StoreBench(store))
    store.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    with opened(tmp_path_factory.mktemp("tenure")) as made:
        yield made


def began(at: float) -> datetime:
    return minutes(at) - timedelta(seconds=5)


def test_a_begin_and_an_end_lie_between_two_syncs(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, boss("postgres"), an_account("ann"))
    course.sync(item, 30, boss("postgres"), an_account("ann"))
    course.sync(item, 60, boss("postgres"), boss("ann"))
    course.sync(item, 90, boss("postgres"), boss("ann"))
    course.sync(item, 120, boss("postgres"), an_account("ann"))
    (one,) = course.of(item, "ann")
    assert (one.begin.kind, one.begin.after, one.begin.by) == (
        EdgeKind.SEEN, began(30), minutes(60),
    )  # fmt: skip
    assert one.end is not None
    assert (one.end.kind, one.end.after, one.end.by) == (EdgeKind.SEEN, began(90), minutes(120))
    assert one.held_at == began(90)
    assert not one.is_held
    assert one.at_least == timedelta(minutes=30) - timedelta(seconds=5)
    assert one.at_most == timedelta(minutes=90) + timedelta(seconds=5)
    assert [str(held.way) for held in one.ways] == ["ann → superuser"]
    (always,) = course.of(item, "postgres")
    assert (always.begin.kind, always.begin.by) == (EdgeKind.FIRST_SYNC, minutes(0))
    assert always.is_held
    assert always.held_at == minutes(120)
    assert always.at_most is None


def test_an_account_that_was_dropped_and_made_again_has_two(course: Course) -> None:
    item = course.instance()
    for at, states in ((0, (boss("ann"),)), (30, ()), (60, (boss("ann"),))):
        course.sync(item, at, boss("postgres"), *states)
    first, second = course.of(item, "ann")
    assert first.begin.kind is EdgeKind.FIRST_SYNC
    assert first.end is not None
    assert (first.end.after, first.end.by) == (began(0), minutes(30))
    assert (second.begin.after, second.begin.by, second.end) == (began(30), minutes(60), None)


def test_a_member_has_it_from_when_its_role_has(course: Course) -> None:
    """Through three roles within one another; where the way changes, it is one tenure."""
    item = course.instance()
    chain = (member("ann", "r1"), member("r1", "r2"), member("r2", "r3"))
    course.sync(item, 0, *chain, an_account("r3"))
    course.sync(item, 30, *chain, boss("r3"))
    course.sync(item, 60, boss("ann"), *chain[1:], boss("r3"))
    (one,) = course.of(item, "ann")
    assert (one.begin.after, one.begin.by, one.end) == (began(0), minutes(30), None)
    by_role, by_itself = one.ways
    assert by_role.way.path[0] == "ann"
    assert [step.split(" ")[0] for step in by_role.way.path] == ["ann", "r1", "r2", "r3"]
    assert by_role.begin == one.begin
    assert by_role.end is not None
    assert by_role.end.by == by_itself.begin.by == minutes(60)
    assert by_itself.end is None
    course.sync(item, 90, an_account("ann"), *chain[1:], boss("r3"))
    (ended,) = course.of(item, "ann")
    assert ended.end is not None
    assert ended.end.by == minutes(90)


def test_a_role_with_another_name_gives_it_without_an_interruption(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, member("ann", "old"), boss("old"))
    course.sync(item, 30, member("ann", "new"), boss("new"))
    (one,) = course.of(item, "ann")
    assert one.is_held
    assert [held.way.path[1].split(" ")[0] for held in one.ways] == ["old", "new"]


def test_a_day_without_a_sync_is_shown(course: Course) -> None:
    item = course.instance()
    for number in range(20):
        course.sync(item, 30 * number, boss("ann"))
    later = 30 * 19 + 24 * 60
    course.sync(item, later, boss("ann"), boss("bob"))
    course.sync(item, later + 30, boss("ann"), boss("bob"))
    (ann,), (bob,) = course.of(item, "ann"), course.of(item, "bob")
    (blank,) = ann.blanks
    assert (blank.kind, blank.after, blank.until) == (
        BlankKind.NO_SYNC, began(30 * 19), minutes(later),
    )  # fmt: skip
    # That it began in that time its begin says.
    assert (bob.begin.after, bob.begin.by) == (began(30 * 19), minutes(later))
    assert bob.blanks == ()
    course.bench.now = minutes(later + 30 + 3 * 24 * 60)
    (bob,) = course.of(item, "bob")
    assert bob.held_at == minutes(later + 30)
    assert [(blank.kind, blank.until) for blank in bob.blanks] == [(BlankKind.NO_SYNC, None)]


def without_memberships(at: float, *states: AccountState) -> Snapshot:
    found = whole_snapshot(states, minutes(at))
    unread = {**found.sections, SectionKey(SectionName.MEMBERSHIPS): DENIED}
    return replace(found, sections=unread)


def test_what_could_not_be_read_is_not_known_in_between(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, member("ann", "dba"), boss("dba"), an_account("bob"))
    course.sync(item, 30, member("ann", "dba"), boss("dba"), an_account("bob"))
    for at in (60, 90):
        course.read(item, without_memberships(at, an_account("ann"), boss("dba"), boss("bob")))
    course.sync(item, 120, member("ann", "dba"), boss("dba"), member("cid", "dba"), boss("bob"))
    (ann,), (bob,), (cid,) = (course.of(item, name) for name in ("ann", "bob", "cid"))
    (blank,) = ann.blanks
    assert (blank.kind, blank.after, blank.until) == (BlankKind.UNREAD, began(30), minutes(120))
    assert "memberships" in blank.reason
    assert ann.is_held
    # What was read shows that bob has it; cid may have got it since the last whole reading.
    assert (bob.begin.after, bob.begin.by) == (began(30), minutes(60))
    assert (cid.begin.after, cid.begin.by) == (began(30), minutes(120))


def test_what_was_read_for_the_first_time_is_not_known_before(course: Course) -> None:
    item = course.instance()
    course.read(item, without_memberships(0, an_account("ann"), boss("dba")))
    course.read(item, without_memberships(30, an_account("ann"), boss("dba")))
    course.sync(item, 60, member("ann", "dba"), boss("dba"))
    (one,) = course.of(item, "ann")
    assert (one.begin.kind, one.begin.after, one.begin.by) == (EdgeKind.UNREAD, None, minutes(60))
    assert one.at_most is None


def test_a_section_of_one_database_makes_no_superuser_uncertain(course: Course) -> None:
    item = course.instance()
    key = SectionKey(SectionName.TABLE, "shop")
    for at in (0, 30, 60):
        found = whole_snapshot((boss("ann") if at else an_account("ann"),), minutes(at))
        sections = {**found.sections, key: DENIED}
        course.read(item, replace(found, sections=sections, databases=frozenset({"shop"})))
    told = course.told(item)
    (one,) = told.tenures
    assert (one.begin.after, one.begin.by, one.blanks) == (began(0), minutes(30), ())
    assert any("shop" in note for note in told.notes)


def test_what_was_pruned_is_not_known_before(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, boss("ann"), an_account("bob"))
    course.sync(item, 30, boss("ann"), boss("bob"))
    course.sync(item, 90, boss("ann"), boss("bob"), boss("cid"))
    course.bench.store.change_retention.move_horizon(minutes(60))
    told = course.told(item)
    found = {one.account: one.begin for one in told.tenures}
    assert {name: edge.kind for name, edge in found.items()} == {
        "ann": EdgeKind.PRUNED, "bob": EdgeKind.PRUNED, "cid": EdgeKind.SEEN,
    }  # fmt: skip
    assert found["ann"].by == minutes(60)
    assert found["cid"].after == began(30)
    assert any("is not known any more" in note for note in told.notes)


def test_without_the_records_of_syncs_the_last_change_is_what_is_known(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, an_account("ann"))
    course.sync(item, 30, an_account("ann"), an_account("bob"))
    course.sync(item, 60, an_account("ann"), an_account("bob"))
    course.sync(item, 90, boss("ann"), an_account("bob"))
    course.sync(item, 300, boss("ann"), an_account("bob"))
    course.bench.store.session_retention.prune(minutes(100))
    told = course.told(item)
    (one,) = told.tenures
    assert (one.begin.kind, one.begin.after, one.begin.by) == (
        EdgeKind.SEEN, minutes(30), minutes(90),
    )  # fmt: skip
    assert any("SYNC_PIPELINE_SESSION_RETENTION_DAYS" in note for note in told.notes)


def test_a_period_has_what_was_held_in_it(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, boss("ann"), an_account("bob"), boss("cid"))
    course.sync(item, 30, boss("ann"), boss("bob"), an_account("cid"))
    course.sync(item, 90, an_account("ann"), boss("bob"), an_account("cid"))
    course.sync(item, 150, an_account("ann"), an_account("bob"), boss("cid"))
    told = course.told(item, since=minutes(60), until=minutes(120))
    found = {one.account: one for one in told.tenures}
    assert set(found) == {"ann", "bob"}
    assert (found["ann"].begin.kind, found["ann"].begin.by) == (EdgeKind.ASKED, minutes(60))
    assert found["ann"].end is not None
    assert (found["ann"].end.after, found["ann"].end.by) == (began(30), minutes(90))
    assert found["bob"].is_held
    assert found["bob"].held_at == minutes(90)
    with pytest.raises(ConfigurationError, match="before it begins"):
        course.told(item, since=minutes(60), until=minutes(30))
    early = course.told(item, until=minutes(-10))
    assert early.tenures == ()
    assert any("not synced yet" in note for note in early.notes)


def test_of_a_period_those_alone_that_changed(course: Course) -> None:
    same, other = course.instance(), course.instance()
    course.sync(same, 0, boss("ann"))
    course.sync(other, 0, boss("ann"))
    course.sync(other, 60, boss("ann"), boss("bob"))
    fleet = [same, other]
    found = tenures(course.deps(), fleet, SUPERUSERS, minutes(30), only_changed=True)
    assert [(one.instance, len(one.tenures)) for one in found] == [(other.name, 2)]
    assert len(list(tenures(course.deps(), fleet, SUPERUSERS, minutes(30)))) == 2


def test_what_the_command_says(command: Command) -> None:
    store = command.store()
    course = Course(StoreBench(store))
    item = course.instance()
    course.sync(item, 0, boss("root"), an_account("ann"), member("team"))
    course.sync(item, 30, boss("root"), member("ann", "team"), boss("team"))
    course.sync(item, 24 * 60 * 3, boss("root"), an_account("ann"), boss("team"))
    store.close()
    command.patch.setattr(context, "utc_now", lambda: minutes(24 * 60 * 3 + 30))
    command.patch.setenv("COLUMNS", "400")
    asked = ("accounts", "tenure", "--capability", "superuser", "--all")
    lines = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in command.ok(*asked).out.splitlines()
        if line.startswith("│")
    ]
    assert lines == [
        [
            item.name, "ann",
            "between 2026-03-01 11:59:55Z (not yet) and 2026-03-01 12:30:00Z (held)",
            "between 2026-03-01 12:29:55Z (held) and 2026-03-04 12:00:00Z (gone)",
            "0 min to 3 d", "ann → team (member, set role) → superuser", "",
        ],
        [
            item.name, "root", "at least since 2026-03-01 12:00:00Z, its first sync",
            "still held at 2026-03-04 12:00:00Z", "at least 3 d", "root → superuser",
            "between 2026-03-01 12:29:55Z and 2026-03-04 12:00:00Z: no sync completed",
        ],
        [
            item.name, "team",
            "between 2026-03-01 11:59:55Z (not yet) and 2026-03-01 12:30:00Z (held)",
            "still held at 2026-03-04 12:00:00Z", "2 d to 3 d", "team → superuser",
            "between 2026-03-01 12:29:55Z and 2026-03-04 12:00:00Z: no sync completed",
        ],
    ]  # fmt: skip
    held = command.ok("accounts", "tenure", "--capability", "superuser", "--json").json["tenures"]
    assert [one["account"] for one in held] == ["root", "team"]
    some = command.ok(*asked, "--account", "a%", "--csv").out.splitlines()
    assert len(some) == 2
    assert "More than 1 were found" in command.run(*asked, "--limit", "1", "--csv").err
    assert "two classes" in command.wrong(*asked, "--capability", "one", "--class", "two")
    assert "There is no class 'dbas'" in command.wrong("accounts", "tenure", "--capability=dbas")
    assert "Nothing is asked for" in command.wrong("accounts", "tenure")
    for word in ("grant-admin", "dangerous"):
        assert command.ok("accounts", "tenure", "--capability", word).out


def test_a_date_that_comes_is_exact(course: Course) -> None:
    """The end of a password ends nothing that a sync sees: it is judged by the clock."""
    item = course.instance()
    until = minutes(45)
    state = replace(an_account("ann"), attributes=(("valid_until", until.isoformat()),))
    course.sync(item, 0, state)
    course.sync(item, 30, state)
    course.bench.now = minutes(60)
    rule = AccountRule(capabilities=(Capability.EXPIRED,))
    assert course.told(item, rule, minutes(50)).tenures
    (one,) = course.of(item, "ann", rule)
    assert (one.begin.kind, one.begin.by) == (EdgeKind.CLOCK, until)


def test_by_a_role(course: Course) -> None:
    item = course.instance()
    course.sync(item, 0, an_account("ann"), member("r1", "dba"), an_account("dba"))
    course.sync(item, 30, member("ann", "r1"), member("r1", "dba"), an_account("dba"))
    (one,) = course.of(item, "ann", AccountRule(roles=("dba",)))
    assert one.begin.by == minutes(30)
    assert one.ways[0].way.path == ("ann", "r1 (member)", "dba (member)")


def test_plain_grants_cost_no_decision(course: Course) -> None:
    """On PostgreSQL a change of them alone is taken back, and nobody is asked about it."""
    item = course.instance()
    table = Securable(SecurableKind.TABLE, "shop", "public", "orders")
    course.sync(item, 0, boss("ann"), an_account("bob"))
    for number, privilege in enumerate(("SELECT", "INSERT", "DELETE"), 1):
        granted = replace(an_account("bob"), grants=(Grant(table, privilege),))
        course.sync(item, 30 * number, boss("ann"), granted)
    course.sync(item, 120, boss("ann"), boss("bob"))
    (bob,) = course.of(item, "bob")
    assert (bob.begin.after, bob.begin.by) == (began(90), minutes(120))


def rows_of(
    found: Sequence[Tenure],
) -> list[Row]:
    return [
        (one.account, one.begin.after, one.begin.by, one.end.by if one.end else None)
        for one in found
    ]


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32))
def test_a_random_history_is_that_of_the_ledger(shared: Course, seed: int) -> None:
    run_history(shared, seed, 14)


@pytest.mark.postgresql
def test_a_random_history_is_that_of_the_ledger_on_each_store(course: Course) -> None:
    run_history(course, 20, 25)


def states_of(world: World) -> Iterator[AccountState]:
    for name in sorted(world.there):
        state = member(name, *sorted(role for who, role in world.members if who == name))
        yield replace(state, is_superuser=name in world.superusers)


def run_history(course: Course, seed: int, syncs: int) -> None:
    chance, item, world, ledger = random.Random(seed), course.instance(), World(), Ledger()
    for number in range(syncs):
        for _ in range(chance.randrange(4)):
            world.change(chance)
        if number and chance.random() < 0.3:
            course.told(item)
        course.sync(item, 30 * number, *states_of(world), an_account("nobody"))
        ledger.write(began(30 * number), minutes(30 * number), world.holders())
    assert rows_of(course.told(item).tenures) == ledger.all()


RULES = (
    *(AccountRule(capabilities=(item,)) for item in (
        Capability.SUPERUSER, Capability.GRANT_ADMIN, Capability.DANGEROUS, Capability.LOCKED,
        Capability.EXPIRED, Capability.WEAK_AUTHENTICATION,
    )),
    AccountRule(capabilities=(Capability.SUPERUSER, Capability.GRANT_ADMIN), with_own=True),
)  # fmt: skip


def random_snapshot(chance: random.Random, engine: EngineName, now: datetime) -> Snapshot:
    found = reviewed_snapshot(chance, engine, now)
    sections = {SectionKey(name): DENIED if chance.random() < 0.1 else READ for name in SectionName}
    sections[SectionKey(SectionName.ACCOUNTS)] = READ
    version = NEWER[engine] if chance.random() < 0.3 else found.server.version
    return replace(found, sections=sections, server=ServerIdentity(version, (1,)), server_facts=())


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), engine=st.sampled_from(EngineName))
def test_who_had_it_at_a_moment_is_who_is_said_to_have_had_it(
    shared: Course, seed: int, engine: EngineName
) -> None:
    """Of every engine and capability: at each moment the tenures are what is answered of then."""
    chance, item = random.Random(seed), shared.instance(engine)
    for number in range(5):
        shared.read(item, random_snapshot(chance, engine, minutes(60 * number)))
    shared.bench.now = minutes(60 * 5)
    for rule in RULES:
        for since in chance.sample(range(300), 3):
            shared.told(item, rule, minutes(since), minutes(chance.randrange(since, 300)))
        found = shared.told(item, rule).tenures
        for moment in (minutes(30 * number) for number in range(11)):
            said, _ = accounts_of_rule(shared.deps(), [item], rule, moment)
            held = {
                one.account
                for one in found
                if one.begin.by <= moment and (one.end is None or moment < one.end.by)
            }
            assert held == {one.state.name for one in said}, (rule, moment)


def test_kinds_of_accounts_are_no_obstacle(course: Course) -> None:
    item = course.instance()
    group = replace(member("team"), kind=AccountKind.ROLE, is_superuser=True)
    course.sync(item, 0, group)
    assert [one.account for one in course.told(item).tenures] == ["team"]
