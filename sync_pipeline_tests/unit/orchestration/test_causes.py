"""From the traces of a run to the sentence that its session and records say."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from dagster import DagsterInstance, DagsterRun
from dagster._utils import get_run_crash_explanation
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.orchestration.runs.causes import (
    ENDED_BY_TERMINAL,
    ENDED_BY_UP,
    TOOK_TOO_LONG,
    FailedStep,
    Fault,
    Traces,
    cause_of,
    silence_of,
)
from sync_pipeline.orchestration.runs.ends import LONGEST_TEXT, MASK, note_machine, shown
from sync_pipeline.orchestration.runs.machine import Machine, ProcessState, state_of_process
from sync_pipeline.visible import visible

OUTSIDE = "This run has been marked as failed from outside the execution context."
CANCELLED = "This run has been marked as canceled from outside the execution context."
BOOT, LATER = "7afcdb34-5e6f-4f7a-96f5-27b1a37378f7", "11111111-5e6f-4f7a-96f5-27b1a37378f7"
THEN = Machine("db1", BOOT, 0, 0)


def ended_by(code: int) -> Traces:
    """Return what Dagster's code server leaves of a process that ended so; its own words."""
    note = get_run_crash_explanation(prefix="Run execution process for x", exit_code=code)
    return Traces(said=OUTSIDE, notes=("Starting", f"[DagsterApiServer] {note}"))


def step_ended_by(code: int, key: str = "sync_instance[stuck_i7]") -> str:
    prefix = f"Multiprocess executor: child process for step {key}"
    return get_run_crash_explanation(prefix=prefix, exit_code=code)


