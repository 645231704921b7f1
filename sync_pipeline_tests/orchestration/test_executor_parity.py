"""The threaded executor tells the same of a run as Dagster's in-process executor."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from workbench.running.parity_graphs import job_of

pytestmark = pytest.mark.long

BEHAVIOURS = ["ok", "ok", "ok", "fail", "raise", "policy", "retry", "exhaust", "skip", "observe"]
Told = dict[str | None, list[str]]


@st.composite
def nodes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Describe a graph: each node takes some of those before it."""
    found: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 5))):
        before = st.sets(st.integers(0, index - 1), max_size=2) if index else st.just(set())
        fan = draw(st.lists(st.sampled_from(BEHAVIOURS), max_size=4))
        found.append(
            {
                "upstream": sorted(draw(before)),
                "behaviour": draw(st.sampled_from(BEHAVIOURS)),
                "fan": fan,
                "is_nested": draw(st.booleans()),
            }
        )
    return found


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    """Storage in memory: a file for each run took more than half of the time, and shows nothing."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def told(instance: dg.DagsterInstance, run_id: str) -> Told:
    """Return what was told of each step, in order: events with their values, and log lines."""
    found: Told = {}
    for entry in instance.all_logs(run_id):
        event = entry.dagster_event
        text = f"log {in_order(entry.user_message)}" if event is None else event.event_type_value
        if event is not None and event.is_successful_output:
            text += f" {event.step_output_data.metadata.get('value')}"
        if event is not None and event.is_step_failure:
            data = event.step_failure_data
            text += f" {data.error_source} {data.error and data.error.cls_name}"
        found.setdefault(entry.step_key, []).append(text)
    return found


def in_order(line: str) -> str:
    """Return a line of log; Dagster names the steps that a step waited for in no order."""
    if not line.startswith("Dependencies for step"):
        return line
    name = re.compile(r"'[^']+'")
    return " ".join([name.sub("", line), *sorted(name.findall(line))])


def run_with(executor: str, instance: dg.DagsterInstance, graph: list[dict[str, Any]]) -> str:
    with dg.execute_job(job_of(graph, executor), instance=instance) as result:
        return result.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status.value


def is_endless_in_process(graph: list[dict[str, Any]], found: Told) -> bool:
    """Return whether Dagster's in-process executor may never end where another one found this.

    It looks for steps to skip before it gives up those that can't be reached, and again only
    after another step. One that is skipped beside one that was given up may come last, and then
    it spins (1.13.27, `ActiveExecution.plan_events_iterator`).
    """

    def is_skipped(step: str) -> bool:
        return "STEP_SKIPPED" in found.get(step, [])

    def is_given_up(step: str) -> bool:
        return any(line.startswith("log Dependencies for step") for line in found.get(step, []))

    def in_fan(number: int, name: str) -> str:
        return f"nested{number}.{name}" if graph[number]["is_nested"] else name

    def result(number: int) -> str:
        has_fan = graph[number]["fan"]
        return in_fan(number, f"collected{number}") if has_fan else f"n{number}"

    after = {f"n{number}": map(result, node["upstream"]) for number, node in enumerate(graph)}
    for number, node in enumerate(graph):
        keys = range(len(node["fan"]))
        again = [in_fan(number, f"again{number}[k{key}]") for key in keys]
        after[in_fan(number, f"collected{number}")] = iter(again)
    return any(is_skipped(step) and any(map(is_given_up, before)) for step, before in after.items())


# The same graphs each time, so that a failure is one of the change at hand.
@settings(max_examples=16, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(nodes())
def test_every_step_tells_the_same_in_the_same_order(
    instance: dg.DagsterInstance, graph: list[dict[str, Any]]
) -> None:
    other = run_with("threaded", instance, graph)
    found = told(instance, other)
    assume(not is_endless_in_process(graph, found))
    one = run_with("in_process", instance, graph)
    expected = told(instance, one)
    # What belongs to no step: the same events, for steps end in another order.
    assert Counter(found.pop(None)) == Counter(expected.pop(None))
    assert found == expected
    assert status(instance, one) == status(instance, other)


def test_a_graph_that_is_endless_in_process_ends(instance: dg.DagsterInstance) -> None:
    graph = [
        {"upstream": before, "behaviour": behaviour, "fan": [], "is_nested": False}
        for before, behaviour in (([], "skip"), ([], "fail"), ([1], "ok"), ([0, 2], "ok"))
    ]
    run_id = run_with("threaded", instance, graph)
    found = told(instance, run_id)
    assert is_endless_in_process(graph, found)
    assert "STEP_SKIPPED" in found["n3"]
    assert status(instance, run_id) == "FAILURE"


def test_the_order_of_names_in_a_line_of_dagster_does_not_count() -> None:
    lines = [
        f"Dependencies for step c were not executed: {names}. Not executing."
        for names in (["a[k1]", "b[k2]"], ["b[k2]", "a[k1]"], ["b[k2]"])
    ]
    one, other, less = map(in_order, lines)
    assert one == other != less


def test_a_graph_with_everything(instance: dg.DagsterInstance) -> None:
    graph = [
        {"upstream": [], "behaviour": "retry", "fan": BEHAVIOURS, "is_nested": False},
        {"upstream": [], "behaviour": "policy", "fan": ["ok", "skip"], "is_nested": True},
        {"upstream": [0, 1], "behaviour": "ok", "fan": [], "is_nested": False},
        {"upstream": [1], "behaviour": "skip", "fan": [], "is_nested": False},
        {"upstream": [3], "behaviour": "ok", "fan": ["ok"], "is_nested": False},
    ]
    one, other = (run_with(name, instance, graph) for name in ("in_process", "threaded"))
    expected, found = told(instance, one), told(instance, other)
    assert Counter(found.pop(None)) == Counter(expected.pop(None))
    assert found == expected
    kinds = {text.split(" ")[0] for texts in found.values() for text in texts}
    assert kinds >= {
        "STEP_SKIPPED", "STEP_UP_FOR_RETRY", "STEP_RESTARTED", "STEP_FAILURE", "STEP_SUCCESS",
        "HOOK_COMPLETED", "HOOK_SKIPPED", "HOOK_ERRORED", "ASSET_OBSERVATION", "log",
    }  # fmt: skip
