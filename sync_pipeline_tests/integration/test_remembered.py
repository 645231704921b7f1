"""What the console remembers of a store is what is there, whoever writes it and whenever."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Connection, event, insert, select, update

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.past import Which
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.viewer import EVERYTHING, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.remembered import Remembered
from sync_pipeline.store.schema import maintenance_windows as windows
from sync_pipeline.store.store import Store
from sync_pipeline.web import app
from sync_pipeline.web.resource import API
from sync_pipeline.web.serve import NoSecrets, reading
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.console import findings
from sync_pipeline.workflows.console.accounts import AccountAnswers
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline_tests.integration.test_console_scale import first_requests
from sync_pipeline_tests.integration.test_console_teams import LIMITED, OTHER, OWN, Request
from workbench.benches.store_bench import StoreBench, an_account, whole_snapshot
from workbench.fleet.teams import NOW as TEAMS_NOW
from workbench.fleet.teams import fill
from workbench.running.asked_pages import Pages
from workbench.strategies.reviewed_worlds import reviewed_snapshot

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)


def _add(connection: Connection, reason: str) -> None:
    values = {"tag": "a", "starts_at": NOW, "ends_at": NOW, "reason": reason}
    connection.execute(insert(windows).values(values))


def _reasons(store: Store) -> list[str]:
    with store._database.read_once() as connection:
        return list(connection.scalars(select(windows.c.reason).order_by(windows.c.id)))


@pytest.fixture
def reader(store: Store, store_url: str) -> Iterator[Store]:
    """Return the store as the console opens it."""
    with closing(Store.open_to_read(store_url)) as opened:
        yield opened


def _read(reader: Store) -> list[str]:
    return reader.remember("reasons", lambda: _reasons(reader))


@pytest.mark.parametrize("seed", range(4))
def test_what_is_remembered_is_what_is_there(store: Store, reader: Store, seed: int) -> None:
    """Transactions begin, write, commit and roll back in any order; each step is looked at."""
    chance = random.Random(seed)
    is_sqlite = store._database.is_sqlite
    with ExitStack() as stack:
        writers = [
            stack.enter_context(store._database.engine.connect())
            for _ in range(1 if is_sqlite else 3)
        ]
        for step in range(60):
            connection = chance.choice(writers)
            match chance.randrange(4):
                case 0:
                    connection.rollback()
                case 1 | 2:
                    if is_sqlite and not connection.in_transaction():
                        connection.exec_driver_sql("BEGIN IMMEDIATE")
                    _add(connection, str(step))
                case _:
                    connection.commit()
            assert _read(reader) == _reasons(reader)
            assert _read(reader) is _read(reader)
        for connection in writers:
            connection.rollback()
    assert len(_read(reader)) > 3


def test_nothing_is_asked_again_until_something_is_written(store: Store, reader: Store) -> None:
    made: list[int] = []

    def make() -> int:
        made.append(1)
        return len(made)

    with store._database.write() as connection:
        _add(connection, "first")
    assert [reader.remember("n", make) for _ in range(3)] == [1, 1, 1]
    assert reader.remember("other", make) == 2
    with store._database.write() as connection:
        connection.execute(update(windows).values(reason="second"))
    assert [reader.remember("n", make) for _ in range(3)] == [3, 3, 3]


def test_who_writes_remembers_nothing(store: Store) -> None:
    made = iter((1, 2))
    assert store.remember("n", lambda: next(made)) == 1
    assert store.remember("n", lambda: next(made)) == 2


def test_what_a_page_reads_is_of_one_state(store: Store, reader: Store) -> None:
    """On PostgreSQL one transaction, and one mark; SQLite begins anew for each read."""
    is_one = not store._database.is_sqlite
    with reader.one_view():
        assert _read(reader) == _reasons(reader) == []
        before = reader._database.mark()
        with store._database.write() as connection:
            _add(connection, "meanwhile")
        assert (reader._database.mark() == before) is is_one
        with reader.one_view(), reader._database.read() as connection:
            found = list(connection.scalars(select(windows.c.reason)))
        assert _reasons(reader) == _read(reader) == found == ([] if is_one else ["meanwhile"])
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(_read, reader).result(20) == ["meanwhile"], "it is of this thread"
    assert not reader._database.is_in_view
    assert _read(reader) == _reasons(reader) == ["meanwhile"]


def test_who_reads_pages_has_plans_for_few_rows(reader: Store) -> None:
    """None is compiled, none begins processes, and rows are looked up, which are in memory."""
    if reader._database.is_sqlite:
        return
    with reader._database.read() as connection:
        names = (
            *("jit", "max_parallel_workers_per_gather", "random_page_cost"),
            "default_transaction_read_only",
        )
        set_to = [connection.exec_driver_sql(f"SHOW {name}").scalar() for name in names]
        ends = connection.exec_driver_sql("SHOW idle_in_transaction_session_timeout").scalar()
    assert set_to == ["off", "0", "1.1", "on"]
    assert ends == "5min", "who stopped in the middle of a page holds no view for ever"


def test_a_view_ends_with_what_is_wrong(store: Store, reader: Store) -> None:
    with pytest.raises(ValueError, match="a page"), reader.one_view():
        raise ValueError("a page")
    with store._database.write() as connection:
        _add(connection, "after")
    assert _read(reader) == ["after"]


def test_who_reads_in_a_view_is_refused_a_write_at_once(store: Store, reader: Store) -> None:
    """Else pages that keep what they found out wait for connections, all of which pages have."""
    if store._database.is_sqlite:
        return
    database, taken = reader._database, count()
    event.listen(database.engine, "checkout", lambda *_: next(taken))
    with reader.one_view():
        for way in (database.write, lambda: database.write_soon(9), database.write_once):
            with pytest.raises(StoreUnavailable, match="only reads"), way():
                pass
        assert _reasons(reader) == []
    assert next(taken) == 1


def test_a_page_whose_connection_is_lost_says_that_the_store_does_not_answer(
    store: Store, reader: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store._database.is_sqlite:
        return
    answered = app._answered

    def lost(*given: Any) -> Any:
        with reader._database.read() as own, store._database.read_once() as connection:
            pid = own.exec_driver_sql("SELECT pg_backend_pid()").scalar()
            connection.exec_driver_sql("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        return answered(*given)

    pages = Pages(SyncDeps(reader, NoSecrets(), Settings(), lambda: NOW))
    with closing(pages), monkeypatch.context() as broken:
        broken.setattr(app, "_answered", lost)
        assert [pages.get(path).status for path in ("/instances", "/api/v1/instances")] == [
            503,
            503,
        ]
        broken.undo()
        assert pages.get("/instances").status == 200


def test_who_began_before_a_write_takes_nothing_away_from_who_came_after_it() -> None:
    state, made = ["before"], count()
    remembered = Remembered(lambda: state[0])

    def ask(now: str) -> int:
        state[0] = now
        return remembered.of("a", lambda: next(made))

    assert [ask(now) for now in ("before", "after", "before", "after")] == [0, 1, 0, 1]
    assert [ask(now) for now in ("third", "after", "before")] == [2, 1, 3]


def test_what_fails_is_asked_again() -> None:
    remembered = Remembered(lambda: 0)

    def fail() -> str:
        raise ValueError("not now")

    for _ in range(2):
        with pytest.raises(ValueError, match="not now"):
            remembered.of("a", fail)
    assert remembered.of("a", lambda: "b") == "b"


def test_who_asks_at_once_waits_for_the_first() -> None:
    remembered, at_once = Remembered(lambda: 0), 8
    together, made = Barrier(at_once), count(1)

    def ask() -> int:
        together.wait(10)
        return remembered.of("a", lambda: next(made))

    with ThreadPoolExecutor(at_once) as pool:
        found = [item.result(20) for item in [pool.submit(ask) for _ in range(at_once)]]
    assert found == [1] * at_once


def test_so_many_rows_are_kept_and_no_more() -> None:
    """What was asked for last stays longest; with another state nothing does."""
    state = [0]
    remembered = Remembered(lambda: state[0], most=10)
    made: list[str] = []

    def rows(name: str, count: int) -> list[str]:
        def make() -> list[str]:
            made.append(name)
            return [name] * count

        return remembered.of(name, make)

    for name, rows_of in (("a", 4), ("b", 3), ("a", 4), ("c", 4), ("a", 4), ("b", 3), ("d", 30)):
        assert rows(name, rows_of) == [name] * rows_of
    assert made == ["a", "b", "c", "b", "d"]
    # What is too large takes nothing away from the others.
    assert len(remembered) == 2
    assert rows("b", 3) == ["b"] * 3
    assert made[5:] == []
    rows("e", 2)
    rows("e", 2)
    assert made[5:] == ["e"]
    state[0] = 1
    rows("e", 2)
    assert made[5:] == ["e", "e"]


def test_what_failed_for_ever_takes_no_room() -> None:
    remembered = Remembered(lambda: 0, most=10)

    def fail() -> str:
        raise ValueError("never")

    for number in range(100):
        with pytest.raises(ValueError, match="never"):
            remembered.of(number, fail)
    assert len(remembered) <= 10


@dataclass
class Asked:
    """Two consoles over one store, of which one remembers, for everybody and for a team."""

    remembering: Sequence[Pages]
    forgetting: Sequence[Pages]

    def require_same(self, requests: Sequence[Request]) -> None:
        """Ask everything of both, twice of the one that remembers."""
        for one, other in zip(self.remembering, self.forgetting, strict=True):
            for path, query in requests:
                found = other.get(path, query).whole
                assert one.get(path, query).whole == found, (path, query)
                assert one.get(path, query).whole == found, (path, query)


@contextmanager
def consoles(directory: Path, url: str, clock: Callable[[], datetime]) -> Iterator[Asked]:
    """Yield them; the clock is both's."""
    settings = Settings(home=directory, store_url=url)
    with reading(settings, clock) as one, reading(settings, clock) as other:
        other.store._database.remembered = None
        viewers = (Viewer("all"), LIMITED)
        made = Asked(*([Pages(deps, viewer) for viewer in viewers] for deps in (one, other)))
        try:
            yield made
        finally:
            for pages in (*made.remembering, *made.forgetting):
                pages.close()


