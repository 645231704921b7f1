"""A name that is not resolved in time is told alike on every engine."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from sync_pipeline.engines.base import Target
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.errors import ConnectError, ConnectReason
from sync_pipeline.model.instance import EngineName, Instance, Timeouts
from sync_pipeline.model.secret import Secret


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The resolver is a mock: that of the machine can't be made to hang."""
    over = threading.Event()

    def hang(*_: object, **__: object) -> list[object]:
        over.wait(30)
        raise socket.gaierror(socket.EAI_AGAIN, "too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    yield
    over.set()


@pytest.mark.usefixtures("hanging")
@pytest.mark.parametrize("engine", list(EngineName))
def test_a_resolver_that_hangs_is_a_timeout_on_every_engine(engine: EngineName) -> None:
    waits = Timeouts(connect_seconds=0.2)
    of = Instance(1, "shop", engine, "slow.example", 9, "monitor", database="d", timeouts=waits)
    with pytest.raises(ConnectError) as caught:
        ENGINES[engine].connect(Target(of, "mon", Secret("p"), 5))
    assert caught.value.reason is ConnectReason.TIMEOUT
    assert "(timeout): resolving the name timed out after 0.2 seconds." in str(caught.value)
    assert str(caught.value.hint).startswith("Check the network, or raise the instance's connect")