@pytest.mark.parametrize(
    ("traces", "expected"),
    [
        (ended_by(-9), ["ended without a word", "signal 9 (SIGKILL)"]),
        (ended_by(-11), ["signal 11 (SIGSEGV)", "fault in a library"]),
        (ended_by(-6), ["signal 6 (SIGABRT)", "fault in a library"]),
        (ended_by(-15), ["signal 15 (SIGTERM)", "shutdown"]),
        (ended_by(-24), ["signal 24 (SIGXCPU)", "limit of its user"]),
        (ended_by(137), ["signal 9 (SIGKILL)"]),  # as a shell or a container says it
        (ended_by(1), ["ended without a word", "exit status 1"]),
        (ended_by(255), ["exit status 255"]),
        (
            replace(ended_by(-9), began_on=THEN, here=replace(THEN, group_kills=1, kills=1)),
            ["SIGKILL", ", for want of memory", "container"],
        ),
        (
            replace(ended_by(-9), began_on=THEN, here=replace(THEN, kills=1)),
            ["SIGKILL", "perhaps for want of memory"],
        ),
        (replace(ended_by(-9), began_on=THEN, here=THEN), ["has ended none for want of memory"]),
        (
            Traces(said="An exception was thrown during execution.", notes=(step_ended_by(-9),)),
            ["The process of stuck ended without a word", "SIGKILL"],
        ),
        (
            Traces(
                failed=FailedStep("sync_instance[a_i1]"),
                failed_keys=("sync_instance[a_i1]", "sync_instance[stuck_i7]"),
                notes=(step_ended_by(-11),),
            ),
            ["2 instances failed; the", "record of each says why", "SIGSEGV"],
        ),
        (
            Traces(failed=FailedStep("select_instances", "'x' is unknown. See: y.", "store")),
            ["'x' is unknown. See: y. ", "re-execute"],
        ),
        (
            Traces(failed=FailedStep("open_session", error="ZeroDivisionError")),
            ["open_session failed with ZeroDivisionError"],
        ),
        (
            Traces(said="Exceeded maximum runtime of 3600 seconds."),
            ["longer than its limit of 3600 seconds", "SYNC_PIPELINE_MAX_RUNTIME_SECONDS"],
        ),
        (
            Traces(
                said='Execution of run for "account_sync" canceled.',
                is_cancelled=True,
                asked=("Canceling due to exceeding maximum runtime of 60 seconds.",),
            ),
            ["longer than its limit of 60 seconds"],
        ),
        (Traces(said=TOOK_TOO_LONG), ["longer than its limit"]),
        (
            Traces(
                said='Execution of run for "account_sync" canceled.',
                is_cancelled=True,
                asked=("Sending run termination request.",),
            ),
            ["cancelled", "somebody ended it in the UI"],
        ),
        (
            Traces(said=CANCELLED, is_cancelled=True, is_started=False),
            ["somebody ended it in the UI", "before it began"],
        ),
        (
            Traces(
                said="This pipeline was forcibly marked as canceled from outside the execution "
                "context. The computational resources may not have been cleaned up.",
                is_cancelled=True,
            ),
            ["somebody ended it in the UI", "did not answer"],
        ),
        (
            Traces(
                said="Run timed out due to taking longer than 60 seconds to cancel.",
                is_cancelled=True,
            ),
            ["cancelled", "did not answer"],
        ),
        (Traces(said=ENDED_BY_UP, is_cancelled=True), ["`sync-pipeline up` was stopped"]),
        (
            Traces(said=CANCELLED, is_cancelled=True, asked=(ENDED_BY_TERMINAL,)),
            ["Ctrl-C", "where it was launched"],
        ),
        (Traces(said="Somebody cancelled it.", is_cancelled=True), ["Somebody cancelled it."]),
        (
            Traces(
                said="Run timed out due to taking longer than 180 seconds to start.",
                is_started=False,
            ),
            ["not started within 180 seconds"],
        ),
        (
            Traces(
                said=OUTSIDE,
                is_started=False,
                fault=Fault("DagsterUserCodeUnreachableError", "Could not reach user code server."),
            ),
            ["never started", "code server did not answer"],
        ),
        (
            Traces(
                said=OUTSIDE,
                is_started=False,
                notes=("GRPC server: Subprocess for x terminated unexpectedly with exit code -9",),
            ),
            ["never started", "SIGKILL"],
        ),
        (
            Traces(said=OUTSIDE, is_started=False, fault=Fault("OperationalError", "refused")),
            ["never started: OperationalError: refused."],
        ),
        (
            Traces(
                said="Detected run worker status CheckRunHealthResult(status=<WorkerStatus.FAILED: "
                "'FAILED'>, msg='Celery task failed. WorkerLostError: Worker exited prematurely: "
                "signal 9 (SIGKILL) Job: 0.'). Marking run x as failed."
            ),
            ["ended without a word", "SIGKILL"],
        ),
        (
            Traces(
                said="Detected run worker status CheckRunHealthResult(status=<WorkerStatus."
                "UNKNOWN: 'UNKNOWN'>, msg='Unknown task status: PENDING'). Marking run x as failed."
            ),
            ["Celery worker", "lost"],
        ),
        (
            Traces(
                said=OUTSIDE,
                notes=("x started a new run worker while the run was already in state STARTED.",),
            ),
            ["started again"],
        ),
        (
            Traces(said="Execution was interrupted unexpectedly. No user initiated termination."),
            ["SIGTERM", "nobody had cancelled it"],
        ),
        (
            Traces(
                said='Execution of run for "x" failed. An exception was thrown during execution.',
                fault=Fault("OperationalError", "database or disk is full"),
            ),
            ["gave up: OperationalError: database or disk is full."],
        ),
        (
            Traces(said=OUTSIDE, began_on=THEN, here=replace(THEN, boot=LATER)),
            ["without a word", "db1 was started again"],
        ),
        (Traces(said=OUTSIDE, is_started=False), ["never started; nothing says why"]),
        (Traces(said=""), ["The process of the run ended without a word."]),
        (Traces(said="Somebody's own words"), ["Somebody's own words."]),
    ],
    ids=lambda value: value[0][:40] if isinstance(value, list) else "",
)
@pytest.mark.parametrize("is_scheduled", [True, False])
def test_a_sentence_says_the_cause_and_what_is_next(
    traces: Traces, expected: list[str], is_scheduled: bool
) -> None:
    said = cause_of(replace(traces, is_scheduled=is_scheduled))
    for words in (*expected, "re-execute it from failure in the UI"):
        assert words in said
    assert ("next scheduled run" in said) is is_scheduled
    assert "outside the execution context" not in said


