"""How often a process looks for garbage that reference counts don't free."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager

ALLOCATIONS = 50_000
"""Objects more than before that begin a look. Python's own 700 are some hundred looks a second
here, and nearly all that a step makes is freed without one."""


def keep_what_was_imported() -> None:
    """Look for garbage from now on, but never in what there is already; call it once.

    A program turns the collector off before it imports, because that makes no garbage: looking
    for it was a fifth of the time. And at the end of a process Python takes apart all that it
    looks after, which took longer than half of the imports: what is frozen just goes.
    """
    gc.freeze()
    gc.enable()
    atexit.register(gc.freeze)


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
