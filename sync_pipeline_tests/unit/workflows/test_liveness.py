"""Who is silent, as one observer sees it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.workflows.watching.liveness import Observation

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
AFTER = timedelta(seconds=300)
GAP = timedelta(seconds=150)
# Of each look: the seconds since the one before, and the newest sign of each run at work.
LOOKS = st.lists(
    st.tuples(
        st.sampled_from((1, 100, 149, 150, 150, 151)),
        st.fixed_dictionaries({"a": st.integers(0, 1)}, optional={"b": st.just(0)}),
    ),
    max_size=8,
)


def sign(number: int) -> datetime:
    """A moment of another machine, whose clock has nothing to do with the observer's."""
    return datetime(1999, 1, 1, tzinfo=UTC) + timedelta(days=number)


def looked(looks: Sequence[tuple[int, dict[str, int]]]) -> tuple[Observation, list[datetime]]:
    seen, now, times = Observation(), START, []
    for seconds, signs in looks:
        now += timedelta(seconds=seconds)
        times.append(now)
        given_at = {run_id: sign(number) for run_id, number in signs.items()}
        seen = Observation.from_json(seen.next(given_at, now, GAP).to_json())
    return seen, times


@given(LOOKS)
@settings(max_examples=500)
def test_silent_is_who_was_seen_with_one_sign_for_too_long(
    looks: list[tuple[int, dict[str, int]]],
) -> None:
    """Counted back from the last look, over looks without a gap between them."""
    seen, times = looked(looks)
    expected = set()
    for run_id in "ab":
        since = None
        for index in range(len(looks) - 1, -1, -1):
            if looks[index][1].get(run_id, "none") != looks[-1][1].get(run_id):
                break
            since = times[index]
            if looks[index][0] > GAP.total_seconds():
                break
        if since is not None and times[-1] - since > AFTER:
            expected.add(run_id)
    assert seen.silent(AFTER) == expected


def test_a_run_is_given_the_whole_time() -> None:
    seen, _ = looked([(1, {"a": 0})] + [(100, {"a": 0})] * 3)
    assert seen.silent(AFTER) == set()
    seen, _ = looked([(1, {"a": 0})] + [(100, {"a": 0})] * 3 + [(1, {"a": 0})])
    assert seen.silent(AFTER) == {"a"}


@pytest.mark.parametrize(
    "cursor",
    [
        None, "", "{}", "[]", "no json", '{"looked_at": null, "signs": {}}',
        '{"looked_at": "2026-03-01T12:00:00+00:00", "signs": {"a": ["x", "y"]}}',
        '{"looked_at": "2026-03-01T12:00:00+00:00", "signs": []}',
    ],
)  # fmt: skip
def test_a_cursor_that_cannot_be_read_is_one_that_saw_nothing(cursor: str | None) -> None:
    assert Observation.from_json(cursor) == Observation()