def test_what_is_kept_of_an_account_takes_as_much_room_as_is_granted_to_it(
    store: Store, reader: Store
) -> None:
    bench, granted = StoreBench(store, NOW), 300
    (item,) = bench.fleet("db")
    tables = (Securable(SecurableKind.TABLE, "shop", "s", f"t{n}") for n in range(granted))
    app = replace(an_account("app"), grants=tuple(Grant(table, "SELECT") for table in tables))
    bench.apply_snapshot(bench.claim(bench.open([item]), item), item, whole_snapshot((app,), NOW))
    later = NOW + timedelta(hours=1)
    deps = SyncDeps(reader, NoSecrets(), Settings(), lambda: later)
    answers = AccountAnswers(deps, EVERYTHING)
    assert answers.one(Which("db", "app")) is not None
    kept = reader._database.remembered
    assert kept is not None
    assert sum(state.rows for state in kept._states.values()) > granted


_WHOLE = ("today", "causes", "findings", "account", "history", "who-can")


def _is_whole(path: str, query: Mapping[str, str]) -> bool:
    """Return whether a request is a plain one, or of a past moment, of these resources."""
    optional = {*query} - {"instance", "name", "privilege", "object"}
    return path.removeprefix(f"{API}/") in _WHOLE and optional <= {"at"}


