"""What was answered at a moment is answered of that moment ever after."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.access.answers import AccountAccess, WhoCan
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.inventory import ChangeFilter
from sync_pipeline.model.past import Which
from sync_pipeline.model.privilege import (
    Grant,
    SectionKey,
    SectionName,
    Securable,
    SecurableKind,
)
from sync_pipeline.model.snapshot import SectionReport, SectionStatus, ServerIdentity, Snapshot
from sync_pipeline.model.viewer import EVERYTHING
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.serve import NoSecrets
from sync_pipeline.workflows.answers.access import access_of, search
from sync_pipeline.workflows.answers.history import accounts_at
from sync_pipeline.workflows.answers.past import each_at
from sync_pipeline.workflows.console.accounts import AccountAnswers
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.store_bench import START, StoreBench, an_account, minutes
from workbench.servers.fixtures_store import StoreServer
from workbench.servers.statements import counted, planned
from workbench.strategies.any_engine import NEWER, SHAPES
from workbench.strategies.reviewed_worlds import reviewed_snapshot

READ = SectionReport(SectionStatus.READ)
DENIED = SectionReport(SectionStatus.DENIED, "it may not be read")
_NAMES = count()


@dataclass
class Past:
    """A store, and questions as they are asked at a moment."""

    bench: StoreBench

    def deps(self) -> SyncDeps:
        now = self.bench.now
        return SyncDeps(self.bench.store, NoSecrets(), Settings(), lambda: now)

    def sync(self, item: Instance, snapshot: Snapshot) -> None:
        session = self.bench.open([item])
        self.bench.apply_snapshot(self.bench.claim(session, item), item, snapshot)

    def who_can(
        self, item: Instance, privilege: str, text: str, at: datetime | None = None
    ) -> WhoCan | str:
        (known,) = self.bench.store.registry.ever_by_ids([item.id])
        found = search(self.deps(), privilege, text, [[known]], at)
        try:
            return found.answer(list(found.holders()))
        except ConfigurationError as error:
            return str(error)

    def access_of(
        self, item: Instance, name: str, at: datetime | None = None
    ) -> AccountAccess | str:
        try:
            return access_of(self.deps(), name, item.name, at)
        except ConfigurationError as error:
            return str(error)

    def answers(self, item: Instance, at: datetime | None = None) -> dict[Any, Any]:
        """Return what is asked of an instance, with all that is said not to be known."""
        shape = SHAPES[item.engine]
        asked = [("SELECT", str(on)) for on in shape.securables[1:2]] + [("DELETE", "orders")]
        found: dict[Any, Any] = {key: self.who_can(item, *key, at) for key in asked}
        return {**found, **{name: self.access_of(item, name, at) for name in shape.names[:1]}}


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    yield Past(StoreBench(store))
    store.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    store = Store.open(f"sqlite:///{tmp_path_factory.mktemp('past')}/sync_pipeline.db")
    yield Past(StoreBench(store))
    store.close()


def an_instance(past: Past, engine: EngineName) -> Instance:
    (item,) = past.bench.fleet(f"i{next(_NAMES)}")
    past.bench.store.registry.put_instances([replace(item, engine=engine)], past.bench.now)
    return replace(item, engine=engine)


def random_snapshot(chance: random.Random, engine: EngineName, now: datetime) -> Snapshot:
    """Return one of which each section was read or not; a server is upgraded now and then."""
    found = reviewed_snapshot(chance, engine, now)
    sections = {
        SectionKey(name): DENIED if chance.random() < 0.2 else READ
        for name in SectionName
        if name is not SectionName.ACCOUNTS
    }
    more = SectionReport(SectionStatus.READ, "Nothing reads a column of its catalog.")
    sections[SectionKey(SectionName.ACCOUNTS)] = more if chance.random() < 0.3 else READ
    version = NEWER[engine] if chance.random() < 0.3 else found.server.version
    return replace(found, sections=sections, server=ServerIdentity(version, (1,)), server_facts=())


@settings(max_examples=4)
@given(seed=st.integers(0, 2**32), engine=st.sampled_from(EngineName))
def test_an_answer_of_a_moment_is_the_one_that_was_given_then(
    shared: Past, seed: int, engine: EngineName
) -> None:
    chance, item = random.Random(seed), an_instance(shared, engine)
    begin = shared.bench.now
    given_then: dict[datetime, dict[Any, Any]] = {}
    for number in range(3):
        shared.bench.now = begin + timedelta(hours=number)
        if chance.random() < 0.8:
            shared.sync(item, random_snapshot(chance, engine, shared.bench.now))
        elif not number:
            continue
        given_then[shared.bench.now] = shared.answers(item)
    shared.bench.now += timedelta(hours=1)
    for moment, said in given_then.items():
        assert shared.answers(item, moment) == said


def test_a_moment_of_which_nothing_can_be_said_is_refused(past: Past) -> None:
    item = an_instance(past, EngineName.POSTGRESQL)
    past.bench.now = minutes(60)
    past.sync(item, random_snapshot(random.Random(1), item.engine, past.bench.now))
    with pytest.raises(ConfigurationError, match="has not come yet"):
        search(past.deps(), "SELECT", "database:shop", [[item]], minutes(61))
    past.bench.store.change_retention.move_horizon(minutes(30))
    with pytest.raises(ConfigurationError, match="not known any more"):
        search(past.deps(), "SELECT", "database:shop", [[item]], minutes(29))
    with pytest.raises(ConfigurationError, match="not known any more"):
        access_of(past.deps(), "ann", item.name, minutes(29))


def test_the_moment_from_which_on_it_is_said_to_be_known_is_known(past: Past) -> None:
    item = an_instance(past, EngineName.POSTGRESQL)
    past.bench.now = minutes(10)
    past.sync(item, with_database((an_account("ann"),), past.bench.now))
    for seconds, begin in ((0.0, 30), (0.000001, 31), (40.5, 31)):
        past.bench.store.change_retention.move_horizon(minutes(30) + timedelta(seconds=seconds))
        past.bench.now = minutes(60)
        said = past.access_of(item, "ann", minutes(29))
        assert isinstance(said, str)
        assert f"Ask for {minutes(begin):%Y-%m-%d %H:%M}Z or later." in said
        assert isinstance(past.access_of(item, "ann", minutes(begin)), AccountAccess)


@pytest.mark.parametrize("moments", [(1, 5, 3, 4, 2, 6, 3), (9, 1, 2, 2)])
def test_after_a_clock_that_was_set_back_each_answer_is_what_was_known(
    shared: Past, moments: tuple[int, ...]
) -> None:
    """What was known by a moment is what the last sync of those until then has written."""
    item, other = an_instance(shared, EngineName.MYSQL), an_instance(shared, EngineName.MYSQL)
    store, known, chance = shared.bench.store, [], random.Random(2)
    for number, moment in enumerate(moments):
        names = {f"n{number}", *chance.sample(("ann", "bob"), chance.randrange(3))}
        states = tuple(
            replace(an_account(name), attributes=(("number", number),)) for name in sorted(names)
        )
        known.append((moment, {(state.name, state.attributes) for state in states}))
        for one in (item, other):
            shared.bench.now = minutes(60 * moment)
            shared.sync(one, with_database(states, shared.bench.now))
    shared.bench.now = minutes(60 * 24)
    for hour in {0, 10, *moments}:
        expected = [names for moment, names in known if moment <= hour]
        listed = accounts_at(store, minutes(60 * hour), (item.id, other.id))
        ((_, past),) = each_at(shared.deps(), [item], minutes(60 * hour))
        found = {(name, state.attributes) for name, state in past.stored.accounts.items()}
        for one in (item, other):
            there = {
                (entry.state.name, entry.state.attributes)
                for entry in listed
                if entry.is_active and entry.instance == one.name
            }
            assert there == (expected[-1] if expected else set())
        assert found == (expected[-1] if expected else set())
    whole = ChangeFilter(instances=(item.id,), limit=None, oldest_first=True)
    again = replay(entry.change for entry in store.accounts.changes(whole))
    assert again == {known.state.name: known for known in store.accounts.known(item.id)}


def with_database(states: tuple[AccountState, ...], at: datetime, *names: str) -> Snapshot:
    sections = {SectionKey(name): READ for name in SectionName}
    sections |= {SectionKey(SectionName.TABLE, name): READ for name in names}
    return Snapshot(ServerIdentity("18.0", (18,)), at, states, sections, frozenset(names))


def owner_of(*names: str) -> AccountState:
    owned = (Grant(Securable(SecurableKind.DATABASE, name), "OWNER") for name in names)
    return replace(an_account("boss"), is_superuser=True, grants=tuple(owned))


def test_what_was_not_known_then_is_said(past: Past) -> None:
    item = an_instance(past, EngineName.POSTGRESQL)
    for moment in (minutes(60), minutes(60 * 24 * 5)):
        past.bench.now = moment
        past.sync(item, with_database((owner_of("shop"),), moment, "shop"))

    def gaps(moment: datetime) -> tuple[str, ...]:
        found = past.who_can(item, "CONNECT", "database:shop", moment)
        assert isinstance(found, WhoCan)
        assert [holder.state.name for holder in found.holders] == ["boss"]
        return found.gaps

    before = past.who_can(item, "CONNECT", "database:shop", minutes(59))
    assert isinstance(before, str)
    assert f"{item.name}: not synced yet at 2026-03-01 12:59:00Z" in before
    assert gaps(minutes(61)) == ()
    (gap,) = gaps(minutes(60 * 24 * 3))
    assert "the last sync before then was on 2026-03-01" in gap
    # The record of then is gone, and with it what that sync could not read.
    past.bench.store.session_retention.prune(minutes(61))
    (gap,) = gaps(minutes(61))
    assert "its record is not kept (SYNC_PIPELINE_SESSION_RETENTION_DAYS)" in gap


def test_a_database_counts_as_there_from_when_something_names_it(past: Past) -> None:
    """One that was made later is not there before, and one that was dropped was."""
    item = an_instance(past, EngineName.POSTGRESQL)

    for hours, names in ((1, ("old",)), (2, ("old", "new")), (3, ("new",))):
        past.bench.now = minutes(60 * hours)
        past.sync(item, with_database((owner_of(*names),), past.bench.now, *names))

    def absent(name: str, hours: int) -> bool:
        found = past.who_can(item, "CONNECT", f"database:{name}", minutes(60 * hours))
        return isinstance(found, str) or not found.is_found

    assert [absent("old", hours) for hours in (1, 2, 3)] == [False, False, True]
    assert [absent("new", hours) for hours in (1, 2, 3)] == [True, False, False]
    said = past.access_of(item, "boss", minutes(60))
    assert isinstance(said, AccountAccess)
    assert said.gaps == ()


def test_statements_do_not_grow_with_the_instances_that_did_not_change(past: Past) -> None:
    fleet = past.bench.fleet(*(f"many{number}" for number in range(12)))
    past.bench.now = minutes(60)
    for item in fleet:
        past.sync(item, with_database((an_account("ann"),), past.bench.now))
    past.bench.now = minutes(120)

    def sent(items: list[Instance]) -> int:
        with counted(past.bench.store) as statements:
            list(search(past.deps(), "SELECT", "server", [items], minutes(90)).holders())
        return len(statements)

    assert sent(fleet) == sent(fleet[:4])
    past.sync(fleet[0], with_database((an_account("ann", is_locked=True),), minutes(120)))
    assert sent(fleet[:10]) <= sent(fleet[1:11]) + 4


def test_what_was_at_a_moment_is_found_by_seeks(past: Past) -> None:
    (item,) = past.bench.fleet("sought")
    for hours in (1, 2):
        past.bench.now = minutes(60 * hours)
        past.sync(item, with_database((owner_of(*"ab"[:hours]),), past.bench.now))
    with planned(past.bench.store) as plans:
        past.who_can(item, "CONNECT", "database:a", minutes(60))
    assert plans
    found = {line.split()[1] for plan in plans for line in plan.splitlines() if "SCAN " in line}
    assert found.isdisjoint(
        {"account_change_log", "sync_instance_records", "instance_sections", "instance_databases"}
    )


def test_one_that_was_removed_since_was_there(past: Past) -> None:
    item = an_instance(past, EngineName.POSTGRESQL)
    past.bench.now = minutes(60)
    past.sync(item, random_snapshot(random.Random(1), item.engine, past.bench.now))
    known = past.answers(item)
    past.bench.store.registry.delete_instance(item.name, minutes(90))
    past.bench.now = minutes(120)
    assert past.answers(item, minutes(60)) == known
    assert "does not exist" in str(past.access_of(item, "ann", minutes(100)))
    assert [found.name for found in past.bench.store.registry.there_at(minutes(60))] == [item.name]
    assert past.bench.store.registry.there_at(minutes(90)) == []
    assert past.bench.now > START


def test_one_that_is_of_another_engine_now_is_judged_as_what_it_was(past: Past) -> None:
    """Registered anew under the same name, another server of another engine has its history."""
    item = an_instance(past, EngineName.MYSQL)
    boss = replace(
        an_account("'root'@'%'"), is_superuser=True,
        grants=(Grant(Securable(SecurableKind.SERVER), "SUPER"),),
    )  # fmt: skip
    past.bench.now = minutes(60)
    past.sync(item, with_database((boss,), minutes(60)))
    known = past.access_of(item, boss.name, minutes(60))
    assert isinstance(known, AccountAccess)
    assert [power.source for power in known.powers] == ["SUPER"]
    registry = past.bench.store.registry
    registry.delete_instance(item.name, minutes(80))
    registry.put_instances([replace(item, engine=EngineName.POSTGRESQL)], minutes(90))
    past.bench.now = minutes(120)
    anew = replace(item, engine=EngineName.POSTGRESQL)
    past.sync(anew, with_database((owner_of("shop"),), minutes(120)))
    assert past.access_of(item, boss.name, minutes(60)) == known
    ((then, _),) = each_at(past.deps(), [anew], minutes(60))
    assert then.engine is EngineName.MYSQL
    asked = Which(item.name, boss.name, minutes(60))
    found = AccountAnswers(past.deps(), EVERYTHING).one(asked)
    assert found is not None
    assert found.access == known


@pytest.mark.postgresql
def test_a_store_on_postgresql_answers_the_same(store_server: StoreServer) -> None:
    with store_server.store() as url:
        past = Past(StoreBench(Store.open(url)))
        chance, item = random.Random(3), an_instance(past, EngineName.SQLSERVER)
        said = {}
        for hours in (1, 2, 3):
            past.bench.now = minutes(60 * hours)
            past.sync(item, random_snapshot(chance, item.engine, past.bench.now))
            said[past.bench.now] = past.answers(item)
        for moment, answers in said.items():
            assert past.answers(item, moment) == answers
        early = past.who_can(item, "DELETE", "orders", minutes(59))
        assert "not synced yet" in str(early)
        past.bench.store.close()
