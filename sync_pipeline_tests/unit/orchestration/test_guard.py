"""Who may speak to the UI: the rules, without a server. `test_ui.py` has the real one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.callers import Authority, Message, Receive, Scope, Send, allowed_hosts
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.processes.guard import MOST_BODY_BYTES, Guard

PORT = 3000
US = ("host", "127.0.0.1:3000")
JSON = ("content-type", "application/json")
LONG = ("content-length", "2")
HTML = ("accept", "text/html")
PAGE = (("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document"))
Headers = tuple[tuple[str, str], ...]


async def upstream(scope: Scope, receive: Receive, send: Send) -> None:
    """Stand for Dagster's webserver: answer 200 with the query that arrived."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    headers = [(b"X-Frame-Options", b"ALLOWALL"), (b"Content-Security-Policy", b"base-uri 'none'")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": scope["query_string"]})


def sent(guard: Guard, kind: str, method: str, path: str, headers: Headers) -> list[Message]:
    answers: list[Message] = []

    async def send(message: Message) -> None:
        answers.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    scope: dict[str, Any] = {
        "type": kind,
        "path": path,
        "query_string": b"query=mutation",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
    }
    if kind == "http":
        scope["method"] = method
    asyncio.run(guard(scope, receive, send))
    return answers


def guard(*names: str, address: str = "127.0.0.1") -> Guard:
    return Guard(upstream, allowed_hosts(address, PORT, names))


def status(
    *headers: tuple[str, str], method: str = "GET", path: str = "/", names: tuple[str, ...] = ()
) -> int:
    answers = sent(guard(*names), "http", method, path, headers)
    found: int = answers[0]["status"]
    return found


def is_followed(*headers: tuple[str, str]) -> bool:
    (answer,) = sent(guard(), "websocket", "", "/graphql", headers)
    return bool(answer["type"] == "websocket.accept")


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1:3000", "localhost:3000", "LOCALHOST:3000", "localhost.:3000", "[::1]:3000",
        "[0:0:0:0:0:0:0:1]:3000", "[0000::0001]:3000",
    ],
)  # fmt: skip
def test_this_machine_is_answered_under_every_spelling(host: str) -> None:
    assert status(("host", host)) == 200


@pytest.mark.parametrize(
    "host",
    [
        "", " ", "evil.example", "evil.example:3000", "127.0.0.1", "127.0.0.1:3001", "localhost",
        "127.0.0.1:3000.evil.example", "localhost.evil.example:3000", "evil.example#localhost:3000",
        "user@127.0.0.1:3000", "127.0.0.1:3000@evil.example", "127.0.0.1:3000,evil.example",
        "127.0.0.1:3000 evil.example", "127.0.0.1:03000x", "127.0.0.1:", "127.0.0.1:99999",
        "127.0.0.1:0", "[::1]", "[::1%eth0]:3000", "[::1", "::1:3000", "[evil]:3000",
        "localhost..:3000", ".localhost:3000", "2130706433:3000", "127.1:3000", "0.0.0.0:3000",
        "http://127.0.0.1:3000", "127.0.0.1:3000/", "127.0.0.1:3000\\", "ｌocalhost:3000"[1:],
        "127.0.0.1:3000\x00", "127.0.0.1:3000\n",
    ],
)  # fmt: skip
def test_no_other_name_is_answered(host: str) -> None:
    assert status(("host", host)) in (400, 403)
    assert status(("host", host), JSON, LONG, method="POST", path="/graphql") in (400, 403)
    assert not is_followed(("host", host))


@given(st.text(st.characters(max_codepoint=255), max_size=30))
def test_no_host_is_answered_but_the_allowed_ones(host: str) -> None:
    one_of_ours = {"127.0.0.1:3000", "localhost:3000", "localhost.:3000", "[::1]:3000"}
    if status(("host", host)) == 200:
        authority = Authority.parse(host)
        assert authority in {Authority.parse(text) for text in one_of_ours}


def test_a_host_must_be_there_once() -> None:
    assert status() == 403
    assert status(US, US) == 400
    assert status(US, ("host", "evil.example")) == 400
    assert not is_followed()
    assert not is_followed(US, US)


