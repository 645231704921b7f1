"""Pages of a large fleet: what they show is what the command says, and costs what it shows."""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import anyio
import pytest
import uvicorn
from sqlalchemy import event
from uvicorn.server import ServerState

from sync_pipeline.callers import allowed_hosts
from sync_pipeline.model.page import Place, SessionQuestion
from sync_pipeline.model.session import Session
from sync_pipeline.model.viewer import Reach, Viewer
from sync_pipeline.settings import Settings
from sync_pipeline.store.console import accounts, sessions
from sync_pipeline.store.console import findings as stored
from sync_pipeline.store.kept import Kept
from sync_pipeline.store.store import Store
from sync_pipeline.store.upgrades import every_table
from sync_pipeline.web.app import Site, application
from sync_pipeline.web.punctual import punctual
from sync_pipeline.web.resource import API
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import NoSecrets, reading
from sync_pipeline.web.shares import Clients, Shares
from sync_pipeline.workflows.answers.kept_reviews import Reviews
from sync_pipeline.workflows.console import findings
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline_tests.integration.test_console_teams import (
    LIMITED,
    OTHER,
    OWN,
    Request,
    requests,
)
from workbench.benches.store_bench import StoreBench
from workbench.fleet.teams import NOW, Team, fill
from workbench.running.asked_pages import HOST, PORT, Pages
from workbench.scale.copied import START, CopiedFleet
from workbench.scale.copied import fill as fill_copies
from workbench.servers.fixtures_store import StoreServer
from workbench.servers.statements import forgetting, planned
from workbench.strategies.reviewed_worlds import reviewed_snapshot

RULES = """
disabled_rules: [expired-active]
suppressions:
  - {rule: superuser, account: "%app%", reason: "known", until: 2027-01-01}
  - {rule: "%", instance: "%-blue", account: "%ann%", reason: "known", until: 2027-01-01}
  - {rule: superuser, reason: "it is over", until: 2026-01-01}
"""
TEAMS = Team("blue", 5), Team("ruby", 4)
UNEVEN = "uneven-rights"
metadata = every_table()


@contextmanager
def filled(directory: Path, url: str) -> Iterator[Pages]:
    """Yield the console over two teams whose findings were kept and counted by a file of rules."""
    rules = directory / "findings.yaml"
    rules.write_text(RULES)
    store = Store.open(url)
    fill(store, TEAMS, 11, sessions=2, findings_file=rules)
    store.close()
    settings = Settings(home=directory, store_url=url, findings_file=rules)
    with reading(settings, lambda: NOW) as deps:
        made = Pages(deps)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    directory = tmp_path_factory.mktemp("scale")
    with filled(directory, f"sqlite:///{directory}/sync_pipeline.db") as made:
        yield made


QUESTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"severity": "high"},
    {"rule": "superuser"},
    {"tag": TEAMS[0].tag},
    {"engine": ["mysql", "mariadb", "oracle"], "severity": "low"},
    {"rule": "dangerous-privilege"},
)


CASES = (
    *(("rule", query) for query in QUESTIONS),
    *((by, query) for by in ("instance", "tag") for query in QUESTIONS[1:4:2]),
)


@pytest.mark.parametrize(("by", "query"), CASES)
def test_causes_of_many_instances_are_those_of_all_of_them_read(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, by: str, query: dict[str, Any]
) -> None:
    """Numbers, groups and rows, page by page: as of few, of which everything is read."""
    _without_uneven(monkeypatch)
    # Few are named by their ids, and many are found by what is asked.
    monkeypatch.setattr(stored, "FEW", 0 if by == "rule" else 200)
    _require_same_causes(pages, monkeypatch, {**query, "by": by})


def _require_same_causes(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, query: dict[str, Any]
) -> None:
    whole = pages.get("/api/v1/causes", {**query, "limit": 500}).json
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    rows: list[Any] = []
    after = ""
    while True:
        page = pages.get("/api/v1/causes", {**query, "limit": 9, "after": after}).json
        assert page["facts"] == whole["facts"]
        assert page["tables"]["groups"] == whole["tables"]["groups"]
        assert page["tables"]["causes"]["total"] == whole["tables"]["causes"]["total"]
        rows += page["tables"]["causes"]["items"]
        after = page["tables"]["causes"]["next"]
        if not after:
            break
    assert rows == whole["tables"]["causes"]["items"]


