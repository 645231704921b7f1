"""Growth over days of two systems: what one leaves out is no growth, and no day is lost."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.aggregate.boundary import aligned
from sync_pipeline.aggregate.trend import growth
from sync_pipeline.model.growth import GrowthTrend
from sync_pipeline.model.size import SizePoint

GIB = 2**30


def points(
    count: int, moved: int, rate: int, left_out: int, gap: int = 1, wobble: int = 0
) -> list[SizePoint]:
    """Return days of which those before `moved` were imported, without what is left out."""
    found = []
    for number in range(count):
        is_imported = number < moved
        day = number if is_imported else number + gap - 1
        size = 500 * GIB + rate * day + wobble * (number % 2) - (left_out if is_imported else 0)
        when = date(2026, 1, 1) + timedelta(days=day)
        found.append(SizePoint("a", "b", when, size, is_imported=is_imported))
    return found


@pytest.mark.parametrize("moved", [3, 30, 57])
@pytest.mark.parametrize("rate", [0, GIB])
def test_what_the_other_system_left_out_is_no_growth(moved: int, rate: int) -> None:
    found = growth(points(60, moved, rate, 100 * GIB, wobble=GIB // 100))
    whole = growth(points(60, 0, rate, 0, wobble=GIB // 100))
    assert found is not None
    assert whole is not None
    assert found.bytes_per_day == pytest.approx(whole.bytes_per_day, abs=GIB / 50)
    assert found.trend is (GrowthTrend.GROWING if rate else GrowthTrend.NONE)
    assert (found.points, found.last_bytes) == (60, whole.last_bytes)


def test_days_before_the_move_count_from_the_first_day_on() -> None:
    """Seven days here are too few for a trend; with those before it there is one."""
    own = points(60, 57, GIB, 100 * GIB, gap=5)
    assert growth(own[57:]).bytes_per_day is None  # type: ignore[union-attr]
    found = growth(own)
    assert found is not None
    assert found.bytes_per_day == pytest.approx(GIB, rel=0.05)


@given(
    st.integers(2, 40), st.integers(-(2**40), 2**40), st.integers(-(2**40), 2**40),
    st.integers(1, 9), st.data(),
)  # fmt: skip
def test_of_a_line_what_is_left_out_comes_back_exactly(
    count: int, rate: int, left_out: int, gap: int, data: st.DataObject
) -> None:
    moved = data.draw(st.integers(0, count))
    own = points(count, moved, rate, left_out, gap)
    found = aligned(own)
    is_one_kind = moved in (0, count)
    has_rate = count > 2
    if has_rate or is_one_kind:
        days = [(point.collected_date - own[-1].collected_date).days for point in own]
        last = own[-1].total_bytes or 0
        assert found == pytest.approx([last + rate * day for day in days])
    assert found[-1] == own[-1].total_bytes


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=9), st.booleans())
def test_days_of_one_system_stay_as_they_were_measured(sizes: list[int], imported: bool) -> None:
    begin = date(2026, 1, 1)
    own = [
        SizePoint("a", "b", begin + timedelta(days=day), size, is_imported=imported)
        for day, size in enumerate(sizes)
    ]
    # Not as floats: of what is large, the differences would lose their digits.
    assert aligned(own) == sizes
