"""What a sync writes of accounts, all or nothing, and how it is found again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from sync_pipeline.errors import StaleClaim
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.change import ChangeType
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.inventory import AccountFilter, ChangeFilter
from sync_pipeline.model.session import RecordStatus, SessionStatus
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import (
    DONE,
    START,
    StoreBench,
    an_account,
    an_instance,
    minutes,
)
from workbench.strategies.accounts import states

ODD_NAMES = ["x" * 128, 'q"uote', "o'brien", "50%", "under_score", "back\\slash", "用户", "a\nb"]


@pytest.fixture
def bench(store: Store) -> StoreBench:
    return StoreBench(store)


@pytest.fixture
def instance(bench: StoreBench) -> Instance:
    (found,) = bench.fleet("db")
    return found


@contextmanager
def counted_statements(store: Store) -> Iterator[list[str]]:
    """Collect every statement that the store sends; a batch of rows counts once."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    engine = store._database.engine
    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def found_names(store: Store, **wanted: object) -> list[str]:
    return [item.state.name for item in store.accounts.find(AccountFilter(**wanted))]  # type: ignore[arg-type]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.lists(states(), unique_by=lambda state: state.name, max_size=4),
    after=st.lists(states(), unique_by=lambda state: state.name, max_size=4),
)
def test_the_store_holds_what_was_reported_last(
    bench: StoreBench,
    instance: Instance,
    before: list[AccountState],
    after: list[AccountState],
) -> None:
    bench.apply(instance, *before)
    bench.apply(instance, *after)
    known = bench.store.accounts.known(instance.id)
    assert len({item.state.name for item in known}) == len(known)
    active = {item.state.name: item.state for item in known if item.is_active}
    assert active == {state.name: state.canonical() for state in after}
    again = bench.reconciled(instance, *after, observed_at=START)
    assert again.changes == ()


def test_dates_follow_an_account(bench: StoreBench, instance: Instance) -> None:
    def view() -> tuple[object, ...]:
        found = bench.store.accounts.get("db", "app")
        assert found is not None
        return (
            found.is_active,
            found.first_seen_at,
            found.last_seen_at,
            found.deleted_at,
            found.last_sync_at,
            found.last_change_at,
        )

    bench.now = minutes(1)
    bench.apply(instance, an_account("app"))
    assert view() == (True, minutes(1), minutes(1), None, minutes(1), minutes(1))
    bench.now = minutes(2)
    bench.apply(instance, an_account("app"))
    assert view() == (True, minutes(1), minutes(2), None, minutes(2), minutes(1))
    bench.now = minutes(3)
    bench.apply(instance, an_account("app", is_locked=True))
    assert view() == (True, minutes(1), minutes(3), None, minutes(3), minutes(3))
    bench.now = minutes(4)
    bench.apply(instance)
    assert view()[:4] == (False, minutes(1), minutes(3), minutes(4))
    bench.now = minutes(5)
    bench.apply(instance, an_account("app"))
    assert view()[:4] == (True, minutes(1), minutes(5), None)


def test_every_change_is_logged_with_its_session(bench: StoreBench, instance: Instance) -> None:
    sessions = []
    for minute, accounts in enumerate(
        [["app"], ["app", "web"], ["web"], ["app", "web"], ["app", "web"]]
    ):
        bench.now = minutes(minute)
        sessions.append(bench.apply(instance, *map(an_account, accounts)).session_id)
    log = bench.store.accounts.changes(ChangeFilter(oldest_first=True))
    assert [(item.change.account, item.change.change_type, item.session_id) for item in log] == [
        ("app", ChangeType.ADD, sessions[0]),
        ("web", ChangeType.ADD, sessions[1]),
        ("app", ChangeType.REMOVE, sessions[2]),
        ("app", ChangeType.REACTIVATE, sessions[3]),
    ]

    def filtered(**wanted: object) -> list[int]:
        found = bench.store.accounts.changes(ChangeFilter(**wanted))  # type: ignore[arg-type]
        return [item.changed_at.minute for item in found]

    assert filtered() == [3, 2, 1, 0]
    assert filtered(limit=1) == [3]
    assert filtered(account="app") == [3, 2, 0]
    assert filtered(account="APP") == []
    assert filtered(session_id=sessions[1]) == [1]
    assert filtered(since=minutes(1), until=minutes(2)) == [2, 1]
    assert filtered(change_types=(ChangeType.ADD, ChangeType.REMOVE)) == [2, 1, 0]
    assert filtered(instances=(instance.id,)) == [3, 2, 1, 0]
    assert filtered(instances=()) == []


