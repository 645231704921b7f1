"""Who comes in to the console, and what a request may be: tokens, logins, proxies, hosts, sizes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event, Semaphore
from typing import Any
from urllib.parse import urlencode

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request
from starlette.responses import Response
from uvicorn.server import ServerState

from sync_pipeline.callers import Headers, allowed_hosts
from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.credential import StoredCredential
from sync_pipeline.model.secret import Secret
from sync_pipeline.model.viewer import Role
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web.app import BUSY, TOO_LATE, Site, _in_time, application
from sync_pipeline.web.asked import MOST_QUERY_BYTES
from sync_pipeline.web.doors import COOKIE, MOST_FAILURES, Doors, Failures
from sync_pipeline.web.gate import MOST_BODY_BYTES, MOST_HEADER_BYTES, SECURITY_HEADERS
from sync_pipeline.web.punctual import Punctual
from sync_pipeline.web.resources.every import RESOURCES
from sync_pipeline.web.serve import reading, require_doors
from sync_pipeline.workflows.console.tokens import add_token, cookie_of, lifetime_of
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.command import CANARY, Command
from workbench.fleet.teams import NOW, Team, fill
from workbench.running.asked_pages import HOST, PORT, Answered, Pages

OPEN_ROUTES = {"/login", "/logout", "/static/console.css", "/static/console.js", "/static/icon.svg"}
"""Routes that answer whoever comes. `/{path:path}` answers nobody."""
BLUE = Team("blue", 2)
DEFAULTS = Settings()


class Clock:
    """The present moment of a test."""

    now = NOW

    def __call__(self) -> Any:
        return self.now


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose store has one team; each test copies it."""
    directory = tmp_path_factory.mktemp("doors")
    store = Store.open(f"sqlite:///{directory}/sync_pipeline.db")
    fill(store, [BLUE], 5, sessions=2)
    store.close()
    return directory


class House:
    """A store that is written, and the console over the same one."""

    def __init__(self, home: Path, **settings: Any) -> None:
        self.settings = Settings(home=home, **settings)
        self.clock = Clock()
        self.store = Store.open(self.settings.effective_store_url)
        self._reading = reading(self.settings, self.clock)
        self.deps: SyncDeps = self._reading.__enter__()
        self._opened: list[Pages] = []
        self.pages = self.console()

    def console(self, **options: Any) -> Pages:
        self._opened.append(Pages(self.deps, **options))
        return self._opened[-1]

    def token(self, name: str = "ann", tags: tuple[str, ...] = (), days: int = 90) -> str:
        lifetime = timedelta(days=days)
        return add_token(self.store, name, Role.VIEWER, tags, lifetime, self.clock.now)

    def close(self) -> None:
        for pages in self._opened:
            pages.close()
        self._reading.__exit__(None, None, None)
        self.store.close()


@pytest.fixture
def house(home: Path, tmp_path: Path) -> Iterator[House]:
    content = (home / "sync_pipeline.db").read_bytes()
    (tmp_path / "sync_pipeline.db").write_bytes(content)
    made = House(tmp_path)
    yield made
    made.close()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def login(pages: Pages, token: str, **headers: str) -> Answered:
    body = f"token={token}&next=%2Ffindings".encode()
    return pages.ask("POST", "/login", headers=headers, body=body)


def cookie(answer: Answered) -> str:
    return answer.headers["set-cookie"].partition(";")[0]


def test_without_any_token_this_machine_may_look(house: House) -> None:
    assert house.pages.get("/instances").status == 200
    assert house.pages.get("/api/v1/instances").json["total"] == 2


def test_every_route_asks_who_comes(house: House) -> None:
    """From the first token on; a route more is asked here, too."""
    token = house.token()
    paths = {route.path for route in house.pages.app.app.routes}  # type: ignore[attr-defined]
    guarded = paths - OPEN_ROUTES
    assert {
        "/",
        "/api/v1/openapi.json",
        "/{path:path}",
        *(item.api for item in RESOURCES),
    } < guarded
    for path in guarded:
        concrete = path.replace("{path:path}", "nowhere")
        answer = house.pages.get(concrete)
        assert answer.status == 401, path
        assert b"blue" not in answer.whole
        assert house.pages.get(concrete, headers=bearer(token)).status != 401, path
    for path in OPEN_ROUTES:
        answer = house.pages.get(path)
        assert answer.status in (200, 401), path
        assert b"blue" not in answer.whole
    house.store.tokens.remove("ann", NOW)
    assert house.pages.get("/instances").status == 401, "a removed one does not open the doors"


