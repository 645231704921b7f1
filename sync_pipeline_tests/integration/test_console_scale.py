"""Pages of a large fleet: what they show is what the command says, and costs what it shows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from sync_pipeline.callers import allowed_hosts
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.app import Site, application
from sync_pipeline.web.punctual import punctual
from sync_pipeline.web.serve import reading
from sync_pipeline.web.shares import Clients, Shares
from sync_pipeline.workflows.console import findings
from workbench.fleet.teams import NOW, Team, fill
from workbench.running.asked_pages import HOST, PORT, Pages
from workbench.servers.fixtures_store import store_database
from workbench.servers.running import RunningServer

RULES = """
disabled_rules: [expired-active]
suppressions:
  - {rule: superuser, account: "%app%", reason: "known", until: 2027-01-01}
  - {rule: "%", instance: "%-blue", account: "%ann%", reason: "known", until: 2027-01-01}
  - {rule: superuser, reason: "it is over", until: 2026-01-01}
"""
TEAMS = Team("blue", 5), Team("ruby", 4)
UNEVEN = "uneven-rights"


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
        yield made
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


@pytest.mark.postgresql
def test_the_same_on_postgresql(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, postgresql_server: RunningServer
) -> None:
    _without_uneven(monkeypatch)
    with store_database(postgresql_server) as url, filled(tmp_path, url) as made:
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


@dataclass
class Sockets:
    """Connections from addresses of loopback to a server that gives each client so many."""

    port: int
    open: list[asyncio.StreamWriter] = field(default_factory=list)

    async def asked(
        self, source: str, headers: str = "", *, is_kept: bool = True, path: str = "/login"
    ) -> bytes:
        """Send one request on a connection of its own, and return the first line of the answer."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, local_addr=(source, 0)
        )
        self.open.append(writer)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode())
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
