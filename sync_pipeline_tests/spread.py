"""A pytest plugin: the order of the files, in which a run takes the least time.

A file that is marked `long` mostly waits: for a tick, a poll or a deadline. Most others compute.
Where all long ones come first, the cores idle at the beginning and are too few at the end. So
they are spread over the other files, except over the last ones, of which none takes long: no
worker is left alone with a long file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import pytest

T = TypeVar("T")
SHARE = 0.5
"""Over which share of the other files; what comes after are mostly those of `unit/`."""


def spread(rare: Sequence[T], others: Sequence[T], share: float = SHARE) -> Iterator[T]:
    """Yield all of both, each in its own order, the rare ones evenly over a share of the others."""
    step = len(others) * share / len(rare) if rare else 0.0
    done = 0
    for number, item in enumerate(rare):
        upto = round(number * step)
        yield from others[done:upto]
        yield item
        done = upto
    yield from others[done:]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files; the tests of a file stay together, in their order."""
    files: dict[str, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.nodeid.partition("::")[0], []).append(item)
    found = list(files.values())
    long = [tests for tests in found if tests[0].get_closest_marker("long")]
    others = [tests for tests in found if not tests[0].get_closest_marker("long")]
    items[:] = [test for tests in spread(long, others) for test in tests]