def test_a_wrong_expired_or_removed_token_is_none(house: House) -> None:
    token, short = house.token(), house.token("short", days=1)
    known = house.store.tokens.all()
    digests = [item.token_digest for item in known] + [item.cookie_digest for item in known]
    wrong = [f"spc_{'A' * 43}", token[:-1], f"{token}A", "", "x" * 5000, *digests, token.upper()]
    for item in [*wrong, cookie_of(token)]:
        assert house.pages.get("/api/v1/instances", headers=bearer(item)).status == 401
        house.pages = house.console()  # so that none is refused for those before
    for item in (*digests, token):
        own = {"cookie": f"{COOKIE}={item}"}
        assert house.pages.get("/api/v1/instances", headers=own).status == 401
    assert house.pages.get("/api/v1/instances", headers=bearer(short)).status == 200
    house.clock.now = NOW + timedelta(days=1)
    assert house.pages.get("/api/v1/instances", headers=bearer(short)).status == 401
    assert house.pages.get("/api/v1/instances", headers=bearer(token)).status == 200
    house.store.tokens.remove("ann", house.clock.now)
    assert house.pages.get("/api/v1/instances", headers=bearer(token)).status == 401


def test_a_login_gives_a_strict_cookie_that_ends_with_its_token(house: House) -> None:
    token = house.token()
    answer = login(house.pages, token)
    assert (answer.status, answer.headers["location"]) == (303, "/findings")
    parts = {part.strip().lower() for part in answer.headers["set-cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/", "max-age=43200"} == parts
    own = {"cookie": cookie(answer)}
    assert token not in cookie(answer)
    page = house.pages.get("/instances", headers=own)
    assert page.status == 200
    assert "/logout" in page.text
    left = house.pages.ask("POST", "/logout", headers=own)
    assert 'sync_pipeline_console="";' in left.headers["set-cookie"]
    two = {"cookie": f"{cookie(answer)}; {cookie(answer)}"}
    assert house.pages.get("/instances", headers=two).status == 401
    house.store.tokens.remove("ann", NOW)
    assert house.pages.get("/instances", headers=own).status == 401


@pytest.mark.parametrize(
    "following",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "/x\r\nA: b", "/a/b"],
)
def test_a_login_leads_to_no_other_site(house: House, following: str) -> None:
    token = house.token()
    body = urlencode({"token": token, "next": following}).encode()
    assert house.pages.ask("POST", "/login", body=body).headers["location"] == "/"
    shown = house.pages.get("/login", {"next": following})
    assert 'name="next" value="/"' in shown.text


def test_few_wrong_tokens_are_tried_and_the_right_one_comes_in_all_the_same(house: House) -> None:
    """Whoever sends wrong ones from an address that others share keeps nobody out."""
    token = house.token()
    for _ in range(MOST_FAILURES):
        assert login(house.pages, "wrong").status == 401
    assert login(house.pages, "wrong").status == 429
    assert house.pages.get("/api/v1/instances", headers=bearer("wrong")).status == 429
    assert login(house.pages, token).status == 303
    assert house.pages.get("/api/v1/instances", headers=bearer(token)).status == 200
    other = house.pages.get("/api/v1/instances", headers=bearer("wrong"), client="127.0.0.2")
    assert other.status == 401


@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for", "x-real-ip"])
def test_what_a_proxy_on_this_machine_passes_on_is_not_of_this_machine(
    house: House, header: str
) -> None:
    assert house.pages.get("/api/v1/instances", headers={header: "10.9.9.9"}).status == 401