def test_what_can_be_mended_says_how_and_not_to_repeat_it() -> None:
    said = "The instance 'nobody' does not exist. See: sync-pipeline instances list."
    traces = Traces(failed=FailedStep("select_instances", said, "configuration"))
    assert cause_of(traces) == said


@pytest.mark.parametrize(
    ("here", "process", "expected"),
    [
        (replace(THEN, boot=LATER), None, "the machine db1 was started again"),
        (replace(THEN, host="other"), None, "machine (db1) is gone"),
        (THEN, ProcessState.GONE, "process on db1 is gone"),
        (replace(THEN, group_kills=2), ProcessState.GONE, "for want of memory"),
        (THEN, ProcessState.STOPPED, "SIGSTOP"),
        (THEN, ProcessState.THERE, "hangs or can't reach the store"),
        (replace(THEN, boot=""), None, "db1"),  # a machine that does not tell its start
    ],
)
def test_a_silent_run(here: Machine, process: ProcessState | None, expected: str) -> None:
    assert expected in silence_of(Traces(began_on=THEN, here=here, process=process))


def test_nothing_is_made_up_of_a_machine_that_is_not_known() -> None:
    assert silence_of(Traces(here=THEN)) == ""


def test_a_process_is_told_from_another_one_with_its_id() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        began = time.time()
        assert state_of_process(child.pid, began) is ProcessState.THERE
        assert state_of_process(child.pid, began - 5_000) is ProcessState.GONE
        os.kill(child.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED | os.WNOWAIT)
        assert state_of_process(child.pid, began) is ProcessState.STOPPED
        os.kill(child.pid, signal.SIGCONT)
        child.communicate()
    assert state_of_process(child.pid, began) is ProcessState.GONE


def test_a_machine_is_read_back_from_a_log_that_others_can_write_to() -> None:
    here = Machine.here()
    assert Machine.of_fields(here.fields()) == here
    assert here.is_same(here)
    assert Machine.of_fields({}) is None
    assert Machine.of_fields({**here.fields(), "kills": "many"}) is None
    long = Machine.of_fields({**here.fields(), "host": "x" * 10_000})
    assert long is not None
    assert len(long.host) == 255


def test_a_log_that_does_not_answer_is_no_reason_to_fail(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with DagsterInstance.ephemeral() as instance:
        run = DagsterRun("account_sync")
        note_machine(instance, run)
        (entry,) = instance.all_logs(run.run_id)
        assert socket.gethostname() in ((entry.dagster_event and entry.dagster_event.message) or "")

        def full(*_: object, **__: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(instance, "report_dagster_event", full)
        note_machine(instance, run)
    assert "was not noted: OSError" in caplog.text


@given(st.text(max_size=3_000))
def test_a_text_of_others_is_one_bounded_line(text: str) -> None:
    said = shown(text)
    assert len(said) <= LONGEST_TEXT
    assert said == visible(said)


@pytest.mark.parametrize(
    "text",
    [
        "connecting to redis://user:s3cr3t-word@broker:6379/0 failed",
        "connecting to redis://:s3cr3t-word@broker:6379/0 failed",
        "could not connect: host=db password=s3cr3t-word",
        "could not connect: host=db password='s3cr3t-word'",
        "the driver said s3cr3t-word",
    ],
)
def test_a_secret_is_masked(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "s3cr3t-word")
    said = shown(text)
    assert "s3cr3t-word" not in said
    assert MASK in said
