"""The console that `up` starts beside Dagster's UI: it ends with it, and knows no key."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.processes import serve
from sync_pipeline.orchestration.processes.services import Service
from sync_pipeline.orchestration.processes.system import Options, build_system
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.web import serve as console_serve
from workbench.running.system import environment_of
from workbench.servers.running import free_port

KEY = "c4nary-key-of-the-fleet"


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/api/v1/instances") as answer:
            return answer.status == 200
    except HTTPError:
        raise
    except (URLError, ConnectionError):
        return False


@pytest.fixture
def console(tmp_path: Path) -> tuple[Service, int]:
    home = tmp_path / "home"
    url = f"sqlite:///{home}/elsewhere.db"
    environment = environment_of(home, secret_key=KEY, store_url=url)
    options = Options("127.0.0.1", 3000, read_only=False, console_port=free_port())
    system = build_system(options, Settings(home=home), environment, tmp_path)
    assert system.console is not None
    assert options.console_port is not None
    return system.console, options.console_port


def test_it_ends_with_its_keeper_and_knows_no_key(console: tuple[Service, int]) -> None:
    service, port = console
    service.start()
    try:
        wait_for(lambda: answers(port))
        assert service.process is not None
        first = service.process
        environment = Path(f"/proc/{first.pid}/environ").read_bytes()
        assert KEY.encode() not in environment
        assert b"elsewhere.db" in environment, "it opens the store of `up`"
        assert service.line is not None
        service.line.close()  # as the end of the keeper, whatever ends it
        assert first.wait(60) != 0
    finally:
        service.kill()


def test_ctrl_c_is_its_end_and_no_error(tmp_path: Path) -> None:
    """Under `up` a traceback was the last that somebody saw of it."""
    settings, port = Settings(home=tmp_path), free_port()
    Store.open(settings.effective_store_url).close()

    def interrupt() -> None:
        wait_for(lambda: answers(port))
        os.kill(os.getpid(), signal.SIGINT)

    asking = Thread(target=interrupt)
    asking.start()
    try:
        console_serve.serve("127.0.0.1", port, settings, lambda: datetime.now(UTC))
    except KeyboardInterrupt:
        pytest.fail("it ends as by an error")
    asking.join()


def test_there_is_none_where_no_port_is_given(tmp_path: Path) -> None:
    options = Options("127.0.0.1", 3000, read_only=False)
    environment = environment_of(tmp_path)
    assert build_system(options, Settings(home=tmp_path), environment, tmp_path).console is None


def test_up_refuses_a_console_that_would_let_everybody_in(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path)
    options = Options("0.0.0.0", free_port(), read_only=False, console_port=free_port())
    with pytest.raises(ConfigurationError, match="no token yet"):
        serve._require_console(options, settings)
    loopback = Options("127.0.0.1", 3000, read_only=False, console_port=free_port())
    serve._require_console(loopback, settings)