class Slow:
    """Connections that take too long, against a server whose times are short."""

    async def ended(self, sent: Sequence[bytes], app: Any) -> bytes:
        """Send some bytes with a pause after each, and return what came before the end."""

        class Short(Punctual):
            seconds_of_a_request = 0.3
            seconds_of_an_answer = 0.6

        config = uvicorn.Config(app, ws="none", lifespan="off", timeout_keep_alive=30)
        state, loop = ServerState(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: Short(config, state, {}), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                for part in sent:
                    writer.write(part)
                    await asyncio.sleep(0.05)
                return await asyncio.wait_for(reader.read(), 20)
            except ConnectionError:
                return b""
            finally:
                writer.close()


LENGTH = [(b"content-length", b"5")]


async def greeting(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": LENGTH})
    await send({"type": "http.response.body", "body": b"hello"})


async def silence(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("sent", "app", "answer"),
    [
        ([], greeting, b""),
        ([HEAD, *[b"X: y\r\n"] * 20], greeting, b""),
        ([HEAD, b"\r\n"], greeting, b"hello"),
        ([HEAD, b"\r\n", HEAD, b"\r\n", HEAD], greeting, b"hello"),
        ([HEAD, b"\r\n"], silence, b""),
    ],
    ids=["nothing", "headers without end", "one", "half of a third", "no answer"],
)
def test_a_connection_is_ended_where_something_takes_too_long(
    sent: list[bytes], app: Any, answer: bytes
) -> None:
    """uvicorn waits for headers for ever: 200 of them would keep everybody out."""
    found = asyncio.run(Slow().ended(sent, app))
    assert found.count(b"hello") == (sent.count(b"\r\n") if answer else 0), found


def test_the_body_of_a_login_comes_in_time(house: House) -> None:
    site = Site(
        house.deps,
        Doors(house.deps.store, house.settings, house.clock, True),
        seconds_of_a_body=0.05,
    )
    app = application(site, allowed_hosts("127.0.0.1", PORT, ()))
    sent: list[Any] = []

    async def never() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/login", "query_string": b"",
        "headers": [(b"host", HOST.encode()), (b"content-length", b"100")], "root_path": "",
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", PORT), "scheme": "http",
    }  # fmt: skip
    house.pages.loop.run_until_complete(app(scope, never, send))
    assert sent[0]["status"] == 408


def test_the_settings_of_the_console_have_no_secret(tmp_path: Path) -> None:
    secrets = {name: CANARY for name, field in Settings.model_fields.items() if not field.repr}
    Store.open(f"sqlite:///{tmp_path}/sync_pipeline.db").close()
    known = Settings(home=tmp_path).model_copy(update={**secrets, "store_url": ""})
    with reading(known, Clock()) as deps:
        kept = [getattr(deps.settings, name) for name in secrets]
    assert len(secrets) > 4
    assert not any(kept)


def test_failures_are_forgotten_and_bounded() -> None:
    now = [0.0]
    failures = Failures(lambda: now[0])
    for number in range(5000):
        failures.note(f"10.0.{number // 250}.{number % 250}")
    assert len(failures._of) == 1000
    for _ in range(MOST_FAILURES * 2):
        failures.note("10.1.0.1")
    with pytest.raises(Exception, match="Wait a minute"):
        failures.require_few("10.1.0.1")
    now[0] = 61.0
    failures.require_few("10.1.0.1")


def test_the_store_keeps_no_token_and_the_command_shows_it_once(command: Command) -> None:
    made = command.run("console", "tokens", "add", "ann", "--expires", "90d")
    token = made.out.strip()
    assert made.status == 0
    assert re.fullmatch(r"spc_[\w-]{43}", token)
    files = [path.read_bytes() for path in command.home.rglob("*") if path.is_file()]
    assert not any(token.encode() in content for content in files)
    assert not any(cookie_of(token).encode() in content for content in files)
    (listed,) = command.ok("console", "tokens", "list", "--json").json
    assert (listed["name"], listed["state"], listed["tags"]) == ("ann", "valid", None)
    assert "already" in command.wrong("console", "tokens", "add", "ann", "--expires", "1d")
    assert "team=x" in command.wrong(
        "console", "tokens", "add", "bob", "--expires", "1d", "--tag", "team=x"
    )
    for wrong in ("0d", "90", "99999d", "-1d", "soon"):
        assert "no time" in command.wrong("console", "tokens", "add", "bob", "--expires", wrong)
    command.ok("console", "tokens", "remove", "ann")
    assert "no token" in command.wrong("console", "tokens", "remove", "ann")
    assert command.ok("console", "tokens", "list", "--json").json[0]["state"] == "removed"
    again = command.run("console", "tokens", "add", "ann", "--expires", "1d")
    assert again.out.strip() != token


@pytest.mark.parametrize("days", ["1d", "3660d"])
def test_a_time_is_a_number_of_days(days: str) -> None:
    assert lifetime_of(days) == timedelta(days=int(days[:-1]))


PROXY: dict[str, Any] = {
    "console_proxies": ("10.0.0.0/8", "::1"),
    "console_groups": ("dba:*", f"billing:{BLUE.tag}", "shop:team=shop"),
}


def test_a_trusted_proxy_says_who_comes(home: Path, tmp_path: Path) -> None:
    (tmp_path / "sync_pipeline.db").write_bytes((home / "sync_pipeline.db").read_bytes())
    house = House(tmp_path, **PROXY)
    try:
        pages = house.console(is_private=False)

        def ask(client: str, user: str, groups: str) -> Answered:
            headers = {"x-forwarded-user": user, "x-forwarded-groups": groups}
            return pages.get("/api/v1/instances", headers=headers, client=client)

        assert ask("10.1.2.3", "ann", "x, billing").json["total"] == 2
        assert ask("::ffff:10.1.2.3", "ann", "dba").json["total"] == 2
        assert ask("10.1.2.3", "ann", "shop").json["total"] == 0
        assert ask("10.1.2.3", "ann", "nobodies").status == 403
        assert ask("10.1.2.3", "", "dba").status == 401
        for client in ("127.0.0.1", "192.168.0.1", "", "unix"):
            assert ask(client, "ann", "dba").status == 401, client
        twice = pages.get("/api/v1/instances", headers={"x-forwarded-proto": "https"})
        assert twice.status == 401
        secure = login(pages, house.token(), **{"x-forwarded-proto": "https"})
        assert "secure" not in secure.headers["set-cookie"].lower()
        body = f"token={house.token('two')}".encode()
        secure = pages.ask(
            "POST", "/login", headers={"x-forwarded-proto": "https"}, client="::1", body=body
        )
        assert "secure" in secure.headers["set-cookie"].lower()
    finally:
        house.close()


def test_proxies_need_groups_and_addresses() -> None:
    with pytest.raises(ValueError, match="CONSOLE_GROUPS must say"):
        Settings(console_proxies=("10.0.0.1",))
    with pytest.raises(ValueError, match="not an address"):
        Settings(console_proxies=("proxy.example",), console_groups=("a:*",))
    for wrong in ("a", ":*", "a:", " : "):
        with pytest.raises(ValueError, match="not a group and a tag"):
            Settings(console_groups=(wrong,))
    with pytest.raises(ValueError, match="not the name of a header"):
        Settings(console_user_header="X: y")
    for setting in ("console_dagster_ui", "console_url"):
        with pytest.raises(ValueError, match="not a URL"):
            Settings.model_validate({setting: "javascript:alert(1)"})


@pytest.mark.parametrize(
    ("host", "settings", "is_refused"),
    [
        ("127.0.0.1", {}, False),
        ("::1", {}, False),
        ("0.0.0.0", {}, True),
        ("10.1.1.1", {}, True),
        ("127.0.0.1", {"ui_allowed_hosts": ("db.example",)}, True),
        ("0.0.0.0", PROXY, False),
    ],
)
def test_others_reach_it_only_where_somebody_asks_who_they_are(
    house: House, host: str, settings: dict[str, Any], is_refused: bool
) -> None:
    chosen = Settings(**settings)
    if not is_refused:
        require_doors(host, chosen, house.store)
        return
    with pytest.raises(ConfigurationError, match="no token yet"):
        require_doors(host, chosen, house.store)
    house.token()
    require_doors(host, chosen, house.store)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 421),
        ({"host": "127.0.0.1:3081"}, 421),
        ({"host": ""}, 421),
        ({"host": "localhost:3080"}, 200),
        ({"host": "[::1]:3080"}, 200),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": f"http://{HOST}"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_only_its_own_pages_and_hosts_ask(
    house: House, headers: dict[str, str], status: int
) -> None:
    for path in ("/instances", "/api/v1/instances"):
        answer = house.pages.get(path, headers=headers)
        assert answer.status == status, path
        assert (b"blue" in answer.body) == (status == 200)
    assert login(house.pages, "x", **headers).status == (401 if status == 200 else status)