@pytest.mark.parametrize("name", ["origin", "sec-fetch-site", "content-type", "content-length"])
def test_no_header_that_counts_may_be_there_twice(name: str) -> None:
    fine = {JSON[0]: JSON[1], LONG[0]: "2", "origin": "http://127.0.0.1:3000"}
    fine["sec-fetch-site"] = "same-origin"
    headers = (US, *fine.items())
    assert status(*headers, method="POST", path="/graphql") == 200
    assert status(*headers, (name, fine[name]), method="POST", path="/graphql") == 400


@pytest.mark.parametrize(
    ("names", "host", "is_answered"),
    [
        (("ui.example.net",), "ui.example.net", True),
        (("ui.example.net",), "UI.Example.Net.", True),
        (("ui.example.net",), "ui.example.net:443", True),
        (("ui.example.net",), "ui.example.net:3000", True),
        (("ui.example.net",), "ui.example.net:8443", False),
        (("ui.example.net",), "x.ui.example.net", False),
        (("ui.example.net",), "uiXexample.net", False),
        (("ui.example.net:8443",), "ui.example.net:8443", True),
        (("ui.example.net:8443",), "ui.example.net", False),
        (("[2001:db8::1]",), "[2001:DB8:0::1]:3000", True),
    ],
)
def test_the_setting_adds_names(names: tuple[str, ...], host: str, *, is_answered: bool) -> None:
    assert (status(("host", host), names=names) == 200) is is_answered


@pytest.mark.parametrize("name", ["*", "*.example.net", "https://ui.example.net", "a b", "x:99999"])
def test_the_setting_takes_names_alone(name: str) -> None:
    with pytest.raises(ConfigurationError, match="SYNC_PIPELINE_UI_ALLOWED_HOSTS"):
        allowed_hosts("127.0.0.1", PORT, [name])


def test_the_address_that_is_listened_at_is_allowed_unless_it_is_any() -> None:
    assert Authority("192.0.2.7", PORT) in allowed_hosts("192.0.2.7", PORT, ())
    assert Authority("2001:db8::1", PORT) in allowed_hosts("2001:db8::1", PORT, ())
    for address in ("0.0.0.0", "::"):
        assert {item.host for item in allowed_hosts(address, PORT, ())} == {
            "localhost", "127.0.0.1", "::1",
        }  # fmt: skip
    assert Authority("localhost") in allowed_hosts("127.0.0.1", 80, ())


FOREIGN = [
    (("origin", "http://evil.example"),),
    (("origin", "null"),),
    (("origin", ""),),
    (("origin", "http://127.0.0.1:8000"),),
    (("origin", "http://localhost:3000"),),  # another program may have that name
    (("origin", "https://127.0.0.1"),),
    (("origin", "http://127.0.0.1"),),
    (("origin", "http://127.0.0.1:3000.evil.example"),),
    (("origin", "http://127.0.0.1:3000 http://evil.example"),),
    (("origin", "file://127.0.0.1:3000"),),
    (("origin", "chrome-extension://127.0.0.1:3000"),),
    (("origin", "127.0.0.1:3000"),),
    (("sec-fetch-site", "cross-site"),),
    (("sec-fetch-site", "same-site"),),
    (("sec-fetch-site", "anything"),),
    (("sec-fetch-site", "cross-site"), ("origin", "http://127.0.0.1:3000")),
    (("sec-fetch-site", "same-origin"), ("origin", "http://evil.example")),
]


@pytest.mark.parametrize("foreign", FOREIGN)
def test_other_pages_do_and_read_nothing(foreign: Headers) -> None:
    assert status(US, JSON, LONG, *foreign, method="POST", path="/graphql") == 403
    assert status(US, HTML, *foreign, path="/graphql") == 403
    assert status(US, *foreign) == 403
    assert status(US, *foreign, path="/logs/run/compute_logs/x.err") == 403
    assert not is_followed(US, *foreign)


