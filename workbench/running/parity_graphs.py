"""Jobs made from a description, so that two executors can run the same one.

Annotations are not postponed here: Dagster reads them as types.
"""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg

from sync_pipeline.orchestration.runtime.threaded_executor import threaded_executor

EXECUTORS = {
    "in_process": dg.in_process_executor,
    "threaded": threaded_executor.configured({"max_concurrent": 4}),
}
MODULE = "workbench.running.parity_graphs"


def job_of(nodes: list[dict[str, Any]], executor: str) -> dg.JobDefinition:
    """Return the described job as a run's process would load it."""
    return dg.build_reconstructable_job(MODULE, "build_job", (json.dumps(nodes), executor))


@dg.success_hook(required_resource_keys={"tally"})
def succeeded(context: dg.HookContext) -> None:
    context.log.info("succeeded: %s", context.resources.tally)


@dg.failure_hook
def failed(context: dg.HookContext) -> None:
    context.log.info("failed: %s", type(context.op_exception).__name__)


@dg.failure_hook
def broken(context: dg.HookContext) -> None:
    raise RuntimeError("a hook that fails")


@dg.resource
def tally(_context: dg.InitResourceContext) -> Iterator[str]:
    yield "a resource"


def build_job(text: str, executor: str) -> dg.JobDefinition:
    """Compose the nodes; each takes what it names of those before it."""

    @dg.job(
        name="generated",
        executor_def=EXECUTORS[executor],
        resource_defs={"tally": tally, "io_manager": dg.mem_io_manager},
        hooks={succeeded, failed, broken},
    )
    def generated() -> None:
        results: list[Any] = []
        for number, node in enumerate(json.loads(text)):
            inputs = {f"i{index}": results[index] for index in node["upstream"]}
            result = plain_op(f"n{number}", list(inputs), node["behaviour"])(**inputs)
            if node["fan"]:
                fan = nested(number, node) if node["is_nested"] else spread(number, node)
                result = fan(result)
            results.append(result)

    return generated


def plain_op(name: str, inputs: list[str], behaviour: str) -> dg.OpDefinition:
    policy = dg.RetryPolicy(max_retries=1, delay=0.01) if behaviour == "policy" else None

    @dg.op(
        name=name,
        ins={item: dg.In(int) for item in inputs},
        out=dg.Out(int, is_required=False),
        retry_policy=policy,
        required_resource_keys={"tally"},
        tags={"dagster/priority": str(len(inputs))},
    )
    def op(context: dg.OpExecutionContext, **values: int) -> Iterator[Any]:
        yield from behave(context, behaviour, sum(values.values()) + 1)

    return op


def behave(context: dg.OpExecutionContext, behaviour: str, value: int) -> Iterator[Any]:
    context.log.info("working: %s", behaviour)
    if behaviour == "fail":
        raise dg.Failure("meant to", metadata={"value": value}, allow_retries=False)
    if behaviour == "raise":
        raise ValueError("meant to")
    if behaviour == "policy" and context.retry_number == 0:
        raise ValueError("meant to, once")
    if behaviour == "retry" and context.retry_number < 2:
        raise dg.RetryRequested(max_retries=2, seconds_to_wait=0.01)
    if behaviour == "exhaust":
        raise dg.RetryRequested(max_retries=1, seconds_to_wait=0.01)
    if behaviour == "observe":
        yield dg.AssetObservation(asset_key=["seen", context.op.name], metadata={"value": value})
    if behaviour != "skip":
        yield dg.Output(value, metadata={"value": value})


def spread(number: int, node: dict[str, Any]) -> Any:
    """Return a function that maps over dynamic outputs, twice, and collects."""

    @dg.op(name=f"fan{number}", out=dg.DynamicOut(int, is_required=False))
    def fan(value: int) -> Iterator[dg.DynamicOutput[int]]:
        for key in range(len(node["fan"])):
            yield dg.DynamicOutput(value + key, mapping_key=f"k{key}")

    @dg.op(name=f"mapped{number}", out=dg.Out(int, is_required=False))
    def mapped(context: dg.OpExecutionContext, value: int) -> Iterator[Any]:
        key = context.get_mapping_key()
        assert key is not None
        yield from behave(context, node["fan"][int(key[1:])], value)

    @dg.op(name=f"again{number}")
    def again(value: int) -> int:
        return value + 1

    @dg.op(name=f"collected{number}", ins={"values": dg.In(list[int])})
    def collected(context: dg.OpExecutionContext, values: list[int]) -> int:
        context.add_output_metadata({"value": sum(values)})
        return sum(values)

    return lambda value: collected(fan(value).map(lambda item: again(mapped(item))).collect())


def nested(number: int, node: dict[str, Any]) -> Any:
    """Return the same, in a graph of its own."""

    @dg.graph(name=f"nested{number}")
    def inner(value: int) -> Any:
        return spread(number, node)(value)

    return inner
