"""The thread that keeps the lease, over a store that comes, goes and breaks."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError, StoreUnavailable
from sync_pipeline.model.daemon_lease import Holder
from sync_pipeline.orchestration.processes.leadership import Keeper
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from workbench.running.system import wait_for


@pytest.fixture
def keeper(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Keeper]:
    caplog.set_level(logging.INFO, "sync_pipeline")
    settings = Settings(home=tmp_path, daemon_lease_seconds=6)
    found = Keeper(settings, lambda _: None)
    yield found
    found.release()
    found.close()


def other(keeper: Keeper) -> tuple[Store, Holder]:
    store = Store.open(keeper.settings.effective_store_url)
    return store, Holder("22222222-2222-4222-8222-222222222222", "elsewhere", 4242, 6.0)


def said(keeper: Keeper, caplog: pytest.LogCaptureFixture, text: str) -> bool:
    keeper.announce()
    return text in caplog.text


def test_nobody_else_is_there(keeper: Keeper, caplog: pytest.LogCaptureFixture) -> None:
    """Nothing is said, and the lease is given back in the end."""
    keeper.start()
    assert keeper.is_at_work()
    keeper.announce()
    assert not caplog.text
    assert keeper.has_successor()
    keeper.release()
    assert not keeper.is_at_work()
    assert not keeper.has_successor()


def test_who_is_at_work_is_named_once(keeper: Keeper, caplog: pytest.LogCaptureFixture) -> None:
    store, holder = other(keeper)
    assert store.daemon_lease.take(store.daemon_lease.read(), holder)
    keeper.start()
    assert said(keeper, caplog, "Standing by")
    assert "process 4242 on elsewhere, since 20" in caplog.text
    keeper.announce()
    assert caplog.text.count("Standing by") == 1
    # It gives no more signs.
    wait_for(keeper.is_at_work, 40, "the end of the other one's lease")
    assert said(keeper, caplog, "Took over as the daemon at work from process 4242 on elsewhere")
    assert store.daemon_lease.read().takeovers == 1
    # Somebody else got it, while this one could not renew it.
    assert store.daemon_lease.take(store.daemon_lease.read(), holder)
    wait_for(lambda: not keeper.is_at_work(), 40, "the loss of the lease")
    assert said(keeper, caplog, "process 4242 on elsewhere")
    store.close()


def test_a_store_that_is_away_stops_the_daemon_until_it_answers(
    keeper: Keeper, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    keeper.start()
    assert keeper.store is not None
    lease = keeper.store.daemon_lease

    errors = iter([StoreUnavailable("The store does not answer.")])

    def failing(_: object) -> bool:
        raise next(errors, ValueError("a defect"))

    with monkeypatch.context() as patch:
        # At first the store does not answer, and then it answers with nonsense.
        patch.setattr(lease, "renew", failing)
        wait_for(lambda: not keeper.is_at_work(), 40, "the end of the daemon's time")
        assert said(keeper, caplog, "The daemon stands still until the store answers. a defect")
    wait_for(keeper.is_at_work, 40, "the store")
    assert said(keeper, caplog, "The daemon is at work here now.")


def test_a_store_that_can_never_be_opened_is_told_at_the_start(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, store_url="mysql://x/y")
    keeper = Keeper(settings, lambda _: None)
    with pytest.raises(ConfigurationError):
        keeper.start()