def test_what_is_accepted_or_switched_off_is_not_counted(pages: Pages) -> None:
    """It is what these tests are about: some of each is there."""
    facts = pages.get("/api/v1/causes").json["facts"]
    assert facts["accepted"]
    assert facts["causes"] > 15
    groups = pages.get("/api/v1/causes").json["tables"]["groups"]["items"]
    assert len(groups) > 3
    assert "expired-active" not in [item["group"] for item in groups]


def test_numbers_of_other_rules_are_not_shown_and_are_made_anew_by_who_reviews(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    rules = tmp_path / "findings.yaml"
    url = f"sqlite:///{tmp_path}/sync_pipeline.db"
    with filled(tmp_path, url) as pages:
        before = pages.get("/api/v1/causes").json
        assert not [note for note in before["notes"] if "is not in these numbers" in note]
        rules.write_text("disabled_rules: [superuser]")
        between = pages.get("/api/v1/causes").json
        assert between["facts"]["causes"] == 0
        assert pages.get("/api/v1/findings").json["items"] == []
        (note,) = [note for note in between["notes"] if "is not in these numbers" in note]
        assert note.startswith("What is found on 9 of 9 instances"), note
        store = Store.open(url)
        settings = Settings(home=tmp_path, store_url=url, findings_file=rules)
        deps = SyncDeps(store, NoSecrets(), settings, lambda: NOW)
        # As the end of a session does, which counts what it does not read.
        list(Reviews(deps, with_findings=False).of(store.registry.instances()))
        store.close()
        after = pages.get("/api/v1/causes").json
        assert not [note for note in after["notes"] if "is not in these numbers" in note]
        names = [item["group"] for item in after["tables"]["groups"]["items"]]
        assert names
        assert "superuser" not in names


@pytest.mark.postgresql
def test_the_same_on_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, store_server: StoreServer
) -> None:
    _without_uneven(monkeypatch)
    monkeypatch.setattr(stored, "FEW", 0)
    with store_server.store() as url, filled(tmp_path, url) as made:
        most = findings.MOST_AT_ONCE
        for by in ("rule", "instance", "tag"):
            monkeypatch.setattr(findings, "MOST_AT_ONCE", most)
            _require_same_causes(made, monkeypatch, {"by": by, "severity": "high"})


def _without_uneven(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let instances be read without what they say together, which is not counted."""
    own = findings.review_of

    def without(*given: Any, **named: Any) -> Any:
        found = own(*given, **named)
        kept = tuple(item for item in found.findings if item.rule != UNEVEN)
        return replace(found, findings=kept)

    monkeypatch.setattr(findings, "review_of", without)


@pytest.mark.parametrize(
    "query", [*QUESTIONS, {"account": "shared"}, {"account": "'ann'@'%'", "severity": "high"}]
)
def test_findings_of_many_instances_are_those_of_all_of_them_read(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, query: dict[str, Any]
) -> None:
    _without_uneven(monkeypatch)
    # Instances are found by their names, and where few have some before they are sorted.
    monkeypatch.setattr(stored, "SELDOM", 500 if query.get("rule") else 0)
    whole = pages.get("/api/v1/findings", {**query, "limit": 500}).json
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    rows: list[Any] = []
    after = ""
    while True:
        page = pages.get("/api/v1/findings", {**query, "limit": 19, "after": after}).json
        assert page["total"] == (None if "account" in query else whole["total"])
        rows += page["items"]
        after = page["next"]
        if not after:
            break
    assert rows == whole["items"]


Connected = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Sockets:
    """Connections from addresses of loopback to a server that gives each client so many."""

    port: int
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def sent(self, source: str, headers: str = "", path: str = "/login") -> Connected:
        """Send one request on a connection of its own."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0)
        )
        self.open.append(writer)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode())
        return reader, writer

    async def asked(
        self, source: str, headers: str = "", *, is_kept: bool = True, path: str = "/login"
    ) -> bytes:
        """Send one request, and return the status of its answer."""
        reader, writer = await self.sent(source, headers, path)
        line = await asyncio.wait_for(reader.readline(), 30)
        if not is_kept:
            writer.close()
            await writer.wait_closed()
        return line.split()[1] if line else b""


