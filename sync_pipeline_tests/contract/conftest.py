"""The worlds of the contract: a test that asks for `world` runs on each server in turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sync_pipeline_tests.contract.worlds.variants import VARIANTS, chosen
from sync_pipeline_tests.contract.worlds.world import World


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "world_name" in metafunc.fixturenames:
        everything = bool(metafunc.config.getoption("all_versions"))
        is_slow = metafunc.definition.get_closest_marker("on_babelfish") is not None
        metafunc.parametrize("world_name", chosen(everything=everything, babelfish=is_slow))


@pytest.fixture
def world(world_name: str, request: pytest.FixtureRequest) -> Iterator[World]:
    """A server of each engine and variant in turn, without the accounts of other tests."""
    kind, _, variant = world_name.partition(" ")
    with VARIANTS[kind].world(request, variant) as made:
        yield made
