"""The lease on being the daemon, in PostgreSQL and beside an SQLite file; and who did a tick."""

from __future__ import annotations

import os
import resource
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_pipeline.errors import StoreUnavailable
from sync_pipeline.model.daemon_lease import DaemonLease, Holder
from sync_pipeline.store.daemon.lease_file import FileLease
from sync_pipeline.store.store import Store

ONE = Holder("11111111-1111-4111-8111-111111111111", "db-a", 17, 30.0)
TWO = Holder("22222222-2222-4222-8222-222222222222", "db-b", 18, 30.0)
TICK = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def test_a_lease_is_taken_renewed_taken_over_and_given_back(store: Store) -> None:
    lease = store.daemon_lease
    free = lease.read()
    assert (free.holder, free.takeovers) == (None, 0)
    assert lease.take(free, ONE)
    assert not lease.take(free, TWO)
    held = lease.read()
    assert held.holder == ONE
    assert held.since is not None
    assert abs(datetime.now(UTC) - held.since) < timedelta(minutes=5)
    assert lease.renew(ONE)
    assert not lease.renew(TWO)
    assert not lease.take(held, TWO), "it was renewed since it was looked at"
    assert lease.take(lease.read(), TWO)
    assert not lease.renew(ONE)
    lease.release(ONE)
    assert lease.read().holder == TWO
    assert lease.read().takeovers == 1
    lease.release(TWO)
    assert lease.read().holder is None
    assert lease.take(lease.read(), ONE)
    assert lease.read().takeovers == 1


def test_of_many_who_come_at_once_one_gets_it(store: Store, store_url: str) -> None:
    free = store.daemon_lease.read()
    others = [Store.open(store_url) for _ in range(6)]
    barrier = threading.Barrier(len(others))

    def take(number: int) -> bool:
        barrier.wait()
        return others[number].daemon_lease.take(free, Holder(str(number), "h", number, 30.0))

    with ThreadPoolExecutor(len(others)) as pool:
        won = list(pool.map(take, range(len(others))))
    assert sum(won) == 1
    holder = store.daemon_lease.read().holder
    assert holder is not None
    assert won[holder.pid]
    for other in others:
        other.close()


def test_what_is_noted_with_the_lease_is_no_sign_of_its_holder(store: Store) -> None:
    lease = store.daemon_lease
    assert lease.take(lease.read(), ONE)
    before = lease.read()
    lease.count_replaced("daemon")
    lease.count_replaced("daemon")
    lease.count_replaced("webserver")
    lease.note_beside()
    after = lease.read()
    assert (after.count, after.holder) == (before.count, before.holder)
    assert after.replaced == {"daemon": 2, "webserver": 1}
    assert after.beside_at is not None


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"count": 3}', b"\xff" * 100, b"0" * 9000])
def test_a_file_that_cannot_be_read_is_a_free_lease(tmp_path: Path, text: bytes) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    assert isinstance(store.daemon_lease, FileLease)
    store.daemon_lease.path.write_bytes(text)
    assert store.daemon_lease.read() == DaemonLease(0)
    assert store.daemon_lease.take(store.daemon_lease.read(), ONE)
    assert store.daemon_lease.read().holder == ONE
    store.close()


def test_the_file_is_private_and_never_grows(tmp_path: Path) -> None:
    """A disk without a byte left stops no daemon: a limit on the size of files stands for it."""
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    lease = store.daemon_lease
    assert isinstance(lease, FileLease)
    assert lease.take(lease.read(), ONE)
    assert lease.path.stat().st_mode & 0o777 == 0o600
    size = lease.path.stat().st_size
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        for _ in range(20):
            assert lease.renew(ONE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert lease.path.stat().st_size == size
    store.close()


def test_a_file_that_cannot_be_used_is_a_store_that_does_not_answer(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path / 'store.db'}")
    lease = store.daemon_lease
    assert isinstance(lease, FileLease)
    os.mkfifo(lease.path)
    with pytest.raises(StoreUnavailable):
        lease.read()
    store.close()


def test_a_tick_is_carried_out_by_whoever_claims_it_first(store: Store) -> None:
    ticks = store.ticks
    assert ticks.done_by("account_sync", TICK) is None
    assert ticks.claim("account_sync", TICK, "a") == "a"
    assert ticks.claim("account_sync", TICK, "b") == "a"
    assert ticks.claim("account_sync", TICK, "a") == "a"
    assert ticks.claim("capacity_sync", TICK, "b") == "b"
    assert ticks.done_by("account_sync", TICK) == "a"


def test_ticks_are_forgotten_after_a_while(store: Store) -> None:
    store.ticks.claim("account_sync", TICK, "a")
    store.ticks.claim("account_sync", TICK + timedelta(days=91), "b")
    assert store.ticks.done_by("account_sync", TICK) is None
