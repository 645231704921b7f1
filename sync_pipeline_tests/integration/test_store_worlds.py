"""The row that holds all accounts of an instance: when it is written, and what damage does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import Baseline, LoggedChange
from sync_pipeline.model.change_json import diff_to_json
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.inventory import AccountFilter, ChangeFilter, Wanted
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.reconcile.replay import replay
from sync_pipeline.store import world_rows
from sync_pipeline.store.schema import account_change_log as log
from sync_pipeline.store.schema import instance_worlds as worlds
from sync_pipeline.store.store import Store
from sync_pipeline.store.worlds import reading
from sync_pipeline.workflows.answers.history import accounts_at, change_list
from sync_pipeline_tests.integration.test_store_accounts import counted_statements
from workbench.benches.store_bench import DONE, START, StoreBench, an_account, minutes


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


@pytest.fixture
def instance(bench: StoreBench) -> Instance:
    (found,) = bench.fleet("db")
    return found


def on(*tables: str) -> tuple[Grant, ...]:
    return tuple(Grant(Securable(SecurableKind.TABLE, "d", "s", name), "SELECT") for name in tables)


def holder(name: str, *tables: str) -> AccountState:
    return replace(an_account(name), grants=on(*tables))


def written(bench: StoreBench) -> list[tuple[object, ...]]:
    query = worlds.select().with_only_columns(worlds.c.digest, worlds.c.written_at)
    with bench.store._database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_it_is_written_where_something_changed_and_not_otherwise(
    bench: StoreBench, instance: Instance
) -> None:
    syncs = (
        (1, "app", "web"),
        (1, "app", "web"),
        (3, "app"),
        (3, "app"),
        (5, "app", "web"),
        (6, "app", "web", "new"),
    )
    for minute, (expected, *names) in enumerate(syncs, 1):
        bench.now = minutes(minute)
        bench.apply(instance, *(holder(name, "t") for name in names))
        ((_, at),) = written(bench)
        assert at == minutes(expected), minute
    digests = []
    for locked in (True, False, True):
        bench.apply(instance, replace(holder("app", "t"), is_locked=locked))
        digests.append(written(bench)[0][0])
    assert digests[0] != digests[1]


def test_a_sync_that_was_made_from_older_accounts_loses_none(
    bench: StoreBench, instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another one, whose lease had ended, writes between its reading and its transaction."""
    bench.apply(instance, an_account("app"), an_account("web"))
    late = bench.claim(bench.open([instance]), instance)
    locked = an_account("app", is_locked=True), an_account("web")
    result = bench.reconciled(instance, *locked, observed_at=START)
    make = world_rows.next_world
    calls = []

    def made(*arguments: object) -> object:
        found = make(*arguments)  # type: ignore[arg-type]
        calls.append(found)
        if len(calls) == 1:
            bench.apply(instance, an_account("app"), an_account("web", is_locked=True))
        return found

    monkeypatch.setattr("sync_pipeline.store.accounts.next_world", made)
    bench.store.accounts.apply(instance.id, result, late, DONE, START, "18.0", START)
    known = {
        item.state.name: item.state.is_locked for item in bench.store.accounts.known(instance.id)
    }
    assert known == {"app": True, "web": True}


def test_a_part_is_read_with_all_accounts(bench: StoreBench) -> None:
    fleet = bench.fleet("one", "two", "never")
    for instance in fleet[:2]:
        bench.apply(instance, holder("app", "a", "b"), holder("all", "c", "d"), an_account("gone"))
        bench.now = minutes(1)
        bench.apply(instance, holder("app", "a", "b"), holder("all", "c", "d"))
    ids = [item.id for item in fleet]
    wanted = Wanted(lambda item: item.name == "a", lambda name: name == "all")
    found = dict(bench.store.access.each(ids, lambda _: wanted))
    assert list(found) == ids
    assert {name: state.grants for name, state in found[ids[0]].accounts.items()} == {
        "app": on("a"),
        "all": on("c", "d"),
    }
    assert found[ids[2]].accounts == {}
    whole = bench.store.access.of(ids)
    assert dict(bench.store.access.each(ids)) == whole
    # Two accounts of one instance are compared: it is asked for twice.
    assert list(bench.store.access.each([*ids, *ids])) == [*whole.items(), *whole.items()]
    assert bench.store.access.of([ids[0], ids[0], 999]) == {
        ids[0]: whole[ids[0]],
        999: whole[ids[2]],
    }
    for item in ids:
        assert found[item].changed_at == whole[item].changed_at
        assert found[item].sections == whole[item].sections


