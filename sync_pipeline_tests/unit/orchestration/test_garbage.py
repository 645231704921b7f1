"""During a run garbage is looked for seldom, and as before when it is over."""

from __future__ import annotations

import gc
import weakref

import pytest

from sync_pipeline.orchestration.runtime.garbage import ALLOCATIONS, rare_collections


class Ring:
    """Something that only the collector frees."""

    def __init__(self) -> None:
        self.own = self


def test_it_is_as_before_after_the_block_however_it_ends() -> None:
    before = gc.get_threshold(), gc.get_freeze_count()
    with rare_collections():
        assert gc.get_threshold() == (ALLOCATIONS, *before[0][1:])
        assert gc.get_freeze_count() > before[1]
    assert (gc.get_threshold(), gc.get_freeze_count()) == before
    with pytest.raises(ValueError, match="the run failed"), rare_collections():
        raise ValueError("the run failed")
    assert (gc.get_threshold(), gc.get_freeze_count()) == before


def test_what_is_made_within_the_block_is_still_freed() -> None:
    with rare_collections():
        ring = weakref.ref(Ring())
        kept = [Ring() for _ in range(ALLOCATIONS + 1)]
        assert ring() is None
    assert len(kept) > ALLOCATIONS


def test_what_was_garbage_before_is_freed_when_the_block_is_over() -> None:
    gc.collect()
    gc.disable()
    try:
        ring = weakref.ref(Ring())
        with rare_collections():
            gc.collect()
            assert ring() is not None
        gc.collect()
        assert ring() is None
    finally:
        gc.enable()
