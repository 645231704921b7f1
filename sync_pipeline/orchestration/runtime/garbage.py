"""How often the process of a run looks for garbage that reference counts don't free."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

ALLOCATIONS = 50_000
"""Objects more than before that begin a look. Python's own 700 are some hundred looks a second
here, and nearly all that a step makes is freed without one."""


@contextmanager
def rare_collections() -> Iterator[None]:
    """Look seldom within the block, and never at what was there before it.

    That is what was imported, hundreds of thousands of objects that stay: to walk through
    them again and again took an eleventh of the CPU time of a run.
    """
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(ALLOCATIONS, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
