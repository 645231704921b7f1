"""What all syncs of a process hold together, and which one has to stop."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.engines.wire import budget as module
from sync_pipeline.engines.wire.budget import Arriving, Budget, Usage
from sync_pipeline.engines.wire.limits import Meter, ReadLimits
from sync_pipeline.errors import MemoryExhausted, QueryError
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.syncing import memory
from sync_pipeline.workflows.syncing.memory import budget_of, memory_bytes

MOST = 1000


def test_what_is_read_again_in_the_place_of_what_failed_counts_once() -> None:
    found = Budget(MOST)
    with found.share() as usage:
        arriving = Arriving(usage)
        assert usage.add(700) == 700
        try:
            raise QueryError("half of it")
        except QueryError as error:
            usage.let_go(error)
        assert (usage.held, found.held_bytes) == (0, 0)
        assert usage.add(900) == 900
        assert not usage.is_refused
        assert arriving.allows(0)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-200, 400)), max_size=60))
def test_those_that_go_on_never_hold_more_than_all_may(steps: list[tuple[int, int]]) -> None:
    found = Budget(MOST)
    with ExitStack() as stack:
        usages = [stack.enter_context(found.share()) for _ in range(5)]
        for number, count in steps:
            usage = usages[number]
            before = [item.is_refused for item in usages]
            usage.expect(max(count, -usage.held))
            kept = [item.held for item in usages if not item.is_refused]
            assert sum(kept) <= MOST
            now = [item for item, was in zip(usages, before, strict=True) if item.is_refused > was]
            for refused in now:
                assert refused.held >= max(kept, default=0)
                assert refused.held > MOST / len(usages)
        assert found.held_bytes == sum(item.held for item in usages)
    assert found.held_bytes == 0


def test_the_largest_is_refused_and_its_neighbour_goes_on_when_it_has_ended() -> None:
    found = Budget(MOST)
    broken = threading.Event()
    with found.share() as small:
        small.add(100)
        with found.share() as large, large.broken_by(broken.set):
            large.add(850)
            waiting = threading.Thread(target=small.add, args=(100,))
            waiting.start()
            assert broken.wait(10)
            assert (large.is_refused, small.is_refused) == (True, False)
            with pytest.raises(MemoryExhausted, match="SYNC_PIPELINE_MAX_RUN_BYTES") as caught:
                large.require_kept("large")
            waiting.join(0.2)
            assert waiting.is_alive()
        waiting.join(10)
        small.require_kept("small")
        assert found.held_bytes == 200
    assert str(caught.value).startswith("large: ")
    assert caught.value.retryable


def test_what_does_not_end_is_not_waited_for_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROOM_SECONDS", 0.05)
    found = Budget(MOST)
    with found.share() as stuck, found.share() as small:
        stuck.expect(MOST)
        started = time.monotonic()
        small.add(100)
        assert time.monotonic() - started < 10
        assert not small.is_refused


def test_a_connection_that_is_opened_after_the_refusal_is_broken_too() -> None:
    broken = threading.Event()
    with Budget(MOST).share() as usage:
        usage.expect(MOST + 1)
        with usage.broken_by(broken.set):
            assert broken.is_set()


def test_rows_and_what_is_to_come_count_together() -> None:
    found = Budget(2**20)
    with found.share() as usage:
        arriving = Arriving(usage)
        assert arriving.allows(2**19)
        assert arriving.allows(0)
        assert found.held_bytes == 0
        assert arriving.allows(2**19)

        def rows() -> Iterator[dict[str, Any]]:
            while True:
                yield {"a": "x" * 1000}

        with pytest.raises(MemoryExhausted, match="of the 1048576 bytes"):
            for _ in Meter(ReadLimits(), usage, "one").metered(rows()):
                pass
        assert usage.held < 2**20 + 2**17
        assert not arriving.allows(2**19)
    assert found.held_bytes == 0
    usage.expect(5)  # a driver that was left behind
    assert found.held_bytes == 0


def test_an_error_that_lives_on_keeps_no_rows() -> None:
    class Rows(list[str]):
        pass

    kept: list[weakref.ref[Rows]] = []

    def read() -> None:
        rows = Rows(["x"])
        kept.append(weakref.ref(rows))
        raise QueryError("of a query")

    def mapped() -> None:
        try:
            read()
        except QueryError:
            raise MemoryExhausted("of all") from None

    with pytest.raises(MemoryExhausted) as caught, Budget(MOST).share():
        mapped()
    assert caught.value.__context__ is not None
    assert kept[0]() is None


def test_a_sync_without_a_budget_counts_for_itself() -> None:
    usage = Usage()
    assert (usage.add(2**40), usage.add(1)) == (2**40, 2**40 + 1)
    usage.require_kept("one")


@pytest.mark.parametrize(
    ("executor", "concurrency", "most"),
    [("threaded", 0, 4000), ("in_process", 8, 4000), ("multiprocess", 0, 1000)],
)
def test_a_process_has_its_part_of_the_run(executor: Any, concurrency: int, most: int) -> None:
    settings = Settings(executor=executor, step_concurrency=concurrency, max_run_bytes=4000)
    assert budget_of(settings).most == most


def test_the_default_is_a_quarter_of_the_memory_of_machine_and_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "_OF_CONTAINER", (tmp_path / "v2", tmp_path / "none"))
    (tmp_path / "v2").write_text("max\n")
    whole = memory_bytes()
    assert whole > 2**29
    (tmp_path / "v2").write_text(f"{2**29}\n")
    assert memory_bytes() == 2**29
    assert budget_of(Settings()).most == 2**27
    assert budget_of(Settings(), runs_at_once=2).most == 2**26
    assert budget_of(Settings(max_run_bytes=2**30), runs_at_once=2).most == 2**30
