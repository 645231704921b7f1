"""What the log of a run tells of its end: read within limits, as data of others."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from dagster import DagsterEvent, DagsterEventType, DagsterInstance, DagsterRun, DagsterRunStatus
from dagster._core.events import EngineEventData, JobFailureData
from dagster._core.execution.plan.objects import StepFailureData
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_shared.error import SerializableErrorInfo

from sync_pipeline.model.session import UNEXPECTED, StepFailure
from sync_pipeline.model.text import shortened, visible_start
from sync_pipeline.orchestration.runs.causes import (
    FailedStep,
    Fault,
    Traces,
    cause_of,
    next_of,
    silence_of,
)
from sync_pipeline.orchestration.runs.machine import Machine, is_gone, state_of_process
from sync_pipeline.orchestration.tasks import instance_id_of
from sync_pipeline.settings import secret_variables

_LOG = logging.getLogger("sync_pipeline")
LONGEST_REASON = 1_000
"""Dagster names every failed step; the summary and the records say more in less."""
LONGEST_TEXT = 500
LONGEST_SENTENCE = 900
MOST_NOTES = 300
MOST_FIRST_NOTES = 100
MOST_FAILURES_AT_ONCE = 100
DEEPEST = 10
MASK = "***"
SHORTEST_SECRET = 4
_OVER = {
    DagsterRunStatus.FAILURE: DagsterEventType.RUN_FAILURE,
    DagsterRunStatus.CANCELED: DagsterEventType.RUN_CANCELED,
}
_STARTED = "Started process for run"
_OF_MACHINE = "works on the machine"
_URL_SECRET = re.compile(r"(://[^\s/@:]*:)[^\s/]*@")
_NAMED_SECRET = re.compile(
    r"((?:password|passwd|pwd|secret|token|key)\s*[=:]\s*)('[^']*'|\"[^\"]*\"|[^\s,;&]+)",
    re.IGNORECASE,
)
_SECRET_NAME = re.compile(r"PASSWORD|PASSWD|SECRET|TOKEN|_KEY$", re.IGNORECASE)
_KEYS = re.compile(r"'((?:[^'\\]|\\.)*)'")
_OUR_ERRORS = re.compile(r"sync_pipeline\.errors\.\w+")


def reason_of(instance: DagsterInstance, run: DagsterRun, scheduled: Collection[str]) -> str | None:
    """Return why a run ended and what happens next; None for one that succeeded, or goes on.

    `scheduled` are the jobs that run again by themselves.
    """
    event_type = _OVER.get(run.status)
    if event_type is None:
        return None
    return shortened(cause_of(_traces(instance, run, event_type, scheduled)), LONGEST_REASON)


def known_cause(
    instance: DagsterInstance, run_id: str | None, seconds: int, scheduled: Collection[str]
) -> str:
    """Return why a run ended, or is taken for dead after so many seconds without a sign of life.

    Empty where nothing is known: the run succeeded, or was deleted.
    """
    run = instance.get_run_by_id(run_id) if run_id else None
    if run is None:
        return ""
    if run.is_finished:
        return reason_of(instance, run, scheduled) or ""
    traces = _traces(instance, run, None, scheduled)
    known = silence_of(traces) or "its process or its machine is gone, or can't reach the store"
    said = f"The run gave no sign of life for {seconds} seconds: {known}. {next_of(traces)}"
    return shortened(said, LONGEST_REASON)


def step_failures(instance: DagsterInstance, run_id: str) -> Iterator[StepFailure]:
    """Yield why steps of instances failed, where the run's log has it in our own words.

    A step that was interrupted, or whose process died, said nothing.
    """
    cursor, has_more = None, True
    while has_more:
        found = instance.get_records_for_run(
            run_id, cursor, of_type=DagsterEventType.STEP_FAILURE, limit=MOST_FAILURES_AT_ONCE
        )
        cursor, has_more = found.cursor, found.has_more
        for record in found.records:
            event = record.event_log_entry.dagster_event
            instance_id = instance_id_of((event and event.step_key) or "")
            failed = _failed(event) if event and instance_id is not None else None
            if failed and failed.said and instance_id is not None:
                yield StepFailure(instance_id, failed.kind or UNEXPECTED, failed.said)


def is_lost(instance: DagsterInstance, run: DagsterRun) -> bool:
    """Return whether the process of a run that is at work for Dagster is certainly no more.

    Known of Dagster's own launcher alone, whose runs are processes beside their code server,
    and on the machine of that process.
    """
    if not isinstance(instance.run_launcher, DefaultRunLauncher):
        return False
    pid, began_on, seen_at = _beginning(instance, run.run_id)
    if pid is None:
        return False
    is_here = Machine.here().is_same(began_on) if began_on else _is_of_socket_here(run)
    return is_here and is_gone(pid, seen_at)


def code_server_of(run: DagsterRun) -> str | None:
    """Return the socket of the code server that a run was given to; empty where it has none."""
    with suppress(ValueError, AttributeError):
        found = json.loads(run.tags[GRPC_INFO_TAG]) if GRPC_INFO_TAG in run.tags else None
        return None if found is None else str(found.get("socket", ""))
    return ""


def _is_of_socket_here(run: DagsterRun) -> bool:
    """Return whether a run was given to a code server at a socket of this machine."""
    with suppress(OSError, ValueError):
        return Path(code_server_of(run) or "").is_socket()
    return False


def note_machine(instance: DagsterInstance, run: DagsterRun) -> None:
    """Note in a run's log on which machine this process of it works, and since when it counts.

    Where the log does not answer, the run goes on without.
    """
    here = Machine.here()
    try:
        instance.report_engine_event(
            f"The process {os.getpid()} of the run {_OF_MACHINE} {here.host}.",
            run,
            EngineEventData(here.fields()),
        )
    except Exception as error:  # noqa: BLE001 - a note is no reason to fail
        _LOG.warning("The machine of the run was not noted: %s", type(error).__name__)


def was_noted(instance: DagsterInstance, run_id: str, beginning: str) -> bool:
    """Return whether one of the newest notes in a run's log begins with a text."""
    notes = _newest(instance, run_id, DagsterEventType.ENGINE_EVENT, MOST_NOTES)
    return any((event.message or "").startswith(beginning) for event in notes)


