"""Over how many runs a scheduled session is spread."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.fleet import shards
from sync_pipeline.fleet.shards import LEAST_OF_A_RUN, MOST_AT_ONCE, MOST_OF_A_RUN, runs_of
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.settings import Settings


def fleet_of(count: int, hosts: int | None = None) -> list[Instance]:
    return [
        Instance(number, f"i{number}", EngineName.MYSQL, f"h{number % (hosts or count)}", 1, "c")
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("count", "cores", "runs"),
    [
        (0, 2, 1),
        (LEAST_OF_A_RUN * 2 - 1, 2, 1),
        (LEAST_OF_A_RUN * 2, 2, 2),
        (1000, 1, 1),
        (1000, 2, 2),
        (1000, 64, MOST_AT_ONCE),
        (MOST_OF_A_RUN, 1, 1),
        (MOST_OF_A_RUN + 1, 1, 2),
        (10_000, 2, 5),
        (10_000, 64, 5),
    ],
)
def test_a_session_has_a_run_for_each_core_where_the_fleet_is_worth_it(
    count: int, cores: int, runs: int
) -> None:
    assert runs_of(Settings(), fleet_of(count), cores) == runs


@given(st.integers(0, 9000), st.integers(1, 8))
def test_no_run_is_larger_or_smaller_than_it_may_be(count: int, cores: int) -> None:
    runs = runs_of(Settings(), fleet_of(count), cores)
    assert count <= runs * MOST_OF_A_RUN
    assert runs == 1 or count >= runs * LEAST_OF_A_RUN


def test_what_a_setting_says_is_done_whatever_the_cores_are() -> None:
    fleet = fleet_of(1000)
    assert runs_of(Settings(instances_per_run=0), fleet, 4) == 1
    assert runs_of(Settings(instances_per_run=2000), fleet, 4) == 1
    assert runs_of(Settings(instances_per_run=100), fleet, 1) == 10


def test_a_host_is_not_cut_and_processes_need_no_second_run() -> None:
    assert runs_of(Settings(), fleet_of(1000, hosts=1), 2) == 1
    assert runs_of(Settings(executor="multiprocess"), fleet_of(1000), 2) == 1


@pytest.mark.parametrize(
    ("v2", "v1", "cores"),
    [
        ("max 100000", None, 8),
        ("150000 100000", None, 1),
        ("50000 100000", None, 1),
        ("400000 100000", None, 4),
        (None, ("-1", "100000"), 8),
        (None, ("200000", "100000"), 2),
        (None, None, 8),
        ("damaged", ("0", "0"), 8),
    ],
)
def test_a_container_has_the_cores_of_its_limit(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    v2: str | None,
    v1: tuple[str, str] | None,
    cores: int,
) -> None:
    """The files are made here: a test can't set the limit of the group that it runs in."""
    paths = [tmp_path / name for name in ("v2", "quota", "period")]
    for path, text in zip(paths, (v2, *(v1 or (None, None))), strict=True):
        if text is not None:
            path.write_text(text)
    monkeypatch.setattr(shards, "_QUOTA_V2", paths[0])
    monkeypatch.setattr(shards, "_QUOTA_V1", tuple(paths[1:]))
    monkeypatch.setattr("os.sched_getaffinity", lambda _pid: set(range(8)))
    assert shards.usable_cores() == cores
