"""An executor for Dagster that runs the steps of a run in threads of the run's process.

Dagster has none. Its in-process executor waits for one network after the other; its
multiprocess executor pays a process a step. A step of ours mostly waits, so a thread does.

This is Dagster's in-process loop with the steps' event generators drained in threads: one
thread, the run's, owns the plan; it starts the steps that are ready, takes what they hand
back, and marks them. What it uses of Dagster beyond the documented interface is imported
below, once; a parity suite compares its events with those of the in-process executor. See
ADR 0011.
"""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import DagsterEvent, DagsterEventType, EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import (
    _trigger_hook,
    dagster_event_sequence_for_step,
)
from dagster._core.execution.plan.instance_concurrency_context import InstanceConcurrencyContext
from dagster._core.execution.plan.objects import (
    ErrorSource,
    UserFailureData,
    step_failure_event_from_exc_info,
)
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.plan.state import KnownExecutionState
from dagster._core.execution.plan.step import ExecutionStep
from dagster._core.execution.retries import RetryMode
from dagster._core.storage.tags import GLOBAL_CONCURRENCY_TAG, PRIORITY_TAG
from dagster._utils.error import serializable_error_info_from_exc_info

from sync_pipeline.errors import QueryTimeout
from sync_pipeline.orchestration.failures import failure_of
from sync_pipeline.orchestration.runtime.event_buffer import buffered_events
from sync_pipeline.orchestration.runtime.garbage import rare_collections
from sync_pipeline.orchestration.runtime.kept_resources import kept_resources

DEADLINE_TAG = "sync_pipeline/deadline_seconds"
"""The tag of an op whose steps are failed when they take longer."""
POLL_SECONDS = 0.25
_SETTLED = frozenset(
    {
        DagsterEventType.STEP_SUCCESS,
        DagsterEventType.STEP_FAILURE,
        DagsterEventType.STEP_UP_FOR_RETRY,
    }
)

Events = Callable[[StepExecutionContext], Iterator[DagsterEvent]]


class Fence(logging.Filter):
    """Stands before a step's log: what a step says after it was given up is dropped.

    Whichever comes first counts: the step's own word of how it ended, or the giving up.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._is_settled = False
        self._is_closed = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Let a record through, unless the step was given up."""
        event = getattr(record, "dagster_event", None)
        with self._lock:
            if self._is_closed:
                return False
            if event is not None and event.event_type in _SETTLED:
                self._is_settled = True
            return True

    def close(self) -> bool:
        """Give the step up; False where it has said how it ended."""
        with self._lock:
            self._is_closed = not self._is_settled
            return self._is_closed


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt of a step, at work in a thread of its own."""

    step: ExecutionStep
    context: StepExecutionContext
    ends_at: float
    fence: Fence = field(default_factory=Fence)
    events: list[DagsterEvent] = field(default_factory=list)
    error: BaseException | None = None

    def work(self, events: Events, ended: queue.SimpleQueue[Attempt]) -> None:
        """Drain the step's events and then those of its hooks, and hand the attempt back."""
        try:
            self.events.extend(events(self.context))
            self.events.extend(_trigger_hook(self.context, self.events))
        except BaseException as error:  # noqa: BLE001 - raised again by the run's thread
            self.error = error
        finally:
            ended.put(self)