async def with_sockets(app: Any, clients: Clients, most: int, work: Any) -> Any:
    """Serve on a socket while some work is done."""
    config = uvicorn.Config(
        app, ws="none", lifespan="off", proxy_headers=False, http=punctual(clients, most)
    )
    config.load()
    state, loop = ServerState(), asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: config.http_protocol_class(config, state, {}),  # type: ignore[call-arg, operator]
        "127.0.0.1",
        0,
    )
    async with server:
        sockets = Sockets(server.sockets[0].getsockname()[1])
        try:
            return await work(sockets)
        finally:
            for writer in sockets.open:
                writer.close()


def test_one_address_has_some_of_the_connections_and_no_more(pages: Pages) -> None:
    async def work(sockets: Sockets) -> None:
        assert [await sockets.asked("127.0.0.1") for _ in range(4)] == [b"200"] * 3 + [b"429"]
        assert await sockets.asked("127.0.0.2") == b"200", "others have room"
        sockets.open[0].close()
        await sockets.open[0].wait_closed()
        for _ in range(100):
            # The server hears a moment later that it was closed.
            if await sockets.asked("127.0.0.1", is_kept=False) == b"200":
                break
        else:
            raise AssertionError("a connection that was closed still counts")

    asyncio.run(with_sockets(pages.app, Clients(), 3, work))


def test_a_trusted_proxy_has_the_connections_of_many(pages: Pages) -> None:
    """Of what it passes on, each address that it names has some requests at once."""
    trusted = Clients(("127.0.0.1",))
    begun, go_on = Event(), Event()

    class Waiting:
        def viewer(self, *_: object) -> None:
            begun.set()
            go_on.wait(30)

    site = Site(pages.deps, Waiting(), clients=trusted, shares=Shares(1))  # type: ignore[arg-type]
    app = application(site, allowed_hosts("127.0.0.1", PORT, ()))

    async def work(sockets: Sockets) -> None:
        async def ask(forwarded: str, path: str = "/") -> bytes:
            return await sockets.asked("127.0.0.1", f"X-Forwarded-For: {forwarded}\r\n", path=path)

        first = asyncio.create_task(ask("8.8.8.8, 10.0.0.1"))
        await asyncio.to_thread(begun.wait, 30)
        # What stands before the last address, the client wrote.
        assert await ask("9.9.9.9, 10.0.0.1") == b"429"
        assert await ask("10.0.0.1, 10.0.0.2", "/login") == b"200"
        assert await ask("", "/login") == b"200"
        go_on.set()
        assert await first == b"401"
        assert await ask("10.0.0.1", "/login") == b"200"

    asyncio.run(with_sockets(app, trusted, 1, work))


def test_nothing_is_worked_out_for_who_left(pages: Pages) -> None:
    """A page that was asked for again and again, and left, would keep everybody else waiting."""
    asked: list[int] = []
    begun, go_on = Event(), Event()

    class Waiting:
        def viewer(self, *_: object) -> None:
            asked.append(1)
            begun.set()
            go_on.wait(30)

    site = Site(pages.deps, Waiting())  # type: ignore[arg-type]

    async def work(sockets: Sockets) -> None:
        site.threads = anyio.CapacityLimiter(1)
        first = asyncio.create_task(sockets.asked("127.0.0.1", path="/"))
        await asyncio.to_thread(begun.wait, 30)
        for _ in range(5):
            await sockets.sent("127.0.0.1", path="/")
        # The server is in this loop: it has heard of all by then.
        await asyncio.sleep(0.2)
        for writer in sockets.open[1:]:
            writer.close()
            await writer.wait_closed()
        await asyncio.sleep(0.2)
        go_on.set()
        assert await first == b"401"
        assert await sockets.asked("127.0.0.1", path="/") == b"401"
        assert len(asked) == 2

    app = application(site, allowed_hosts("127.0.0.1", PORT, ()))
    asyncio.run(with_sockets(app, Clients(), 50, work))


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:0:1::5", "2001:db8:0:1::/64"),
        ("2001:db8:0:1:ffff::9", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("unix", ""),
        ("10.9.0.7", ""),
    ],
)
def test_a_client_is_an_address_or_a_network_of_one(address: str, client: str) -> None:
    assert Clients(("10.9.0.0/16",)).of_connection(address) == client