def _beside(pages: Pages, always: Sequence[Request]) -> Iterator[Request]:
    """Yield requests for other accounts of the instances of some."""
    for path, query in always:
        if "name" in query and "at" not in query:
            accounts = pages.get(f"{API}/accounts", {"instance": query["instance"]}).json["items"]
            names = [item["account"] for item in accounts if item["account"] != query["name"]]
            yield from ((path, {**query, "name": name}) for name in names[:3])


def test_pages_are_those_of_a_console_that_remembers_nothing(
    tmp_path: Path, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After each write, and as time goes by: within a minute, over a window's end, for days."""
    store = Store.open(store_url)
    fill(store, (OTHER, OWN), 5, sessions=2)
    now = [TEAMS_NOW]
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    with consoles(tmp_path, store_url, lambda: now[0]) as asked:
        requests = first_requests(asked.forgetting[0])
        # What is kept as a whole, and not by the statements that it takes.
        always = [item for item in requests if _is_whole(*item)]
        assert {path for path, _ in always} == {f"{API}/{name}" for name in _WHOLE}
        always += list(_beside(asked.forgetting[0], always))
        chance = random.Random(2)
        asked.require_same(chance.sample(requests, 60))
        for turn in _turns(store, now):
            turn()
            some = chance.sample(requests, 12)
            asked.require_same([*some, *always])
    store.close()


def _turns(store: Store, now: list[datetime]) -> Iterator[Callable[[], object]]:
    """Yield what is done one after the other: the clock goes on, and something is written."""
    item = store.registry.instances()[0]
    bench = StoreBench(store, TEAMS_NOW)

    def later(**passed: int) -> None:
        now[0] += timedelta(**passed)

    def sync() -> None:
        bench.now = now[0]
        found = reviewed_snapshot(random.Random(3), item.engine, bench.now)
        bench.apply_snapshot(bench.claim(bench.open([item]), item), item, found)

    def review() -> None:
        deps = SyncDeps(store, NoSecrets(), Settings(), lambda: now[0])
        review_of(deps, store.registry.instances(include_inactive=False))

    yield lambda: later(seconds=20)
    yield lambda: later(minutes=61)
    yield sync
    yield review
    yield lambda: store.registry.delete_instance(item.name, now[0])
    yield lambda: later(hours=22)
    yield review
    # On the same day what the first review found is a day old.
    yield lambda: later(minutes=70)
    yield lambda: later(days=40)
