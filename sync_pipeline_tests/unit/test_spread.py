"""In which order a run takes the files of tests."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline_tests.spread import pytest_collection_modifyitems, spread


@given(st.integers(0, 40), st.integers(0, 400), st.floats(0, 1))
def test_all_are_there_in_their_order_and_the_rare_ones_far_apart(
    rare: int, others: int, share: float
) -> None:
    few = [f"rare {number}" for number in range(rare)]
    many = [f"other {number}" for number in range(others)]
    found = list(spread(few, many, share))
    assert [item for item in found if item in few] == few
    assert [item for item in found if item in many] == many
    places = [place for place, item in enumerate(found) if item in few]
    assert places[:1] == [0][:rare]
    gaps = [after - before - 1 for before, after in pairwise(places)]
    assert not gaps or max(gaps) - min(gaps) <= 1
    if rare:
        assert len(found) - 1 - places[-1] >= int(others * (1 - share))


def item(name: str) -> Any:
    """Return a test, as far as its order is concerned."""
    return SimpleNamespace(nodeid=name, get_closest_marker=lambda _: "long" in name or None)


def test_files_stay_together() -> None:
    names = ["a", "b", "long_a", "c", "d", "long_b"]
    items = [item(f"test_{name}.py::test_it[{number}]") for name in names for number in (2, 1)]
    pytest_collection_modifyitems(items)
    order = ["long_a", "a", "long_b", "b", "c", "d"]
    assert [test.nodeid for test in items] == [
        f"test_{name}.py::test_it[{number}]" for name in order for number in (2, 1)
    ]
