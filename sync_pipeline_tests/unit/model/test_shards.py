"""How a fleet is cut into shards."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.shard import Shard, shard_count, slices

hosts = st.lists(st.sampled_from([f"db{number}" for number in range(40)]), max_size=200)


def fleet_on(names: list[str]) -> list[Instance]:
    return [
        Instance(number, f"i{number}", EngineName.MYSQL, host, 3306, "monitor")
        for number, host in enumerate(names, start=1)
    ]


@given(hosts, st.integers(1, 12))
def test_shards_are_a_balanced_partition_that_cuts_no_host(names: list[str], count: int) -> None:
    fleet = fleet_on(names)
    found = slices(fleet, count)
    assert set(found) == {item.id for item in fleet}
    assert set(found.values()) <= set(range(1, count + 1))
    assert len({(item.host, found[item.id]) for item in fleet}) == len(set(names))
    sizes = Counter(found.values())
    all_sizes = [sizes[number] for number in range(1, count + 1)]
    largest_host = max(Counter(names).values(), default=0)
    assert max(all_sizes) - min(all_sizes) <= largest_host


@given(hosts, st.integers(1, 12), st.randoms())
def test_shards_do_not_depend_on_the_order_of_the_fleet(
    names: list[str], count: int, random: st.DrawFn
) -> None:
    fleet = fleet_on(names)
    shuffled = list(fleet)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert slices(shuffled, count) == slices(fleet, count)


def test_a_host_is_one_host_in_any_capitals() -> None:
    assert len(set(slices(fleet_on(["Db.example", "db.EXAMPLE"]), 2).values())) == 1


@pytest.mark.parametrize(
    ("names", "per_run", "count"),
    [
        (["a", "b", "c"], 0, 1),
        (["a", "b", "c"], 3, 1),
        (["a", "b", "c"], 2, 2),
        (["a", "b", "c"], 1, 3),
        (["a", "a", "a"], 1, 1),
        ([], 2, 1),
    ],
)
def test_a_session_has_as_many_runs_as_it_takes(names: list[str], per_run: int, count: int) -> None:
    assert shard_count(fleet_on(names), per_run) == count


@pytest.mark.parametrize("text", ["", "1", "0/2", "3/2", "-1/2", "1/2 ", "1/x", "01/2"])
def test_what_is_no_shard(text: str) -> None:
    assert Shard.parse(text) is None


def test_a_shard_is_read_as_it_is_written() -> None:
    assert Shard.parse(str(Shard(2, 5))) == Shard(2, 5)
