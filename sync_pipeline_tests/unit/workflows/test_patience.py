"""When a process is replaced that gives no sign of life."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.workflows.watching.patience import (
    GRACE,
    LONGEST_STEP,
    MOST_PATIENCE,
    Look,
    Patience,
)

SILENCE, LOOK = 120.0, 15.0
LOOKS = st.lists(
    st.tuples(st.sampled_from(list(Look)), st.sampled_from((1.0, 15.0, 16.0, 29.0, 1000.0))),
    max_size=40,
)


def seen(looks: list[tuple[Look, float]], patience: Patience | None = None) -> Patience:
    patience = patience or Patience(SILENCE, LOOK)
    now = 0.0
    for look, wait in looks:
        now += wait
        patience.see(look, now)
    return patience


@given(LOOKS)
def test_only_what_the_observer_saw_of_a_silence_counts(looks: list[tuple[Look, float]]) -> None:
    """Counted back from the end: looks without a sign, each for two looks' time at most."""
    silent = 0.0
    for index in range(len(looks) - 1, -1, -1):
        if looks[index][0] is not Look.SILENT:
            break
        silent += min(looks[index][1], LONGEST_STEP * LOOK) if index else 0.0
    was_well = any(look is Look.ALIVE for look, _ in looks)
    limit = SILENCE if was_well else SILENCE * GRACE
    assert seen(looks).is_over == (silent > limit)


def test_a_process_that_gives_none_for_two_minutes_is_replaced() -> None:
    well = [(Look.ALIVE, LOOK)]
    assert not seen(well + [(Look.SILENT, LOOK)] * 8).is_over
    assert seen(well + [(Look.SILENT, LOOK)] * 9).is_over


def test_a_start_may_take_longer() -> None:
    looks = [(Look.SILENT, LOOK)]
    assert not seen(looks * 13).is_over
    assert seen(looks * 14).is_over


@pytest.mark.parametrize("look", [Look.BLIND, Look.ALIVE])
def test_a_store_that_is_away_is_not_the_process(look: Look) -> None:
    looks = [(Look.ALIVE, LOOK)] + ([(Look.SILENT, LOOK)] * 8 + [(look, LOOK)]) * 5
    assert not seen(looks).is_over


def test_an_observer_that_stood_still_blames_nobody() -> None:
    assert not seen([(Look.ALIVE, LOOK), (Look.SILENT, 3600.0)]).is_over


def test_replacing_again_and_again_takes_ever_longer_until_it_is_well() -> None:
    patience = Patience(SILENCE, LOOK)
    looks_needed = []
    for _ in range(8):
        now, count = 0.0, 0
        while not patience.is_over:
            now += LOOK
            count += 1
            patience.see(Look.SILENT, now)
        looks_needed.append(count)
        patience.replaced()
    assert looks_needed == sorted(looks_needed)
    assert looks_needed[-1] * LOOK >= SILENCE * MOST_PATIENCE
    assert patience.factor == MOST_PATIENCE
    seen([(Look.ALIVE, LOOK)] * 200, patience)
    assert patience.factor == 1