class ThreadedExecutor(dg.Executor):
    """Runs up to `max_concurrent` steps of a run at once, each in a thread of its process."""

    def __init__(self, max_concurrent: int) -> None:
        self._max_concurrent = max_concurrent

    @property
    def retries(self) -> RetryMode:
        """Retry what asks for it, within the run."""
        return RetryMode.ENABLED

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Execute the plan, and yield its events."""
        keep_connections(plan_context.instance, self._max_concurrent)
        steps = execution_plan.step_keys_to_execute
        yield DagsterEvent.engine_event(
            plan_context,
            f"Executing steps in {self._max_concurrent} threads (pid: {os.getpid()})",
            event_specific_data=EngineEventData.in_process(os.getpid(), steps),
        )
        started = time.monotonic()
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=self._events,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=plan_context.execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
                step_dependency_config=self.step_dependency_config,
                scoped_resources_builder_cm=kept_resources,
            ),
        )
        yield DagsterEvent.engine_event(
            plan_context,
            f"Finished steps in threads (pid: {os.getpid()}) in "
            f"{time.monotonic() - started:.1f} seconds",
            event_specific_data=EngineEventData.in_process(os.getpid(), steps),
        )

    def _events(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        with ExitStack() as stack:
            concurrency = stack.enter_context(
                InstanceConcurrencyContext(job_context.instance, job_context.dagster_run)
            )
            active = stack.enter_context(
                execution_plan.start(
                    retry_mode=job_context.retry_mode,
                    instance_concurrency_context=concurrency,
                    step_dependency_config=job_context.step_dependency_config,
                )
            )
            yield _capture_logs(job_context, execution_plan, stack)
            stack.enter_context(buffered_events(job_context.instance))
            stack.enter_context(rare_collections())
            yield from StepThreads(job_context, active, self._max_concurrent).events()


class StepThreads:
    """The steps of one run: which are ready, which are at work, and how they end."""

    def __init__(
        self, job_context: PlanExecutionContext, active: ActiveExecution, max_concurrent: int
    ) -> None:
        self._job_context = job_context
        self._active = active
        self._max_concurrent = max_concurrent
        self._ready: deque[ExecutionStep] = deque()
        self._at_work: dict[str, Attempt] = {}
        self._ended: queue.SimpleQueue[Attempt] = queue.SimpleQueue()
        self._known: KnownExecutionState | None = None

    def events(self) -> Iterator[DagsterEvent]:
        """Run every step to its end, and yield all events.

        Raises:
            DagsterExecutionInterruptedError: the run was asked to end.
        """
        try:
            while True:
                if self._active.check_for_interrupts():
                    yield from self._interrupt()
                self._start_ready()
                yield from self._active.concurrency_event_iterator(self._job_context)
                if not self._at_work and self._active.is_complete:
                    return
                for attempt in self._take():
                    yield from self._finish(attempt)
                self._expire()
                # Steps to skip, because of what failed or was not given.
                yield from self._active.plan_events_iterator(self._job_context)
        finally:
            for attempt in self._at_work.values():
                attempt.fence.close()

    def _start_ready(self) -> None:
        free = self._max_concurrent - len(self._at_work)
        if free > len(self._ready):
            self._fetch(free)
        while free > 0 and self._ready:
            self._start(self._ready.popleft(), dagster_event_sequence_for_step)
            free -= 1

    def _fetch(self, free: int) -> None:
        """Take steps that are ready from the plan.

        All at once, because each question costs as much as there are ready steps. Where steps
        wait for pools only as many as can start: what is taken has claimed its slot.
        """
        has_pools = any(map(_pool_of, self._job_context.execution_plan.steps))
        steps = self._active.get_steps_to_execute(limit=free - len(self._ready))
        while steps:
            self._ready.extend(steps)
            if has_pools:
                break
            steps = self._active.get_steps_to_execute()
        self._ready = deque(sorted(self._ready, key=_priority_of, reverse=True))

    def _start(self, step: ExecutionStep, events: Events) -> None:
        context = self._job_context.for_step(step, self._known_state())
        seconds = float(step.tags.get(DEADLINE_TAG, "inf"))
        attempt = Attempt(step, context, time.monotonic() + seconds)
        context.log.addFilter(attempt.fence)
        self._at_work[step.key] = attempt
        # A thread of its own, and one that the process's end does not wait for: one that
        # is stuck in a driver then costs neither a place nor the end.
        threading.Thread(
            target=attempt.work, args=(events, self._ended), name=step.key, daemon=True
        ).start()

    def _known_state(self) -> KnownExecutionState:
        """Return what a step is told of the run so far.

        Dagster looks at each output of the run to make it: ten thousand for each of as many
        steps. It is the same but for the attempts, and the outputs that it holds go on to grow.
        """
        if self._known is None:
            self._known = self._active.get_known_state()
        attempts = self._active.retry_state.snapshot_attempts()
        return self._known._replace(previous_retry_attempts=attempts)

    def _take(self) -> list[Attempt]:
        """Wait a little for attempts that have ended, and return all of them."""
        found: list[Attempt] = []
        wait = self._seconds_to_wait()
        while True:
            try:
                attempt = self._ended.get(timeout=0 if found else wait)
            except queue.Empty:
                return found
            # Another attempt stands in the place of one that was given up.
            if self._at_work.get(attempt.step.key) is attempt:
                found.append(attempt)

    def _seconds_to_wait(self) -> float:
        retry: float = self._active.sleep_interval()  # type: ignore[no-untyped-call]
        return min(POLL_SECONDS, retry) if retry > 0 else POLL_SECONDS

    def _finish(self, attempt: Attempt) -> Iterator[DagsterEvent]:
        del self._at_work[attempt.step.key]
        if any(output.is_dynamic for output in attempt.step.step_outputs):
            self._known = None
        for event in attempt.events:
            yield event
            self._active.handle_event(event)
        if attempt.error is not None:
            raise attempt.error
        self._active.verify_complete(self._job_context, attempt.step.key)

    def _expire(self) -> None:
        """Fail the steps that are past their deadline, in place of the stuck threads."""
        now = time.monotonic()
        for attempt in list(self._at_work.values()):
            if attempt.ends_at <= now and attempt.fence.close():
                self._start(attempt.step, _past_deadline)

    def _interrupt(self) -> Iterator[DagsterEvent]:
        """Give up what is at work, and end.

        No hook runs: the session's records are closed by what closes the run's session.
        """
        given_up = [item for item in self._at_work.values() if item.fence.close()]
        yield DagsterEvent.engine_event(
            self._job_context,
            f"Received a termination signal: giving up {len(given_up)} steps",
            EngineEventData.interrupted([item.step.key for item in given_up]),
        )
        for attempt in given_up:
            context = self._job_context.for_step(attempt.step, self._known_state())
            event = _failure(context, DagsterExecutionInterruptedError(), ErrorSource.INTERRUPT)
            self._active.handle_event(event)
            yield event
        self._active.mark_interrupted()
        raise DagsterExecutionInterruptedError


def _capture_logs(
    job_context: PlanExecutionContext, execution_plan: ExecutionPlan, stack: ExitStack
) -> DagsterEvent:
    """Begin to keep what the process prints, in one place for all steps, as in process."""
    logs = job_context.instance.compute_log_manager
    steps = [step.key for step in execution_plan.get_steps_to_execute_in_topo_order()]
    file_key: str = create_compute_log_file_key()  # type: ignore[no-untyped-call]
    log_key = logs.build_log_key_for_run(job_context.run_id, file_key)
    try:
        captured = stack.enter_context(logs.capture_logs(log_key))
    except Exception:  # noqa: BLE001 - a run goes on without what its steps print
        error = serializable_error_info_from_exc_info(sys.exc_info())
        return DagsterEvent.engine_event(
            job_context,
            "What the steps print is not kept",
            event_specific_data=EngineEventData(error=error),
        )
    event: DagsterEvent = DagsterEvent.capture_logs(job_context, steps, log_key, captured)
    return event


def keep_connections(instance: dg.DagsterInstance, threads: int) -> None:
    """Let the storages of a run's process keep their connections.

    PostgreSQL's open a new one for every event otherwise. The webserver asks for the same.
    """
    instance.optimize_for_webserver(
        statement_timeout=60_000, pool_recycle=3600, max_overflow=threads
    )


def _pool_of(step: object) -> str | None:
    pool: str | None = getattr(step, "pool", None)
    return pool or getattr(step, "tags", {}).get(GLOBAL_CONCURRENCY_TAG)


def _priority_of(step: ExecutionStep) -> int:
    return int(step.tags.get(PRIORITY_TAG, 0))


def _past_deadline(context: StepExecutionContext) -> Iterator[DagsterEvent]:
    """Yield the failure of a step that took too long."""
    seconds = float(context.step.tags[DEADLINE_TAG])
    error = QueryTimeout(
        f"The step did not end within its deadline of {seconds:g} seconds; what it may still do "
        "is discarded.",
        hint="Look for a driver or a server that does not answer.",
    )
    failure = failure_of(error)
    failure.__cause__ = error
    yield _failure(context, failure)


def _failure(
    context: StepExecutionContext, error: BaseException, source: ErrorSource | None = None
) -> DagsterEvent:
    """Return the event of a step that failed by an error which no code of its own raised."""
    context.capture_step_exception(error)
    said: UserFailureData | None = None
    if isinstance(error, dg.Failure):
        said = UserFailureData(  # type: ignore[no-untyped-call]
            "intentional-failure", error.description, error.metadata
        )
    try:
        raise error
    except BaseException:  # noqa: BLE001 - it is what the event is made of
        event: DagsterEvent = step_failure_event_from_exc_info(
            context, sys.exc_info(), said, source
        )
        return event


@dg.executor(
    name="threaded",
    config_schema={
        "max_concurrent": dg.Field(
            int, default_value=16, description="Steps of a run that are at work at once."
        )
    },
)
def threaded_executor(context: dg.InitExecutorContext) -> ThreadedExecutor:
    """Run each step in a thread of the run's process."""
    return ThreadedExecutor(int(str(context.executor_config["max_concurrent"])))
