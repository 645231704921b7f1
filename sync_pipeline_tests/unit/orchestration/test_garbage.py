"""During a run garbage is looked for seldom, and as before when it is over; imports make none."""

from __future__ import annotations

import ast
import gc
import importlib.util
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from sync_pipeline.orchestration.runtime.garbage import ALLOCATIONS, rare_collections

PROGRAMS = (
    "sync_pipeline.orchestration.processes.code_server",
    "sync_pipeline.orchestration.processes.daemon",
    "sync_pipeline.orchestration.processes.launch",
    "sync_pipeline.orchestration.processes.serve",
    "sync_pipeline.orchestration.processes.webserver",
)


@pytest.fixture(autouse=True)
def _nothing_is_frozen() -> None:
    """Begin as a process does: what a worker of the tests has frozen before is none of ours."""
    gc.unfreeze()


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


def test_what_was_imported_is_kept_to_the_end() -> None:
    program = """
import atexit, gc
gc.disable()
atexit.register(lambda: print(len(gc.get_objects())))
from sync_pipeline.orchestration.runtime.garbage import keep_what_was_imported
keep_what_was_imported()
print(gc.isenabled(), gc.get_freeze_count() > 1000)
more = [[] for _ in range(5000)]
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    enabled, frozen, at_the_end = done.stdout.split()
    assert (enabled, frozen) == ("True", "True")
    assert int(at_the_end) < 1_000


@pytest.mark.parametrize("module", PROGRAMS)
def test_a_program_turns_the_collector_off_before_it_imports(module: str) -> None:
    """And only where it is the program: whoever imports it keeps the collector."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).read_text()
    statements = ast.parse(text).body[1:]
    first = [ast.unparse(item) for item in statements[:3]]
    assert first[:2] == ["from __future__ import annotations", "import gc"]
    assert first[2] == "if __name__ == '__main__':\n    gc.disable()"
    assert "keep_what_was_imported()" in text