def test_accounts_are_found_by_what_they_are(bench: StoreBench, instance: Instance) -> None:
    bench.store.registry.put_instances([an_instance("my", EngineName.MYSQL)], START)
    other = bench.store.registry.instance("my")
    assert other is not None
    accounts = [
        replace(an_account("root"), is_superuser=True),
        an_account("locked", is_locked=True),
        an_account("App"),
        an_account("gone"),
    ]
    bench.apply(instance, *accounts)
    bench.apply(instance, *accounts[:-1])
    bench.apply(other, an_account("app_one"))
    store = bench.store
    assert sorted(found_names(store)) == ["App", "app_one", "locked", "root"]
    assert found_names(store, only_active=False, name="gone") == ["gone"]
    assert found_names(store, only_superusers=True) == ["root"]
    assert found_names(store, only_locked=True) == ["locked"]
    assert found_names(store, instances=(other.id,)) == ["app_one"]
    assert found_names(store, name="App") == ["App"]
    assert found_names(store, name="app%") == ["app_one"]
    assert found_names(store, name="app\\_%") == ["app_one"]
    assert len(found_names(store, limit=1)) == 1
    assert store.accounts.get("db", "nobody") is None


def test_odd_names_are_kept_apart(bench: StoreBench, instance: Instance) -> None:
    bench.apply(instance, *map(an_account, ODD_NAMES))
    for name in ODD_NAMES:
        found = bench.store.accounts.get("db", name)
        assert found is not None
        assert found.state.name == name
    bench.apply(instance, *map(an_account, ODD_NAMES[1:]))
    gone = bench.store.accounts.get("db", ODD_NAMES[0])
    assert gone is not None
    assert not gone.is_active


def test_a_late_worker_changes_nothing_at_all(bench: StoreBench, instance: Instance) -> None:
    bench.apply(instance, an_account("app"))
    session = bench.open([instance])
    late = bench.claim(session, instance)
    bench.store.sessions.close_run(
        session.session_id, session.run_id, SessionStatus.FAILED, "killed", START
    )
    before = bench.store.accounts.known(instance.id)
    log = bench.store.accounts.changes(ChangeFilter())
    bench.now = minutes(30)
    with pytest.raises(StaleClaim):
        bench.apply_claimed(late, instance, an_account("new"))
    assert bench.store.accounts.known(instance.id) == before
    assert bench.store.accounts.changes(ChangeFilter()) == log
    assert bench.record(session.session_id, instance).status is RecordStatus.FAILED
    found = bench.store.registry.instance("db")
    assert found is not None
    assert found.last_connected_at == START


def test_permissions_name_the_session_and_the_instance(
    bench: StoreBench, instance: Instance
) -> None:
    session = bench.apply(instance, an_account("app"))
    with bench.store._database.read() as connection:
        row = connection.exec_driver_sql(
            "SELECT session_id, sync_session_id FROM account_permissions"
        ).one()
    assert tuple(row) == (f"{session.session_id}_{instance.id}", session.session_id)


def test_thousands_of_accounts_take_as_many_statements_as_a_few(bench: StoreBench) -> None:
    def statements(instance: Instance, count: int) -> int:
        accounts = [an_account(f"user{number:04}") for number in range(count)]
        locked = [replace(account, is_locked=True) for account in accounts[: count // 2]]
        bench.apply(instance, *accounts)
        session = bench.open([instance])
        claim = bench.claim(session, instance)
        result = bench.reconciled(instance, *locked, observed_at=START)
        assert (len(result.deactivated), result.permissions_updated) == (count // 2, count // 2)
        with counted_statements(bench.store) as sent:
            bench.store.accounts.apply(instance.id, result, claim, DONE, START, "18.0", START)
        known = bench.store.accounts.known(instance.id)
        assert sum(item.is_active for item in known) == count // 2
        assert sum(item.state.is_locked for item in known) == count // 2
        return len(sent)

    few, many = bench.fleet("few", "many")
    # 2,500 rows of permissions are above the bind limit of one statement: a second one.
    assert statements(many, 5000) <= statements(few, 50) + 3


def test_sections_keep_the_date_of_their_last_read(bench: StoreBench, instance: Instance) -> None:
    bench.apply(instance, an_account("app"))
    (first, *_) = bench.store.accounts.sections(instance.id)
    bench.now = minutes(10)
    session = bench.open([instance])
    claim = bench.claim(session, instance)
    result = bench.reconciled(instance, an_account("app"), observed_at=bench.now)
    denied = SectionReport(SectionStatus.DENIED, "no privilege")
    partly = replace(result, sections={**result.sections, first.key: denied})
    bench.store.accounts.apply(instance.id, partly, claim, DONE, bench.now, "18.0", bench.now)
    states_of = {item.key: item for item in bench.store.accounts.sections(instance.id)}
    assert states_of[first.key] == replace(first, report=denied, checked_at=minutes(10))
    others = [item for key, item in states_of.items() if key != first.key]
    assert {item.last_read_at for item in others} == {minutes(10)}
