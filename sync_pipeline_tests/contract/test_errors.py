"""What every engine promises of what goes wrong on the way to a server, with each of its drivers.

The errors of statements, logins and files that one engine alone has stand in files named for it.
"""

from __future__ import annotations

import gc
import pickle
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sync_pipeline.engines.base import Connection, Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import (
    AuthenticationError,
    ConnectError,
    ConnectReason,
    Phase,
    SyncError,
)
from sync_pipeline_tests.contract.worlds.doors import (
    DOORS,
    LETTING_IN,
    NAME,
    PASSWORD,
    SHORT,
    UNCLEAR,
    USER,
    Door,
)
from workbench.servers import tns
from workbench.servers.mysql_faults import listener
from workbench.servers.running import free_port

GRACE_SECONDS = 3.0


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture
def no_trace() -> Iterator[None]:
    """Check that no thread of a connection is left, and no socket or file of it."""
    before = descriptors()
    gc.freeze()  # what was there before holds nothing of the test, and is most of all
    yield
    gc.collect()
    gc.unfreeze()
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline:
        threads = [item.name for item in threading.enumerate() if item.name.endswith(NAME)]
        if not threads and descriptors() <= before:
            return
        time.sleep(0.05)
    pytest.fail(f"left behind: {threads}, {descriptors() - before} descriptors")


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest, no_trace: None) -> Door:
    return DOORS[request.param]


@pytest.fixture(params=LETTING_IN)
def entry(request: pytest.FixtureRequest) -> Iterator[Target]:
    """A target that a server lets in."""
    opening, variant = LETTING_IN[request.param]
    with opening(request, variant) as target:
        yield target


def connect(target: Target) -> Connection:
    return ENGINES[target.instance.engine].connect(target)


def refusal(target: Target, margin_seconds: float = 4.0) -> SyncError:
    """Return the error of a connection: in time, named, with what to do, and without a secret."""
    started = time.monotonic()
    with pytest.raises(SyncError) as caught:
        connect(target).close()
    assert time.monotonic() - started < SHORT.connect_seconds + margin_seconds
    return checked(caught.value, target)


def checked(error: SyncError, target: Target) -> SyncError:
    again = pickle.loads(pickle.dumps(error))
    secret = target.password.reveal()
    chain = (error.__cause__, error.__context__)
    for text in (str(error), repr(error), repr(vars(error)), str(again), repr(chain)):
        assert secret not in text
        assert "PWD" not in text
    assert str(again) == str(error)
    assert error.instance == NAME
    assert str(error).startswith(f"{NAME}: ")
    assert error.hint
    return error


def reason_of(error: SyncError) -> ConnectReason:
    assert isinstance(error, ConnectError), repr(error)
    return error.reason


def test_a_closed_port_is_refused(door: Door) -> None:
    error = refusal(door.target(free_port()), door.at_once_seconds - SHORT.connect_seconds)
    assert reason_of(error) is ConnectReason.REFUSED
    assert error.retryable
    assert error.phase is Phase.CONNECT


def test_a_silent_port_is_given_up_within_the_connect_limit(door: Door) -> None:
    with listener() as port:
        error = refusal(door.target(port), door.margin_seconds)
    assert reason_of(error) is ConnectReason.TIMEOUT
    assert error.retryable


def test_a_full_backlog_is_given_up_within_the_connect_limit(door: Door) -> None:
    with tns.black_hole() as port:
        error = refusal(door.target(port), door.margin_seconds)
    assert reason_of(error) is ConnectReason.TIMEOUT
    assert error.retryable


@pytest.mark.parametrize(
    "host", ["no-such-host.invalid", "tls-timeout-refused-certificate.invalid"]
)
def test_an_unknown_host_is_a_matter_of_dns(door: Door, host: str) -> None:
    """Words of other reasons in the host's name mislead nobody."""
    assert reason_of(refusal(door.target(1, host))) is ConnectReason.DNS


@pytest.mark.parametrize("host", ["x" * 70 + ".example", "a..b"])
def test_a_host_that_can_be_no_name_is_told_apart(door: Door, host: str) -> None:
    error = refusal(door.target(1, host))
    assert type(error) is door.no_name
    if isinstance(error, ConnectError):
        assert error.reason is ConnectReason.DNS


@pytest.mark.parametrize(
    "banner",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"220 mail ESMTP\r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"-ERR no\r\n",
        b"\x04\x01\x00\x09\0\0\1\0\xff",
    ],
    ids=["ssh", "mail", "web", "redis", "noise"],
)
def test_another_protocol_is_an_error_that_says_what_to_check(door: Door, banner: bytes) -> None:
    with listener(banner, closes=True) as port:
        error = refusal(door.target(port))
    # Noise may be the beginning of a driver's own protocol.
    assert isinstance(error, UNCLEAR if banner.startswith(b"\x04") else door.other)
    assert error.retryable is isinstance(error, ConnectError)


def test_a_server_that_hangs_up_at_once_can_be_tried_again(door: Door) -> None:
    with listener(closes=True) as port:
        error = refusal(door.target(port))
    assert isinstance(error, ConnectError)
    assert error.retryable


def test_a_wrong_password_is_rejected_and_never_retried(entry: Target) -> None:
    connect(entry).close()
    error = refusal(replace(entry, password=type(entry.password)(f"not {PASSWORD}")))
    assert isinstance(error, AuthenticationError)
    assert not error.retryable
    assert f"rejected the account '{USER}'" in str(error)


def test_after_an_abort_nothing_waits_and_closing_twice_is_no_error(entry: Target) -> None:
    connection = connect(entry)
    assert connection.fetch("SELECT 1 AS x") == [{"x": 1}]
    connection.abort()
    with pytest.raises(SyncError) as caught:
        connection.fetch("SELECT 1 AS x")
    for _ in range(2):
        connection.close()
        connection.abort()
    error = checked(caught.value.at(NAME, Phase.COLLECT), entry)
    assert reason_of(error) is ConnectReason.LOST
    assert error.retryable