def test_a_link_elsewhere_leads_to_a_page_and_asks_once_more_for_its_cookie(house: House) -> None:
    token = house.token()
    followed = {
        "sec-fetch-site": "cross-site",
        "sec-fetch-mode": "navigate",
        "sec-fetch-dest": "document",
    }
    page = house.pages.get("/instances", {"text": "x"}, followed)
    assert page.status == 401
    assert '<meta http-equiv="refresh" content="0">' in page.text
    assert 'name="next" value="/instances?text=x"' in page.text
    again = house.pages.get("/instances", {"text": "x"}, {**followed, "sec-fetch-site": "none"})
    assert "http-equiv" not in again.text
    assert house.pages.get("/api/v1/instances", headers={**followed, **bearer(token)}).status == 403
    framed = {**followed, "sec-fetch-dest": "iframe"}
    assert house.pages.get("/instances", headers=framed).status == 403


def test_every_answer_says_what_a_browser_may_do_with_it(house: House) -> None:
    wanted = {name.decode(): value.decode() for name, value in SECURITY_HEADERS.items()}
    assert "unsafe" not in wanted["content-security-policy"]
    for path in ("/instances", "/api/v1/instances", "/login", "/nowhere", "/static/console.css"):
        for headers in ({}, {"host": "evil.example"}):
            answer = house.pages.get(path, headers=headers)
            assert wanted.items() <= answer.headers.items(), path


