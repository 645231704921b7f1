"""What is kept of answers has an end, whatever is asked."""

from __future__ import annotations

from sync_pipeline.store.kept import Kept


def test_what_weighs_nothing_takes_room_too() -> None:
    """Who may ask for whatever name, asks for any number of them."""
    kept: Kept[int, list[int]] = Kept(5, len)
    for number in range(20):
        kept.put(number, [])
    assert [kept.get(number) for number in range(20)].count([]) == 5
    kept.all_of(range(30, 50), lambda keys: {key: [] for key in keys})
    assert [kept.get(number) for number in range(50)].count([]) == 5
    kept.put(1, [0] * 4)
    assert [kept.get(number) for number in range(50)].count([]) == 1