def shown(text: str, most: int = LONGEST_TEXT) -> str:
    """Return a text of Dagster, a server or a driver in one line, bounded, without secrets."""
    one_line = " ".join(text[: 10 * most].split())
    for secret in _secrets():
        one_line = one_line.replace(secret, MASK)
    masked = _NAMED_SECRET.sub(rf"\1{MASK}", _URL_SECRET.sub(rf"\1{MASK}@", one_line))
    return visible_start(masked, most)


def _secrets() -> list[str]:
    """Return the values of the variables that hold secrets, longest first."""
    names = secret_variables()
    found = {
        value
        for name, value in os.environ.items()
        if (name in names or _SECRET_NAME.search(name)) and len(value) >= SHORTEST_SECRET
    }
    return sorted(found, key=len, reverse=True)


def _traces(
    instance: DagsterInstance,
    run: DagsterRun,
    end: DagsterEventType | None,
    scheduled: Collection[str],
) -> Traces:
    last = _newest(instance, run.run_id, end, 1)[-1:] if end else []
    notes = _newest(instance, run.run_id, DagsterEventType.ENGINE_EVENT, MOST_NOTES)
    asked = _newest(instance, run.run_id, DagsterEventType.RUN_CANCELING, MOST_FIRST_NOTES)
    record = instance.get_run_record_by_id(run.run_id)
    data = last[0].event_specific_data if last else None
    first = data.first_step_failure_event if isinstance(data, JobFailureData) else None
    message = (last[0].message or "") if last else ""
    pid, began_on, seen_at = _beginning(instance, run.run_id)
    here = Machine.here()
    is_here = began_on is not None and here.is_same(began_on)
    return Traces(
        said=shown(message),
        is_cancelled=run.status is DagsterRunStatus.CANCELED,
        is_started=record is None or record.start_time is not None,
        is_scheduled=run.job_name in scheduled,
        failed=_failed(first) if first else None,
        failed_keys=tuple(_KEYS.findall(message)) if first else (),
        notes=tuple(shown(event.message or "") for event in notes),
        asked=tuple(shown(event.message or "") for event in asked),
        fault=_fault(_errors(data, notes)),
        began_on=began_on,
        here=here,
        process=state_of_process(pid, seen_at) if pid and is_here else None,
    )