def test_requests_have_limits(house: House) -> None:
    ask = house.pages.ask
    assert ask("GET", "/instances", "text=" + "x" * MOST_QUERY_BYTES).status == 414
    assert ask("GET", "/" + "x" * 300).status == 414
    assert ask("GET", "/..%2f").status == 404
    assert ask("GET", "/instances", headers={"x": "y" * MOST_HEADER_BYTES}).status == 431
    assert ask("POST", "/login", body=b"x" * (MOST_BODY_BYTES + 1)).status == 413
    assert ask("POST", "/login", headers={"transfer-encoding": "chunked"}).status == 413
    assert ask("POST", "/login", headers={"content-length": "-1"}).status == 413
    assert ask("POST", "/login", body="&".join(["token=x"] * 11).encode()).status == 400
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
        assert ask(method, "/instances").status == 405
        refused = ask(method, "/api/v1/instances")
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json["status"] == refused.status == 405
    for path in ("/instances", "/api/v1/instances"):
        assert ask("POST", path).status == 405
        for query in (
            "strange=1", "limit=0", "limit=501", "limit=x", "limit=9&limit=9", "after=x", "sort=x",
            "after=W10", "state=x", "engine=x", "text=%ff", "text=a&text=b",
            "&".join(["tag=x"] * 21), "&".join(["tag=x"] * 100), "text=" + "x" * 12_001,
        ):  # fmt: skip
            answer = ask("GET", path, query)
            assert answer.status == 400, query
    assert ask("GET", "/api/v1/instances", "format=xml").status == 400
    assert ask("GET", "/api/v1/instances", "format=csv&table=x").status == 400
    problem = ask("GET", "/api/v1/who-can")
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json["status"] == problem.status == 400
    assert "privilege, object" in problem.json["detail"]


def test_one_that_takes_too_long_is_ended_and_many_at_once_are_refused(house: House) -> None:
    site = Site(house.deps, None, seconds=0.05, room=Semaphore(1))  # type: ignore[arg-type]
    request = Request({"type": "http", "path": "/api/v1/x", "headers": [], "method": "GET"})
    ended = Event()

    def answer(work: Any) -> int:
        return house.pages.loop.run_until_complete(_in_time(site, request, work)).status_code

    assert answer(lambda: ended.wait(30)) == TOO_LATE.status
    # Its thread is at work still, and so there is no room.
    assert answer(lambda: None) == BUSY.status
    ended.set()
    assert site.room.acquire(timeout=30)


def test_nobody_waits_for_a_page_that_takes_long(house: House) -> None:
    site = Site(house.deps, None)  # type: ignore[arg-type]
    request = Request({"type": "http", "path": "/api/v1/x", "headers": [], "method": "GET"})
    order: list[str] = []
    is_over = Event()

    def long() -> Response:
        order.append("began")
        assert is_over.wait(20)
        order.append("ended")
        return Response()

    def short() -> Response:
        order.append("short")
        is_over.set()
        return Response()

    async def both() -> list[Response]:
        return await asyncio.gather(*(_in_time(site, request, work) for work in (long, short)))

    found = house.pages.loop.run_until_complete(both())
    assert [item.status_code for item in found] == [200, 200]
    assert order == ["began", "short", "ended"]


