"""What the store gives questions about access, and the daily counts of classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from sync_pipeline.errors import StaleClaim
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.classification import ClassCount, DayCounts
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.privilege import Grant, SectionKey, SectionName, Securable, SecurableKind
from sync_pipeline.model.size import Measure
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline_tests.integration.test_store_accounts import counted_statements
from workbench.benches.store_bench import (
    DONE,
    START,
    StoreBench,
    an_account,
    an_instance,
    minutes,
)
from workbench.strategies.sizes import History, put_history

DAY = date(2026, 3, 1)
NEXT = DAY + timedelta(days=1)


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


def apply_counted(
    bench: StoreBench, instance: Instance, day: date, accounts: Mapping[str, int] | None
) -> None:
    session = bench.open([instance])
    claim = bench.claim(session, instance)
    result = bench.reconciled(instance, an_account("app"), observed_at=bench.now)
    counts = None if accounts is None else DayCounts(day, accounts)
    bench.store.accounts.apply(
        instance.id, result, claim, DONE, bench.now, "18.0", bench.now, counts
    )


def test_the_fleet_is_read_with_as_many_statements_as_one_instance(bench: StoreBench) -> None:
    fleet = bench.fleet(*[f"db{number}" for number in range(9)])
    for number, instance in enumerate(fleet[:-1]):
        bench.apply(instance, *[an_account(f"app{item}") for item in range(number + 1)])
    with counted_statements(bench.store) as one:
        bench.store.access.of([fleet[0].id])
    with counted_statements(bench.store) as all_of_them:
        found = bench.store.access.of([item.id for item in fleet])
    assert len(one) == len(all_of_them)
    assert [len(found[item.id].accounts) for item in fleet] == [1, 2, 3, 4, 5, 6, 7, 8, 0]
    assert found[fleet[-1].id].sections == {}
    assert found[fleet[0].id].databases is None


def test_only_active_accounts_are_read_with_their_last_change(bench: StoreBench) -> None:
    (instance,) = bench.fleet("db")
    bench.apply(instance, an_account("stays"), an_account("goes"))
    bench.now = minutes(5)
    bench.apply(instance, an_account("stays"), an_account("comes"))
    found = bench.store.access.of([instance.id])[instance.id]
    assert found.changed_at == {"stays": START, "comes": minutes(5)}
    assert found.accounts["stays"] == an_account("stays").canonical()


def test_the_sections_are_those_of_the_last_sync(bench: StoreBench) -> None:
    (instance,) = bench.fleet("db")
    for minute, sections in enumerate(
        (
            {SectionKey(SectionName.TABLE, "old"): SectionReport(SectionStatus.DENIED, "no")},
            {SectionKey(SectionName.TABLE, "new"): SectionReport(SectionStatus.FAILED, "slow")},
        )
    ):
        bench.now = minutes(minute)
        claim = bench.claim(bench.open([instance]), instance)
        result = bench.reconciled(instance, an_account("app"), observed_at=bench.now)
        read = replace(result, sections=sections)
        bench.store.accounts.apply(instance.id, read, claim, DONE, bench.now, "18", bench.now)
    assert bench.store.access.of([instance.id])[instance.id].sections == sections


def test_the_last_sync_of_a_day_counts(bench: StoreBench) -> None:
    one, two = bench.fleet("one", "two")
    apply_counted(bench, one, DAY, {"admins": 3, "gone": 1})
    apply_counted(bench, one, DAY, {"admins": 2})
    apply_counted(bench, two, DAY, {"admins": 5, "idle": 0})
    apply_counted(bench, two, NEXT, {"admins": 4, "idle": 1})
    assert bench.store.classes.daily(DAY, NEXT) == [
        ClassCount("admins", DAY, 7, 2),
        ClassCount("admins", NEXT, 4, 1),
        ClassCount("idle", DAY, 0, 1),
        ClassCount("idle", NEXT, 1, 1),
    ]
    assert bench.store.classes.daily(NEXT, NEXT)[0] == ClassCount("admins", NEXT, 4, 1)
    assert bench.store.classes.present() == [
        ClassCount("admins", DAY, 6, 2),
        ClassCount("idle", NEXT, 1, 1),
    ]
    bench.store.registry.delete_instance("one", bench.now)
    assert bench.store.classes.present()[0] == ClassCount("admins", NEXT, 4, 1)


def test_a_sync_that_could_not_count_leaves_the_counts(bench: StoreBench) -> None:
    (instance,) = bench.fleet("one")
    apply_counted(bench, instance, DAY, {"admins": 3})
    apply_counted(bench, instance, DAY, None)
    assert bench.store.classes.daily(DAY, DAY) == [ClassCount("admins", DAY, 3, 1)]
    apply_counted(bench, instance, DAY, {})
    assert bench.store.classes.daily(DAY, DAY) == []


def test_counts_are_written_with_the_sync_or_not_at_all(bench: StoreBench) -> None:
    (instance,) = bench.fleet("one")
    session = bench.open([instance])
    late = bench.claim(session, instance)
    bench.claim(session, instance)
    result = bench.reconciled(instance, an_account("app"), observed_at=START)
    with pytest.raises(StaleClaim):
        bench.store.accounts.apply(
            instance.id, result, late, DONE, START, "18", START, DayCounts(DAY, {"admins": 1})
        )
    assert bench.store.classes.present() == []


def test_counting_costs_a_constant_number_of_statements(bench: StoreBench) -> None:
    (instance,) = bench.fleet("one")
    sent = []
    for classes in (1, 40):
        with counted_statements(bench.store) as statements:
            apply_counted(bench, instance, DAY, {f"class {item}": item for item in range(classes)})
        sent.append(len(statements))
    assert sent[0] >= sent[1]


@pytest.mark.parametrize("excluded", [(), ("gone",)])
def test_a_review_leaves_out_databases_that_are_never_listed(
    bench: StoreBench, tmp_path: Path, excluded: tuple[str, ...]
) -> None:
    bench.fleet()  # the credential
    bench.store.registry.put_instances([an_instance("one", EngineName.MYSQL)], bench.now)
    (one,) = bench.store.registry.instances()
    on_gone = Grant(Securable(SecurableKind.DATABASE, "gone"), "SELECT")
    bench.apply(one, replace(an_account("'app'@'%'"), grants=(on_gone,)))
    known = Measure.known(1)
    history = History({NEXT: {"shop": (known, known, known)}}, NEXT)
    put_history(bench.store, one.id, history)
    settings = Settings(home=tmp_path, excluded_databases=excluded)
    deps = SyncDeps(bench.store, SecretVault.open(settings), settings, lambda: minutes(9_000))
    rules = {finding.rule for finding in review_of(deps, [one]).findings}
    assert ("gone-database" in rules) == (not excluded)
