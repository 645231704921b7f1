"""Bots and cards: what they are sent, what of an answer counts, and that no name acts there."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sync_pipeline.errors import DeliveryError
from sync_pipeline.model.alert import Alert
from sync_pipeline.notify import mail, webhook
from sync_pipeline.notify.channel import Channel
from sync_pipeline.notify.mail import Mail, MailServer
from sync_pipeline.notify.signed import DingTalk, Feishu, dingtalk_sign, feishu_sign
from sync_pipeline.notify.teams import Teams
from sync_pipeline.notify.webhook import SlackWebhook, Webhook
from sync_pipeline.settings import SmtpTls
from sync_pipeline_tests.integration.test_webhooks import rogue
from workbench.servers.inboxes import WebInbox, mail_inbox, web_inbox
from workbench.servers.mysql_faults import Authority, authority

TOKEN = "T0K3N-in-the-path"
SECRET = "SEC-of-a-bot"
NAMES = (
    '<!channel> @all @channel <at user_id="all">x</at> *b* [u](http://x) # h & 数据库',
    "<https://evil.example|click> `code` ~s~ :skull: ![i](http://x) | = {{x}} ${x}",
)
ALERT = Alert(
    "sync_pipeline: 1 other event",
    "\n".join(["What happened (2):", *(f"- {name}" for name in NAMES), "", "See: x"]),
    {"event": "news"},
    "0123456789abcdef0123456789abcdef",
)
Make = Callable[[str], Channel]


@dataclass(frozen=True)
class Case:
    """A channel, and an answer by which its server takes a message."""

    make: Make
    taken: bytes = b""


CASES = {
    "webhook": Case(Webhook),
    "slack": Case(SlackWebhook, b"ok"),
    "teams": Case(Teams),
    "feishu": Case(lambda url: Feishu(url, SECRET), b'{"code":0,"data":{},"msg":"success"}'),
    "dingtalk": Case(lambda url: DingTalk(url, SECRET), b'{"errcode":0,"errmsg":"ok"}'),
}
BOTS = ["feishu", "dingtalk"]


@pytest.fixture
def web() -> Iterator[WebInbox]:
    with web_inbox() as inbox:
        yield inbox


def sent(name: str, web: WebInbox) -> Any:
    web.body = CASES[name].taken
    CASES[name].make(f"{web.url}/{TOKEN}").send(ALERT)
    (posted,) = web.posted
    return posted


def failure(channel: Channel) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        channel.send(ALERT)
    said = f"{caught.value} {caught.value!r} {channel!r} {caught.value.__cause__}"
    assert TOKEN not in said
    assert SECRET not in said
    return caught.value


def strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for part in value.values() if isinstance(value, dict) else value if _is_list(value) else ():
        yield from strings(part)


def _is_list(value: object) -> bool:
    return isinstance(value, list)


@pytest.mark.parametrize("name", CASES)
def test_names_call_nobody_and_are_no_markup(name: str, web: WebInbox) -> None:
    posted = sent(name, web)
    everything = list(strings(posted))
    if name == "webhook":
        assert posted["text"] == ALERT.text  # JSON for a program: as it is
        return
    if name == "slack":
        assert "<" not in posted["text"]
    for text in everything:
        for word in ("@all", "@channel", "<at", "</at"):
            assert word not in text, text
    for line in NAMES:
        plain = "".join(everything).replace("\u2060", "")
        assert line in plain or name == "slack"


def test_a_card_of_teams_has_runs_alone(web: WebInbox) -> None:
    posted = sent("teams", web)
    (attachment,) = posted["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    body = attachment["content"]["body"]
    assert {item["type"] for item in body} == {"RichTextBlock"}
    assert {run["type"] for item in body for run in item["inlines"]} == {"TextRun"}
    assert body[0]["inlines"][0]["text"] == ALERT.subject
    assert "msteams" not in attachment["content"]  # without entities nobody is mentioned


def test_feishu_is_signed_and_rich_text_is_text(web: WebInbox) -> None:
    posted = sent("feishu", web)
    assert posted["sign"] == feishu_sign(posted["timestamp"], SECRET)
    assert abs(int(posted["timestamp"]) - time.time()) < 60
    content = posted["content"]["post"]["en_us"]["content"]
    assert {element["tag"] for line in content for element in line} == {"text"}
    web.posted.clear()
    Feishu(web.url).send(ALERT)
    assert not {"sign", "timestamp"} & set(web.posted[0])


def test_dingtalk_is_signed_in_its_address(web: WebInbox) -> None:
    web.body = CASES["dingtalk"].taken
    DingTalk(f"{web.url}/robot/send?access_token={TOKEN}", SECRET).send(ALERT)
    found = parse_qs(urlsplit(web.paths[0]).query)
    assert found["access_token"] == [TOKEN]
    assert found["sign"] == [dingtalk_sign(found["timestamp"][0], SECRET)]
    assert web.posted[0]["at"] == {"atMobiles": [], "atUserIds": [], "isAtAll": False}
    DingTalk(f"{web.url}/{TOKEN}").send(ALERT)
    assert web.paths[1] == f"/{TOKEN}"


@pytest.mark.parametrize(
    ("name", "body", "says", "is_refused", "wait"),
    [
        ("feishu", b'{"code":19021,"msg":"sign match fail"}', "the code 19021", True, 0),
        ("feishu", b'{"code":11232,"msg":"too fast"}', "the code 11232", True, 60),
        ("dingtalk", b'{"errcode":310000,"errmsg":"keywords"}', "the code 310000", True, 0),
        ("dingtalk", b'{"errcode":130101,"errmsg":"send too fast"}', "code 130101", True, 600),
        ("feishu", b"", "did not say that it took it", False, 0),
        ("feishu", b'{"code":"0"}', "did not say that it took it", False, 0),
        ("dingtalk", b"<html>busy</html>", "did not say that it took it", False, 0),
        ("dingtalk", b"[0]", "did not say that it took it", False, 0),
    ],
)
def test_a_bot_says_in_its_body_what_became_of_a_message(
    web: WebInbox, name: str, body: bytes, says: str, is_refused: bool, wait: float
) -> None:
    web.body = body
    error = failure(CASES[name].make(f"{web.url}/{TOKEN}"))
    assert says in str(error)
    assert (error.is_refused, error.wait_seconds) == (is_refused, wait)


@pytest.mark.parametrize("name", CASES)
def test_a_server_says_how_long_to_leave_it_alone(name: str, web: WebInbox) -> None:
    web.status, web.headers = 429, {"Retry-After": "120"}
    error = failure(CASES[name].make(f"{web.url}/{TOKEN}"))
    assert "the HTTP status 429" in str(error)
    assert (error.is_refused, error.wait_seconds) == (True, 120)
    web.status = 503
    error = failure(CASES[name].make(f"{web.url}/{TOKEN}"))
    assert (error.is_refused, error.wait_seconds) == (False, 120)


@pytest.mark.parametrize("name", BOTS)
def test_of_an_endless_answer_little_is_read(name: str) -> None:
    with rogue(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536) as server:
        error = failure(CASES[name].make(f"http://127.0.0.1:{server.port}/{TOKEN}"))
    assert "did not say that it took it" in str(error)
    assert server.sent < 32 * 2**20


@pytest.mark.parametrize("name", BOTS)
def test_an_answer_that_comes_slowly_is_not_waited_for(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "SECONDS_TO_ANSWER", 0.3)
    with dribbling(b"HTTP/1.1 200 OK\r\n\r\n", b" ") as port:
        error = failure(CASES[name].make(f"http://127.0.0.1:{port}/{TOKEN}"))
    assert not error.is_refused


@contextmanager
def dribbling(first: bytes, then: bytes, pause: float = 0.05) -> Iterator[int]:
    """Serve one connection that says something, and then a little again and again."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    connection.sendall(first)
                    while not over.wait(pause):
                        connection.sendall(then)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()