@settings(max_examples=40)
@given(
    token=st.text(max_size=80),
    header=st.sampled_from(["authorization", "cookie", "x-forwarded-user"]),
)
def test_no_text_of_a_header_lets_anybody_in(token: str, header: str) -> None:
    class Tokens:
        def is_any(self) -> bool:
            return True

        def by_token(self, _digest: str) -> None:
            return None

        by_cookie = by_token

    class Kept:
        tokens = Tokens()

    doors = Doors(Kept(), DEFAULTS, Clock(), True)  # type: ignore[arg-type]
    value = token.encode("utf-8", "replace")
    for given_value in (value, b"Bearer " + value, f"{COOKIE}=".encode() + value):
        headers = Headers({"headers": [(header.encode(), given_value)]})
        assert doors.viewer("10.0.0.1", headers) is None


@pytest.mark.parametrize("store_url", ["sqlite", "postgresql"], indirect=True)
def test_the_store_of_the_console_refuses_what_would_change_it(
    store_url: str, tmp_path: Path
) -> None:
    Store.open(store_url).close()
    with reading(Settings(home=tmp_path, store_url=store_url), Clock()) as deps:
        with pytest.raises((StoreUnavailable, DBAPIError)):
            deps.store.registry.delete_credential("x")
        with pytest.raises((StoreUnavailable, DBAPIError)):
            add_token(deps.store, "x", Role.VIEWER, (), timedelta(days=1), NOW)
        with (
            pytest.raises((StoreUnavailable, DBAPIError)),
            deps.store._database.read() as connection,
        ):
            connection.execute(text("DELETE FROM sync_sessions"))
        assert deps.store.tokens.all() == []


def test_a_store_of_another_version_is_not_touched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/store.db"
    with pytest.raises(StoreUnavailable):
        Store.open_to_read(url)
    assert not (tmp_path / "store.db").exists()
    store = Store.open(url)
    with store._database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    store.close()
    with pytest.raises(ConfigurationError, match="not those of this version"):
        Store.open_to_read(url)


def test_no_secret_is_reached_by_any_route(house: House, tmp_path: Path) -> None:
    """The passwords of the fleet, the key, the secrets of settings: in no byte of any answer."""
    vault = SecretVault.open(house.settings)
    sealed = vault.seal(Secret(CANARY))
    for name, secret in (("monitor", sealed), ("other", f"env:{CANARY}")):
        credential = StoredCredential(name, "watcher", secret, NOW, NOW)
        house.store.registry.put_credential(credential, NOW)
    key = (tmp_path / "secret.key").read_bytes().strip()
    read: list[str] = []
    event.listen(
        house.deps.store._database.engine,
        "before_cursor_execute",
        lambda _, __, statement, *___: read.append(statement),
    )
    (tmp_path / "secret.key").chmod(0)
    account = house.pages.get("/api/v1/accounts").json["items"][0]
    instance = account["instance"]
    session = house.pages.get("/api/v1/sessions").json["items"][0]["session"]
    queries: dict[str, dict[str, str]] = {
        "instance": {"name": instance},
        **{
            name: {"instance": instance, "name": account["account"]}
            for name in ("account", "history", "tenure")
        },
        "compare": {"instance": instance, "name": account["account"], "other-name": "nobody"},
        "session": {"id": session},
        "who-can": {"privilege": "SELECT", "object": "database:shop"},
        "capacity-instance": {"instance": instance},
        "capacity-database": {"instance": instance, "database": "blue_db0"},
        "capacity-table": {"instance": instance, "database": "blue_db0", "name": "blue_db0_orders"},
    }
    for resource in RESOURCES:
        for path in (resource.api, resource.page):
            answer = house.pages.get(path, queries.get(resource.name, {}))
            assert answer.status in (200, 404)
            for secret in (CANARY.encode(), sealed.encode(), key):
                assert secret not in answer.whole
    assert not [item for item in read if "credentials.secret" in item]
    assert [item for item in read if "credentials.username" in item], "the review reads names"
    with pytest.raises(ConfigurationError):
        house.deps.vault.resolve(sealed)
    assert house.deps.settings.secret_key == house.deps.settings.store_url == ""
