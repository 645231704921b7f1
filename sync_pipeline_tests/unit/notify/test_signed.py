"""Signatures of bots, and texts of names that mention nobody and fit."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.notify.plain import CUT, fitting, without_links, without_mentions
from sync_pipeline.notify.signed import dingtalk_sign, feishu_sign
from sync_pipeline.notify.webhook import LONGEST_WAIT, wait_of


def openssl(key: str, text: str) -> str:
    """Return what another program signs."""
    command = ["openssl", "dgst", "-sha256", "-mac", "HMAC", "-macopt"]
    command += [f"hexkey:{key.encode().hex()}", "-binary"]
    done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
    return base64.b64encode(done.stdout).decode()


def test_signatures_are_those_of_another_program() -> None:
    stamp, secret = "1599360473", "SEC-of-a-bot"
    assert feishu_sign(stamp, secret) == openssl(f"{stamp}\n{secret}", "")
    assert dingtalk_sign(stamp, secret) == openssl(secret, f"{stamp}\n{secret}")
    own = hmac.new(secret.encode(), f"{stamp}\n{secret}".encode(), hashlib.sha256).digest()
    assert base64.b64decode(dingtalk_sign(stamp, secret)) == own


@pytest.mark.parametrize(
    "text",
    [
        "@all",
        "x @channel y",
        "(@here)",
        "_@channel",
        "a._@all",
        '<at user_id="all">all</at>',
        "<AT id=all></AT>",
        "<at>a</at>",
        "@所有人",
    ],
)
def test_nobody_is_mentioned(text: str) -> None:
    found = without_mentions(text)
    assert found.replace("\u2060", "") == text
    for word in ("@all", "@channel", "@here", "@所", "<at", "<AT", "</at", "</AT"):
        assert word not in found


@pytest.mark.parametrize("text", ["[bill](http://a.example)", "![](http://a.example/x)", "[a][b]"])
def test_no_name_is_a_link(text: str) -> None:
    found = without_links(text)
    assert found.replace("\u2060", "") == text
    assert "](" not in found
    assert "][" not in found


@pytest.mark.parametrize("text", ["'bob'@'%'", "bob@host", "a < b", "<attic>", "x@"])
def test_names_that_mention_nobody_stay(text: str) -> None:
    assert without_mentions(text) == text


@given(st.text(max_size=3000), st.integers(len(CUT.encode()) + 1, 4000))
def test_what_does_not_fit_is_cut_at_a_line_and_says_so(text: str, most: int) -> None:
    found = fitting(text, most)
    assert len(found.encode("utf-8", "replace")) <= most
    if found != text:
        kept = found.removesuffix(CUT)
        assert found.endswith(CUT)
        assert text.startswith(kept)
        assert not kept or kept.endswith("\n")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        (" 5 ", 5),
        ("", 0),
        ("soon", 0),
        ("-3", 0),
        ("1e9", 0),
        ("999999999", LONGEST_WAIT),
        ("9" * 5000, 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0),
        ("Wed, 21 Oct 9999 07:28:00 GMT", LONGEST_WAIT),
        ("Wed, 99 Oct 2015 07:28:00 GMT", 0),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(header: str, seconds: float) -> None:
    assert wait_of(header) == seconds


def test_a_nested_answer_is_no_code() -> None:
    from sync_pipeline.notify.signed import _codes  # noqa: PLC0415 - of this test alone

    assert _codes(b"[" * 100_000, ("code",)) == []
    assert _codes(json.dumps({"code": "0"}).encode(), ("code",)) == []
    assert _codes(b'{"code": 0, "StatusCode": 19021}', ("code", "StatusCode")) == [0, 19021]