@pytest.mark.parametrize(
    "ours",
    [
        (),
        (("origin", "http://127.0.0.1:3000"),),
        (("sec-fetch-site", "none"),),
        (("sec-fetch-site", "same-origin"), ("origin", "http://127.0.0.1:3000")),
    ],
)
def test_the_ui_and_programs_do_what_they_did(ours: Headers) -> None:
    assert status(US, JSON, LONG, *ours, method="POST", path="/graphql") == 200
    assert status(US, ("content-type", "application/JSON; charset=utf-8"), LONG, *ours,
                  method="POST", path="/graphql") == 200  # fmt: skip
    assert status(US, HTML, *ours, path="/graphql") == 200
    assert status(US, *ours, path="/runs/1") == 200
    assert is_followed(US, *ours)


def test_behind_a_proxy_the_origin_has_the_host_s_name_and_the_default_port() -> None:
    host, origin = ("host", "ui.example.net"), ("origin", "https://ui.example.net")
    asked = (JSON, LONG, host, origin)
    assert status(*asked, method="POST", path="/graphql", names=("ui.example.net",)) == 200
    other = (JSON, LONG, host, ("origin", "https://ui.example.net:8443"))
    assert status(*other, method="POST", path="/graphql", names=("ui.example.net",)) == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_link_of_another_page_opens_a_page_and_nothing_else(site: str) -> None:
    link = (US, ("sec-fetch-site", site), *PAGE)
    assert status(*link, path="/runs/1") == 200
    for path in ("/graphql", "/logs/x", "/download_debug/x", "/notebook", "/server_info"):
        assert status(*link, HTML, path=path) == 403
    assert status(*link, JSON, LONG, method="POST", path="/graphql") == 403
    framed = (US, ("sec-fetch-site", site), ("sec-fetch-mode", "navigate"))
    assert status(*framed, ("sec-fetch-dest", "iframe"), path="/runs/1") == 403


@pytest.mark.parametrize(
    "media_type",
    [
        None, "", "text/plain", "text/plain; application/json", "application/graphql",
        "application/x-www-form-urlencoded", "multipart/form-data; boundary=application/json",
        "application/jsonp", "application/json, text/plain", "xapplication/json",
    ],
)  # fmt: skip
def test_only_json_is_posted(media_type: str | None) -> None:
    headers = [US, LONG] + ([("content-type", media_type)] if media_type is not None else [])
    assert status(*headers, method="POST", path="/graphql") == 415


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "X"])
def test_no_other_method(method: str) -> None:
    assert status(US, JSON, LONG, method=method, path="/graphql") == 405


def test_a_query_is_posted_and_never_in_a_url() -> None:
    for method in ("GET", "HEAD"):
        assert status(US, method=method, path="/graphql") == 405
    for path in ("/graphql\n", "/graphql\r\n", "/graphql\x00", "http://evil/graphql", "*"):
        assert status(US, HTML, path=path) == 400
    answers = sent(guard(), "http", "GET", "/graphql", (US, HTML))
    assert [item.get("body") for item in answers] == [None, b""]
    for path in ("/", "/report_asset_materialization/sizes", "/graphql/"):
        assert status(US, JSON, LONG, method="POST", path=path) == 405


def test_what_is_posted_has_a_length_and_a_limit() -> None:
    for length, expected in (
        (str(MOST_BODY_BYTES), 200), (str(MOST_BODY_BYTES + 1), 413), ("9" * 30, 411),
        ("-1", 411), ("", 411),
    ):  # fmt: skip
        headers = (US, JSON, ("content-length", length))
        assert status(*headers, method="POST", path="/graphql") == expected
    assert status(US, JSON, ("transfer-encoding", "chunked"), method="POST", path="/graphql") == 411


def test_no_answer_can_be_framed_or_read_by_others() -> None:
    for headers in ((US,), (("host", "evil.example"),)):
        start, *_ = sent(guard(), "http", "GET", "/", headers)
        found = [(name.lower(), value) for name, value in start["headers"]]
        assert found.count((b"x-frame-options", b"DENY")) == 1
        assert (b"content-security-policy", b"frame-ancestors 'none'") in found
        assert (b"cross-origin-resource-policy", b"same-origin") in found
        assert not [pair for pair in found if pair[0].startswith(b"access-control-")]
        assert [value for name, value in found if name == b"x-frame-options"] == [b"DENY"]