def test_numbers_of_ended_sessions_are_counted_once_for_the_same_instances(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are those that are counted anew, also after a team got an instance or lost one."""
    store = Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db")
    fill(store, TEAMS, 7, sessions=3)
    counted: list[int] = []
    own = sessions._counted

    def counting(connection: Any, reach: Any, ids: Any, session_ids: Any) -> Any:
        counted.append(len(session_ids))
        return own(connection, reach, ids, session_ids)

    monkeypatch.setattr(sessions, "_counted", counting)
    kept = store.session_pages

    def page(pages: sessions.SessionPages) -> tuple[Session, ...]:
        return pages.page(Reach((TEAMS[0].tag,)), SessionQuestion(), Place(50)).items

    def anew() -> tuple[Session, ...]:
        return page(sessions.SessionPages(store._database))

    first = page(kept)
    ended = sum(item.completed_at is not None for item in first)
    assert ended > 2
    assert page(kept) == first == anew()
    assert counted[0] == ended
    assert sum(counted) == ended * 2 + 3 * (len(first) - ended)
    gone = next(item for item in store.registry.instances() if TEAMS[0].tag in item.tags)
    for tags in ((), gone.tags):
        store.registry.put_instances([replace(gone, tags=tags)], NOW)
        changed = page(kept)
        assert changed == anew()
        assert (changed == first) is bool(tags)
    store.close()


def test_what_was_unpacked_of_a_review_is_shown_until_the_next_write_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
    url = f"sqlite:///{tmp_path}/sync_pipeline.db"
    with filled(tmp_path, url) as pages:
        reviews, opened = pages.deps.store.reviews, []
        own = reviews.unpacked
        monkeypatch.setattr(reviews, "unpacked", lambda *given: (opened.append(1), own(*given))[1])
        before = pages.get("/api/v1/findings", {"limit": 500}).json["items"]
        assert len(opened) == len({item["instance"] for item in before})
        assert pages.get("/api/v1/findings", {"limit": 500}).json["items"] == before
        assert len(opened) == len({item["instance"] for item in before})
        with closing(Store.open(url)) as store:
            (item,) = (
                one for one in store.registry.instances() if one.name == before[0]["instance"]
            )
            bench = StoreBench(store, NOW + timedelta(hours=1))
            read = reviewed_snapshot(random.Random(3), item.engine, bench.now)
            bench.apply_snapshot(bench.claim(bench.open([item]), item), item, read)
            deps = SyncDeps(store, NoSecrets(), pages.deps.settings, lambda: NOW)
            list(Reviews(deps, with_findings=False).of(store.registry.instances()))
        after = pages.get("/api/v1/findings", {"limit": 500}).json["items"]
        assert after != before
        with reading(pages.deps.settings, lambda: NOW) as deps:
            anew = Pages(deps)
            assert anew.get("/api/v1/findings", {"limit": 500}).json["items"] == after
            anew.close()


def test_what_is_kept_is_so_much_and_no_more() -> None:
    """What was asked for last stays longest, and what is alone too heavy is not kept."""
    kept: Kept[str, int] = Kept(10, lambda value: value)
    made: list[str] = []

    def make(keys: Sequence[str]) -> dict[str, int]:
        made.extend(keys)
        return {key: len(key) for key in keys}

    for asked in (["aaaa", "bbb"], ["aaaa"], ["cccc"], ["aaaa"], ["bbb"], ["d" * 11], ["bbb"]):
        assert kept.all_of(asked, make) == {key: len(key) for key in asked}
    assert made == ["aaaa", "bbb", "cccc", "bbb", "d" * 11]


SMALL = frozenset(
    {
        # As many rows as there are topics and parts.
        "topic_marks",
        # A row for each instance, and what narrows a page of them.
        *("instances", "credentials", "instance_finding_marks"),
        *("failure_streaks", "freshness_states", "maintenance_windows"),
        # Numbers that are added up: of each instance a row for each rule and severity.
        "instance_finding_counts",
        # Of the console, and one row of the history.
        *("console_tokens", "change_horizon"),
        # What people set, one by one.
        *("size_limits", "finding_acceptances"),
    }
)
"""Tables that a statement may look through; all others it enters by an index."""
_FEW = "USING INDEX ix_account_permissions_is_"
"""An index of those accounts alone of which it is true: they were counted before."""


_OF_NAME = re.compile(
    r"SELECT instance_accounts\.instance_id\s+FROM instance_accounts\s+WHERE .*? =", re.DOTALL
)


@dataclass
class Explained:
    """Collects how a store plans the statements of requests, and what goes through a table."""

    store: Store
    small: frozenset[str] = SMALL
    seen: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    count: int = 0

    @contextmanager
    def watching(self) -> Iterator[None]:
        engine = self.store._database.engine
        event.listen(engine, "before_cursor_execute", self._explain)
        try:
            with forgetting(self.store):
                yield
        finally:
            event.remove(engine, "before_cursor_execute", self._explain)

    def _explain(self, _: Any, cursor: Any, statement: str, values: Any, *__: Any) -> None:
        self.count += 1
        if statement in self.seen or not statement.startswith(("SELECT", "WITH")):
            return
        self.seen.add(statement)
        find = _of_sqlite if self.store._database.is_sqlite else _of_postgresql
        self.wrong += [
            f"{line}\n{statement}"
            for line in find(cursor.connection, statement, values, self.small)
        ]


def _of_sqlite(
    connection: Any, statement: str, values: Any, small: frozenset[str]
) -> Iterator[str]:
    """Yield the lines of a plan that go through a large table (SQLite, EXPLAIN QUERY PLAN)."""
    plan = [row[-1] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    is_sorted = any("FOR ORDER BY" in line for line in plan)
    for line in plan:
        word, _, rest = line.partition(" ")
        if word != "SCAN" or rest.split()[0] not in metadata.tables or rest.split()[0] in small:
            continue
        if _FEW in rest:
            continue
        # In the order of an index, a page ends it.
        if "USING" not in rest or "LIMIT" not in statement or is_sorted:
            yield line


def _of_postgresql(
    connection: Any, statement: str, values: Any, small: frozenset[str]
) -> Iterator[str]:
    """Yield the nodes of a plan that go through a large table, where an index could be used.

    These tables are small. In memory, as the console says of its reads, all of an index costs less
    than to look some rows up in it; on a disk it does not, as it does not of a large one.
    """
    with connection.cursor() as cursor:
        (cost,) = cursor.execute("SHOW random_page_cost").fetchone()
        cursor.execute("SET enable_seqscan = off; SET random_page_cost = 4")
        cursor.execute(f"EXPLAIN (FORMAT JSON) {statement}", values)
        plan = cursor.fetchone()[0][0]["Plan"]
        cursor.execute(f"RESET enable_seqscan; SET random_page_cost = {cost}")
    yield from _scans(plan, small, is_ended=False)


def _scans(node: dict[str, Any], small: frozenset[str], *, is_ended: bool) -> Iterator[str]:
    kind, table = node["Node Type"], node.get("Relation Name")
    if table is not None and table not in small and table in metadata.tables:
        has_condition = "Index Cond" in node or kind in ("Bitmap Heap Scan", "Bitmap Index Scan")
        if kind == "Seq Scan" or not (has_condition or is_ended or "Index Name" not in node):
            yield f"{kind} on {table}: {node}"
    is_ended = kind == "Limit" or (is_ended and kind not in ("Sort", "Aggregate", "Hash"))
    for inner in node.get("Plans", ()):
        yield from _scans(inner, small, is_ended=is_ended)


def first_requests(pages: Pages) -> list[Request]:
    """Return a request of each resource with each set of parameters; a new one is among them.

    Its page has the same answer as its place in the API, by the same statements.
    """
    found: dict[tuple[str, ...], Request] = {}
    for path, query in requests(pages):
        if path.startswith(API):
            found.setdefault((path, *sorted({*query} - {"format", "table"})), (path, query))
    assert {item.api for item in RESOURCES} == {path for path, _ in found.values()}
    return list(found.values())


def _explained(store: Store, deps: SyncDeps, monkeypatch: pytest.MonkeyPatch) -> Explained:
    explained = Explained(store)
    everybody = Pages(deps, Viewer("all"))
    asked = first_requests(everybody)
    for viewer in (Viewer("all"), LIMITED):
        pages = Pages(deps, viewer)
        with explained.watching():
            for path, query in asked:
                assert pages.get(path, query).status in (200, 400, 404), (path, query)
            monkeypatch.setattr(findings, "MOST_AT_ONCE", 0)
            for few in (0, 200):
                monkeypatch.setattr(stored, "FEW", few)
                monkeypatch.setattr(stored, "SELDOM", few)
                for path, query in asked:
                    if path.endswith(("/causes", "/findings")):
                        pages.get(path, query)
            monkeypatch.undo()
        pages.close()
    everybody.close()
    return explained


@pytest.mark.parametrize(
    "kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)]
)
def test_no_statement_goes_through_a_large_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, kind: str
) -> None:
    """By the plans of every statement of every resource, for who sees all and for a team."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path}/sync_pipeline.db"
        if kind == "postgresql":
            url = stack.enter_context(request.getfixturevalue("store_server").store())
        store = Store.open(url)
        fill(store, (OTHER, OWN), 7, sessions=2)
        store.close()
        deps = stack.enter_context(reading(Settings(home=tmp_path, store_url=url), lambda: NOW))
        explained = _explained(deps.store, deps, monkeypatch)
    assert len(explained.seen) > 40
    assert not explained.wrong, "\n\n".join(explained.wrong)
    # The index of names has the order of code points: PostgreSQL takes it for no other equality.
    by_name = [item for each in explained.seen for item in _OF_NAME.findall(each)]
    assert by_name
    assert all(kind == "sqlite" or 'COLLATE "C"' in item for item in by_name), by_name


def _require_order_of_names(pages: Pages) -> None:
    """Accounts of many instances are read by name: else all of them would be, and sorted."""
    first = pages.get("/api/v1/accounts", {"environment": "test", "limit": 1}).json
    with planned(pages.deps.store) as plans:
        query = {"environment": "test", "system": "yes", "after": first["next"]}
        assert pages.get("/api/v1/accounts", query).status == 200
    (plan,) = [plan for plan in plans if "instance_accounts" in plan]
    assert "ix_instance_accounts_by_name ((account_name,instance_id)>(?,?))" in plan, plan
    assert "B-TREE" not in plan, plan


def _require_ranges(pages: Pages) -> None:
    """Records of a session are read in their order, and findings of an account by its name."""
    session = pages.get("/api/v1/sessions", {"limit": 1}).json["items"][0]["session"]
    with planned(pages.deps.store) as plans:
        assert pages.get("/api/v1/session", {"id": session}).status == 200
        assert pages.get("/api/v1/findings", {"account": "'ann'@'%'"}).status == 200
    by_name = "ix_sync_instance_records_session_id_instance_name (session_id=?)"
    assert [plan for plan in plans if by_name in plan and "B-TREE" not in plan], plans
    assert [plan for plan in plans if "ix_instance_findings_account (account_name=?" in plan], plans


MOST_STATEMENTS = 24
MOST_OF = {"/api/v1/today": 48}
"""Of a page that is nine answers: BEGIN is counted, too."""


def test_a_page_costs_few_statements_however_many_instances_there_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of 300 instances, with full pages: a statement for each row or instance would be 50 more."""
    monkeypatch.setattr(findings, "MOST_AT_ONCE", 5)
    monkeypatch.setattr(accounts, "FEW", 5)
    url = f"sqlite:///{tmp_path}/sync_pipeline.db"
    fill_copies(url, CopiedFleet(300, 12, 5, 2), START.date())
    found: dict[tuple[str, ...], int] = {}
    with reading(Settings(home=tmp_path, store_url=url), lambda: START) as deps:
        pages = Pages(deps, Viewer("all"))
        explained = Explained(deps.store)
        for path, query in first_requests(pages):
            explained.count = 0
            with explained.watching():
                pages.get(path, query)
            found[(path, *sorted(query))] = explained.count
        _require_order_of_names(pages)
        _require_ranges(pages)
        pages.close()
    many = {
        key: count for key, count in found.items() if count > MOST_OF.get(key[0], MOST_STATEMENTS)
    }
    assert many == {}
