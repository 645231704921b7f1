"""The contract leaves no engine out, and no topic of one."""

from __future__ import annotations

import pytest

from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.instance import EngineName
from sync_pipeline_tests.contract.worlds.doors import DOORS
from sync_pipeline_tests.contract.worlds.monitors import MONITORS
from sync_pipeline_tests.contract.worlds.variants import VARIANTS, chosen
from sync_pipeline_tests.contract.worlds.world import Gap, Topic


def test_each_registered_engine_has_a_world() -> None:
    assert set(VARIANTS) == set(ENGINES)
    assert {door.engine for door in DOORS.values()} == set(ENGINES)
    assert {name.partition("-")[0] for name in MONITORS} == set(ENGINES)
    assert len(chosen(everything=True)) > len(chosen(everything=False)) >= len(ENGINES)


@pytest.mark.parametrize("engine", EngineName)
def test_each_topic_is_a_case_or_a_gap_with_its_reason(engine: EngineName) -> None:
    for brought in VARIANTS[engine].cases:
        assert set(brought) == set(Topic)
        for topic, cases in brought.items():
            assert cases, topic
            for case in cases:
                if isinstance(case, Gap):
                    assert case.reason
                    assert case.says
                else:
                    assert case.accounts
                    assert (topic is Topic.UNKNOWN) is (case.doubt is not None)


def test_a_gap_that_closed_fails_and_so_does_one_with_another_reason() -> None:
    gap = Gap("it has no such thing", "DENY IT", ValueError, "syntax")

    def refuse(step: object) -> None:
        raise ValueError("out of memory")

    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        gap.check(lambda step: None)
    with pytest.raises(AssertionError, match="did not match"):
        gap.check(refuse)
