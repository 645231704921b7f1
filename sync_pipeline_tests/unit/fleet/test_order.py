"""The order of a run: instances of one host, and of one credential, keep apart."""

from __future__ import annotations

import random
from collections import Counter
from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.fleet.order import spread
from sync_pipeline.model.instance import EngineName, Instance, host_of


def an_instance(number: int, host: str, credential: str = "monitor") -> Instance:
    return Instance(number, f"i{number}", EngineName.MYSQL, host, 3306, credential)


hosts = st.sampled_from(["a", "b", "c", "d", "e.example.net", "f", "g", "h"])
credentials = st.sampled_from(["one", "two", "three"])
fleets = st.lists(st.tuples(hosts, credentials), max_size=40).map(
    lambda pairs: [an_instance(number, *pair) for number, pair in enumerate(pairs)]
)
one_host_each = st.lists(credentials, min_size=1, max_size=40).map(
    lambda names: [an_instance(number, f"h{number}", name) for number, name in enumerate(names)]
)
chances = st.integers().map(random.Random)


@given(fleets, chances)
def test_every_instance_is_in_the_order_once(fleet: list[Instance], chance: random.Random) -> None:
    assert sorted(spread(fleet, chance), key=lambda item: item.id) == fleet


@given(fleets, chances)
def test_instances_of_one_host_are_far_apart(fleet: list[Instance], chance: random.Random) -> None:
    order = spread(fleet, chance)
    busiest = max(Counter(map(host_of, fleet)).values(), default=1)
    places: dict[str, list[int]] = {}
    for place, item in enumerate(order):
        places.setdefault(host_of(item), []).append(place)
    nearest = [
        second - first for found in places.values() for first, second in combinations(found, 2)
    ]
    assert all(distance >= len(fleet) // busiest - 1 for distance in nearest)


@given(fleets, chances)
def test_neighbours_have_other_hosts_wherever_that_can_be(
    fleet: list[Instance], chance: random.Random
) -> None:
    busiest = max(Counter(map(host_of, fleet)).values(), default=0)
    touching = [
        pair for pair in pairwise(spread(fleet, chance)) if host_of(pair[0]) == host_of(pair[1])
    ]
    # Of 2m - 1 places the busiest host has every other one.
    assert len(touching) <= max(0, 2 * busiest - 1 - len(fleet))


@given(one_host_each, chances)
def test_neighbours_have_other_credentials_where_hosts_leave_the_choice(
    fleet: list[Instance], chance: random.Random
) -> None:
    busiest = max(Counter(item.credential for item in fleet).values())
    touching = [
        pair for pair in pairwise(spread(fleet, chance)) if pair[0].credential == pair[1].credential
    ]
    assert len(touching) <= max(0, 2 * busiest - 1 - len(fleet))


def test_two_runs_take_different_orders_and_one_run_the_same() -> None:
    fleet = [an_instance(number, f"h{number % 7}") for number in range(100)]
    assert spread(fleet, random.Random(1)) == spread(fleet, random.Random(1))
    assert spread(fleet, random.Random(1)) != spread(fleet, random.Random(2))


def test_a_host_is_known_by_any_spelling_of_its_name() -> None:
    spellings = ["db1.example.net", "DB1.example.net", "db1.example.net.", " db1.Example.net"]
    assert {host_of(an_instance(1, host)) for host in spellings} == {"db1.example.net"}