def test_instances_are_unpacked_one_after_the_other(
    bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted: what was not asked for yet is not unpacked, and rows come some at a time."""
    fleet = bench.fleet(*(f"db{number}" for number in range(7)))
    for instance in fleet:
        bench.apply(instance, an_account("app"))
    monkeypatch.setattr("sync_pipeline.store.access.FIRST", 3)
    monkeypatch.setattr("sync_pipeline.store.access.AT_ONCE", 3)
    read = reading.read_world
    unpacked = []

    def counted(*arguments: object) -> object:
        unpacked.append(arguments)
        return read(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(world_rows, "read_world", counted)
    with counted_statements(bench.store) as sent:
        each = bench.store.access.each([item.id for item in fleet])
        for number, (_, stored) in enumerate(each, 1):
            assert len(stored.accounts) == 1
            assert len(unpacked) == number
    reads = [statement for statement in sent if statement.lstrip().startswith("SELECT")]
    assert len(reads) == 3 * 3


def test_finding_accounts_takes_few_statements(
    bench: StoreBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet = bench.fleet(*(f"db{number:02}" for number in range(5)))
    for instance in fleet:
        bench.apply(instance, holder("app", "a"), holder("web", "b", "c"))
    monkeypatch.setattr("sync_pipeline.store.account_views.AT_ONCE", 3)
    with counted_statements(bench.store) as sent:
        found = bench.store.accounts.find(AccountFilter(name="w%"))
    assert [(item.instance, item.state) for item in found] == [
        (item.name, holder("web", "b", "c").canonical()) for item in fleet
    ]
    assert len([item for item in sent if item.lstrip().startswith("SELECT")]) == 3


def rows(bench: StoreBench) -> list[dict[str, object]]:
    with bench.store._database.read() as connection:
        return [dict(row) for row in connection.execute(worlds.select()).mappings()]


def damage(bench: StoreBench, **values: object) -> None:
    with bench.store._database.write() as connection:
        connection.execute(update(worlds).values(values))


def removed(bench: StoreBench) -> None:
    with bench.store._database.write() as connection:
        connection.execute(delete(worlds))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda bench: damage(bench, accounts=b"\x05\0\0\0\0\0\0\0hello"),
        lambda bench: damage(bench, grants=b""),
        lambda bench: damage(bench, digest="0" * 64),
        lambda bench: damage(bench, format=7),
        removed,
    ],
)
def test_damage_is_one_error_everywhere(
    bench: StoreBench, instance: Instance, spoil: Callable[[StoreBench], None]
) -> None:
    bench.apply(instance, holder("app", "t"))
    claim = bench.claim(bench.open([instance]), instance)
    result = bench.reconciled(instance, holder("app", "t", "u"), observed_at=START)
    before = bench.store.accounts.changes(ChangeFilter())
    spoil(bench)
    asked: tuple[Callable[[], object], ...] = (
        lambda: bench.store.accounts.known(instance.id),
        lambda: bench.store.accounts.get("db", "app"),
        lambda: bench.store.accounts.find(AccountFilter()),
        lambda: bench.store.access.of([instance.id]),
        lambda: list(bench.store.access.each([instance.id])),
        lambda: bench.store.accounts.apply(instance.id, result, claim, DONE, START, "18.0", START),
    )
    for ask in asked:
        with pytest.raises(StoreDamaged, match=r"^db: What the store keeps") as caught:
            ask()
        assert str(caught.value).endswith("restore the store from its backup.")
    assert bench.store.accounts.changes(ChangeFilter()) == before


def test_accounts_that_the_row_does_not_have_are_said(
    bench: StoreBench, instance: Instance
) -> None:
    bench.apply(instance, an_account("app"))
    (was,) = rows(bench)
    bench.apply(instance, an_account("app"), an_account("web"))
    damage(bench, **{name: was[name] for name in ("accounts", "grants", "digest")})
    with pytest.raises(StoreDamaged, match=r"^db: .* 1 of its accounts are not there"):
        bench.store.accounts.get("db", "web")
    assert bench.store.accounts.get("db", "app") is not None


def test_entries_that_tell_nothing_are_known_in_either_form(
    bench: StoreBench, instance: Instance
) -> None:
    bench.apply(instance, an_account("app"))
    bench.apply(instance, replace(an_account("app"), attributes=(("connection_limit", -1),)))
    bench.apply(instance, an_account("app", is_locked=True))

    def told() -> list[int]:
        wanted = ChangeFilter(with_silent=False, with_baselines=False)
        return [len(entry.change.lines) for entry in bench.store.accounts.changes(wanted)]

    entries = bench.store.accounts.changes(ChangeFilter(with_baselines=False))
    assert sorted(len(entry.change.lines) for entry in entries) == [0, 1]
    assert told() == [1]
    with bench.store._database.write() as connection:
        for entry in entries:
            old = {
                "diff": diff_to_json(entry.change.diff),
                "lines": list(entry.change.lines),
                "packed": None,
            }
            connection.execute(update(log).where(log.c.id == entry.id).values(old))
    assert bench.store.accounts.changes(ChangeFilter(with_baselines=False)) == entries
    assert told() == [1]


def test_a_damaged_entry_of_the_log_is_named(bench: StoreBench, instance: Instance) -> None:
    bench.apply(instance, holder("app", "t"))
    with bench.store._database.write() as connection:
        connection.execute(update(log).values(packed=b"\x01\x02\0\0\0xx"))
    with pytest.raises(StoreDamaged, match=r"^db: The entry \d+ of its change log is not what"):
        bench.store.accounts.changes(ChangeFilter())


def test_a_damaged_entry_of_the_log_costs_no_list(bench: StoreBench, instance: Instance) -> None:
    bench.apply(instance, holder("app", "t"))
    bench.now = minutes(1)
    bench.apply(instance, holder("app", "t"), holder("web"))
    bench.now = minutes(2)
    bench.apply(instance, holder("app"), holder("web"))
    with bench.store._database.write() as connection:
        connection.execute(update(log).where(log.c.account_name == "web").values(packed=b"\x01"))
    granted, damaged, first = change_list(bench.store, ChangeFilter())
    assert isinstance(first, Baseline)
    assert isinstance(granted, LoggedChange)
    assert isinstance(damaged, LoggedChange)
    assert granted.change.lines == ("revoked SELECT on table d.s.t",)
    (line,) = damaged.change.lines
    assert re.match(r"not known: The entry \d+ of its change log is not what was written", line)
    with pytest.raises(StoreDamaged, match=r"^db: The entry \d+"):
        accounts_at(bench.store, START)


def test_odd_text_is_kept_in_states_and_in_the_log(bench: StoreBench, instance: Instance) -> None:
    """PostgreSQL keeps neither NUL nor halves of surrogate pairs in its JSON or text."""
    odd = replace(
        an_account("app"),
        attributes=(("a\0b", "\ud800"), ("big", 2**70), ("long", "x" * 10_000)),
        grants=on("t\0", "\udfff"),
    )
    bench.apply(instance, an_account("app"))
    bench.apply(instance, odd)
    (known,) = bench.store.accounts.known(instance.id)
    assert known.state == odd.canonical()
    entries = bench.store.accounts.changes(ChangeFilter(oldest_first=True))
    assert replay(entry.change for entry in entries) == {"app": known}