def _newest(
    instance: DagsterInstance, run_id: str, kind: DagsterEventType, most: int
) -> list[DagsterEvent]:
    """Return the newest events of a kind, newest last."""
    entries = instance.event_log_storage.get_logs_for_run(
        run_id, of_type=kind, limit=most, ascending=False
    )
    return [entry.dagster_event for entry in reversed(entries) if entry.dagster_event]


def _beginning(instance: DagsterInstance, run_id: str) -> tuple[int | None, Machine | None, float]:
    """Return the run's process, its machine, and when (Unix seconds) the process said so."""
    entries = instance.event_log_storage.get_logs_for_run(
        run_id, of_type=DagsterEventType.ENGINE_EVENT, limit=MOST_FIRST_NOTES
    )
    pid, machine, seen_at = None, None, 0.0
    for entry in entries:
        event = entry.dagster_event
        message = (event.message if event else None) or ""
        data = event.event_specific_data if event else None
        if not isinstance(data, EngineEventData):
            continue
        if message.startswith(_STARTED):
            found = re.search(r"pid: (\d{1,9})\)", message)
            pid, seen_at = (int(found[1]) if found else None), entry.timestamp
        elif _OF_MACHINE in message and machine is None:
            machine = Machine.of_fields({name: item.value for name, item in data.metadata.items()})
    return pid, machine, seen_at


def _failed(event: DagsterEvent) -> FailedStep:
    data = event.event_specific_data
    if not isinstance(data, StepFailureData):
        return FailedStep(event.step_key or "")
    user = data.user_failure_data
    kind = user.metadata.get("error kind") if user else None
    chain = list(_chain(data.error))
    ours = next((item for item in reversed(chain) if _is_ours(item)), None)
    said = (user.description if user else None) or (_text_of(ours) if ours else "")
    return FailedStep(
        key=shown(event.step_key or ""),
        said=shown(said, LONGEST_SENTENCE),
        kind=str(kind.value) if kind else "",
        error=shown(chain[-1].cls_name or "") if chain else "",
    )


def _errors(data: object, notes: Iterable[DagsterEvent]) -> Iterator[SerializableErrorInfo]:
    """Yield what was raised, as it is known: with the end, then in notes, newest first."""
    if isinstance(data, JobFailureData) and data.error is not None:
        yield data.error
    for event in reversed(list(notes)):
        found = event.event_specific_data
        if isinstance(found, EngineEventData) and found.error is not None:
            yield found.error


def _fault(errors: Iterator[SerializableErrorInfo]) -> Fault | None:
    """Return the first cause of the newest error: our own sentence where it has one."""
    error = next(errors, None)
    if error is None:
        return None
    chain = list(_chain(error))
    ours = next((item for item in reversed(chain) if _is_ours(item)), None)
    if ours is not None:
        return Fault(shown(_text_of(ours), LONGEST_SENTENCE))
    return Fault(shown(chain[-1].cls_name or "an error"), shown(_text_of(chain[-1])))


def _chain(error: SerializableErrorInfo | None) -> Iterator[SerializableErrorInfo]:
    """Yield an error and what caused it, first cause last."""
    for _ in range(DEEPEST):
        if error is None:
            return
        yield error
        error = error.cause or error.context


def _is_ours(error: SerializableErrorInfo) -> bool:
    return _OUR_ERRORS.match(error.message) is not None


def _text_of(error: SerializableErrorInfo) -> str:
    """Return the text of an error without its type, which Dagster writes before it."""
    head, separator, text = error.message.partition(": ")
    is_type = bool(separator) and " " not in head and head.endswith(error.cls_name or "\0")
    return text if is_type else error.message