@pytest.mark.parametrize("pause", [0.0, 0.05])
def test_an_answer_without_end_of_a_mail_server_is_cut(
    pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail, "SECONDS_TO_ANSWER", 1.0)
    with dribbling(b"220-hello\r\n", b"220-more\r\n", pause) as port:
        server = MailServer("127.0.0.1", port, SmtpTls.NONE)
        error = failure(Mail(server, "a@example.net", ("b@example.net",)))
    assert "could not be used" in str(error)
    assert not error.is_refused


def test_a_mail_that_is_sent_again_is_the_same_mail() -> None:
    with mail_inbox() as inbox:
        to = Mail(
            MailServer("127.0.0.1", inbox.port, SmtpTls.NONE), "a@x.example", ("b@x.example",)
        )
        for _ in range(2):
            to.send(ALERT)
        odd = Alert("s", "half of a pair \ud800, \u202e and a line\r\n.\r\nmore", {})
        to.send(odd)
    first, second, third = inbox.mails
    assert first["Message-ID"] == second["Message-ID"] == f"<{ALERT.key}@sync-pipeline.invalid>"
    assert third["Message-ID"] != first["Message-ID"]
    assert "more" in third.get_content()
    assert [len(found) for found in inbox.recipients] == [1, 1, 1]


@pytest.mark.parametrize("name", CASES)
def test_what_is_long_is_cut_for_each(name: str, web: WebInbox) -> None:
    web.body = CASES[name].taken
    long = Alert("s", "\n".join("数" * 250 for _ in range(100)), {})
    CASES[name].make(web.url).send(long)
    most = {"teams": 28_000, "feishu": 20_000, "dingtalk": 20_000}.get(name, 300_000)
    assert len(json.dumps(web.posted[0], ensure_ascii=False).encode()) < most


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("tls") / "web", "127.0.0.1")


@pytest.mark.parametrize("name", CASES)
def test_over_tls_a_server_has_to_be_the_one(
    name: str, trusted: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(trusted.certificate, trusted.key)
    with web_inbox(context) as web:
        web.body = CASES[name].taken
        channel = CASES[name].make(f"{web.url}/{TOKEN}")
        error = failure(channel)
        assert "SSLCertVerificationError" in str(error)
        assert error.is_refused
        assert web.posted == []
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted.ca))
        channel.send(ALERT)
        assert len(web.posted) == 1


def test_blocks_have_whole_lines_and_are_as_many_as_slack_takes() -> None:
    long = Alert("s", "\n".join(f"{number} {'x' * 400}" for number in range(100)), {})
    blocks = webhook.slack_payload(long, has_blocks=True)["blocks"]
    texts = [block["text"]["text"] for block in blocks]
    assert len(blocks) <= 50
    assert max(map(len, texts)) <= 3000
    assert "\n".join(texts) == f"s\n{long.text}"
    huge = Alert("s", "\n".join("y" * 2999 for _ in range(99)), {})
    assert len(webhook.slack_payload(huge, has_blocks=True)["blocks"]) == 50
