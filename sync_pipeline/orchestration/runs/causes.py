"""Why a run ended, in words that somebody can act on: from what is known of it to a sentence.

A run that ends by its own word names the steps that failed. One that ends without (its process
was killed, its machine was restarted, it was never started) leaves the traces that Dagster's
launcher, code server and daemon write into its log. What Dagster says is recognised here by its
own words (1.13: `dagster._utils.get_run_crash_explanation`, `dagster._daemon.monitoring`,
`dagster._grpc.server`, `dagster._core.execution.api`); what is not recognised is repeated.
"""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sync_pipeline.orchestration.runs.machine import Machine, ProcessState

ENDED_BY_UP = "Cancelled: sync_pipeline was stopped."
ENDED_BY_TERMINAL = "Cancelled in the terminal where it was launched."
TOOK_TOO_LONG = "The run took longer than it may."
NO_DEFECT = "configuration"
NAMES_SHOWN = 5
_SHELL_SIGNALS = 128
_OF_LIBRARIES = frozenset(
    {signal.SIGSEGV, signal.SIGBUS, signal.SIGABRT, signal.SIGILL, signal.SIGFPE}
)
_OF_SYSTEM = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT})
_OF_LIMITS = frozenset({signal.SIGXCPU, signal.SIGXFSZ})

_SIGNAL = re.compile(r"(?:terminated by signal|prematurely: signal) (\d{1,3})")
_STATUS = re.compile(r"(?:exited with|with exit) code (-?\d{1,5})")
_STEP = re.compile(r"child process for step (\S+) ")
_OF_INSTANCE = re.compile(r"\w+\[(.*?)_?i\d+\]")
_LONGEST = re.compile(r"exceed(?:ing|ed) maximum runtime of (\d+) seconds", re.IGNORECASE)
_START = re.compile(r"longer than (\d+) seconds to start")
_CANCEL = re.compile(r"longer than (\d+) seconds to cancel")
_OUTSIDE = "from outside the execution context"
_ENDED_ANYHOW = ("Run was canceled.", "Run failed after it was requested")
_RESTARTED = "started a new run worker while the run was already in state"
_INTERRUPTED = "Execution was interrupted unexpectedly"
_EXCEPTION = "An exception was thrown during execution"
_NO_CODE_SERVER = ("Could not reach user code server", "failed to reach the user code server")


@dataclass(frozen=True, slots=True)
class Fault:
    """What a process raised: the name of the error, and its text where it may be shown."""

    kind: str
    text: str = ""

    def __str__(self) -> str:
        """Return both in one phrase."""
        return f"{self.kind}: {self.text}" if self.text else self.kind


@dataclass(frozen=True, slots=True)
class FailedStep:
    """The first step of a run that failed; `said` is our own sentence where it has one."""

    key: str
    said: str = ""
    kind: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Traces:
    """What is known of the end of a run; every text is bounded and can be shown.

    `said` is the message of its last event. `notes` are what Dagster's services noted, newest
    last, `asked` what asked it to end. `fault` is the first cause of what was raised, `raised`
    what Dagster said of it. `began_on` is the machine of its process, `here` the one that asks,
    `process` what it sees of that process.
    """

    said: str = ""
    is_cancelled: bool = False
    is_started: bool = True
    is_scheduled: bool = False
    failed: FailedStep | None = None
    failed_keys: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    fault: Fault | None = None
    began_on: Machine | None = None
    here: Machine | None = None
    process: ProcessState | None = None


def cause_of(traces: Traces) -> str:
    """Return why a run that is over ended, and what happens next; one sentence for each."""
    cause = next(filter(None, (rule(traces) for rule in _RULES)))
    failed = traces.failed
    if failed is not None and failed.kind == NO_DEFECT and failed.said in cause:
        return cause  # it says what to do, and a repetition would say it again
    return f"{cause} {_next(traces)}"


def silence_of(traces: Traces) -> str:
    """Return what is known of a run that gives no sign of life; empty where nothing is."""
    then, here = traces.began_on, traces.here
    if then is None or here is None:
        return ""
    if here.was_restarted(then):
        return f"the machine {then.host} was started again while the run was at work"
    if not here.is_same(then):
        return f"its process or its machine ({then.host}) is gone, or can't reach the store"
    if traces.process is ProcessState.STOPPED:
        return f"its process on {then.host} is stopped (as by SIGSTOP or a debugger)"
    if traces.process is ProcessState.THERE:
        return f"its process is still on {then.host}, but hangs or can't reach the store"
    return f"its process on {then.host} is gone{_for_memory(traces)}"


def next_of(traces: Traces) -> str:
    """Return what happens after a run that did not do all its work."""
    return _next(traces)


def _next(traces: Traces) -> str:
    by_hand = "re-execute it from failure in the UI"
    if traces.is_scheduled:
        return f"The next scheduled run does this again; to do it at once, {by_hand}."
    return f"To do the rest, {by_hand}, or launch it again."


def _runtime(traces: Traces) -> str | None:
    for text in (traces.said, *traces.asked):
        found = _LONGEST.search(text)
        if found:
            return (
                f"The run took longer than its limit of {found[1]} seconds "
                "(SYNC_PIPELINE_MAX_RUNTIME_SECONDS) and was ended."
            )
    if traces.said == TOOK_TOO_LONG:
        return (
            "The run took longer than its limit (SYNC_PIPELINE_MAX_RUNTIME_SECONDS) and was ended."
        )
    return None


def _cancelled(traces: Traces) -> str | None:
    """Say who ended it: the one who asked, or who says so at the end."""
    if not traces.is_cancelled:
        return None
    ours = [text for text in (traces.said, *traces.asked) if text in _OURS]
    if ours:
        return _OURS[ours[0]]
    said = traces.said
    is_plain = said.startswith("Execution of run for") or _OUTSIDE in said or not said
    if not (is_plain or _CANCEL.search(said) or said.startswith(_ENDED_ANYHOW)):
        return said
    by = "The run was cancelled: somebody ended it in the UI, or through its API"
    if not traces.is_started:
        return f"{by}, before it began."
    if is_plain and _OUTSIDE not in said:
        return f"{by}."
    return f"{by}; its process did not answer, and may work on for a while."


_OURS = {
    ENDED_BY_UP: "The run was cancelled, because `sync-pipeline up` was stopped.",
    ENDED_BY_TERMINAL: "The run was cancelled with Ctrl-C, or a signal, where it was launched.",
}


def _step(traces: Traces) -> str | None:
    failed = traces.failed
    if failed is None or _OF_INSTANCE.fullmatch(failed.key):
        return None
    if failed.said:
        return failed.said
    crash = _crash(traces)
    if crash:
        return crash
    return f"The step {failed.key} failed with {failed.error or 'an error'}; see the run's log."


def _instances(traces: Traces) -> str | None:
    count = sum(_OF_INSTANCE.fullmatch(key) is not None for key in traces.failed_keys)
    if not count:
        return None
    number = f"{count} instances" if count > 1 else "1 instance"
    crashed = _crashed_steps(traces)
    return f"{number} failed; the record of each says why.{crashed and f' {crashed}'}"


def _crashed_steps(traces: Traces) -> str:
    """Say how processes of steps ended, each of which worked on one instance; empty for none."""
    found = [(note, _STEP.search(note)) for note in traces.notes]
    said = [
        f"The process of {_step_name(match[1])} ended without a word: it {_how(note, traces)}."
        for note, match in found
        if match
    ]
    more = len(said) - NAMES_SHOWN
    return " ".join([*said[:NAMES_SHOWN], *([f"And {more} more."] if more > 0 else [])])


def _step_name(key: str) -> str:
    found = _OF_INSTANCE.fullmatch(key)
    return found[1] if found else f"the step {key}"


def _crash(traces: Traces) -> str | None:
    """Say how the process of the run ended, where its code server or its worker saw it."""
    for note in reversed((*traces.notes, traces.said)):
        how = "" if _STEP.search(note) else _how(note, traces)
        if how:
            return f"The process of the run ended without a word: it {how}."
    return _crashed_steps(traces) or None


def _how(note: str, traces: Traces) -> str:
    """Return how a process ended, from what somebody noted of it; empty where nobody did."""
    by_signal, by_status = _SIGNAL.search(note), _STATUS.search(note)
    if by_signal:
        return _by_signal(int(by_signal[1]), traces)
    if by_status is None:
        return ""
    status = int(by_status[1])
    number = -status if status < 0 else status - _SHELL_SIGNALS
    if number in _NAMES:
        return _by_signal(number, traces)
    return f"ended with exit status {status}"


_NAMES = {item.value: item for item in signal.Signals}


def _by_signal(number: int, traces: Traces) -> str:
    name = _NAMES.get(number)
    if name is None:
        return f"was ended by signal {number}"
    text = f"was ended by signal {number} ({name.name})"
    if name is signal.SIGKILL:
        return text + (_for_memory(traces) or ", by somebody or by the system")
    if name in _OF_LIBRARIES:
        return f"{text}, by a fault in a library, as of a driver"
    if name in _OF_LIMITS:
        return f"{text}, at a limit of its user (ulimit)"
    if name in _OF_SYSTEM:
        return f"{text}, by somebody or by a shutdown of the machine"
    return text


def _for_memory(traces: Traces) -> str:
    """Say that memory was short, where the kernel has counted that since the run began."""
    then, here = traces.began_on, traces.here
    if then is None or here is None or not here.is_same(then):
        return ""
    if here.group_kills > then.group_kills:
        return ", for want of memory: the limit of its control group or container was reached"
    if here.kills > then.kills:
        return ", perhaps for want of memory: the kernel ended a process for that meanwhile"
    if here.kills < 0:
        return ""
    return ", by somebody or by the system; the kernel has ended none for want of memory meanwhile"


def _never_began(traces: Traces) -> str | None:
    """Say why a run was not started: a launch that failed, or took too long."""
    if traces.is_started:
        return None
    late = _START.search(traces.said)
    if late:
        return (
            f"The run was not started within {late[1]} seconds: no worker took it, or its process "
            "did not come up."
        )
    crash = _crash(traces)
    if crash:
        return f"The run was never started. {crash}"
    if any(word in text for text in _texts(traces) for word in _NO_CODE_SERVER):
        return "The run was never started: the code server did not answer."
    if traces.fault is not None:
        return f"The run was never started: {_ended(str(traces.fault))}"
    return "The run was never started; nothing says why." if _is_wordless(traces) else None


def _texts(traces: Traces) -> Sequence[str]:
    return (traces.said, *traces.notes, str(traces.fault or ""))


def _worker(traces: Traces) -> str | None:
    """Say what a launcher of several machines knows of the worker that had the run."""
    if "Detected run worker status" not in traces.said:
        return None
    crash = _crash(traces)
    if crash:
        return crash
    if "UNKNOWN" in traces.said:
        return (
            "The Celery worker that had the run is lost, or the broker forgot its task: nobody "
            "knows the task any more."
        )
    return "The Celery worker that had the run lost it: its task failed without a word of the run."


def _restarted(traces: Traces) -> str | None:
    if not any(_RESTARTED in text for text in _texts(traces)):
        return None
    return "The process of the run ended without a word, and was started again; a run begins once."


def _interrupted(traces: Traces) -> str | None:
    if _INTERRUPTED not in traces.said:
        return None
    return (
        "The process of the run was asked to end (SIGTERM or SIGINT), and nobody had cancelled "
        "it: somebody's kill, or a shutdown of the machine."
    )


def _raised(traces: Traces) -> str | None:
    is_ours = _EXCEPTION in traces.said or _OUTSIDE in traces.said
    if not is_ours or traces.fault is None:
        return None
    return f"The process of the run gave up: {_ended(str(traces.fault))}"


def _wordless(traces: Traces) -> str | None:
    if not _is_wordless(traces):
        return None
    known = silence_of(traces)
    return f"The process of the run ended without a word{f': {known}' if known else ''}."


def _is_wordless(traces: Traces) -> bool:
    """Return whether the run's last event says nothing but that it came from outside."""
    said = traces.said
    return not said or _OUTSIDE in said or "forcibly marked" in said


def _repeated(traces: Traces) -> str:
    return _ended(traces.said)


def _ended(text: str) -> str:
    return text if text.endswith((".", "…")) else f"{text}."


_RULES: Sequence[Callable[[Traces], str | None]] = (
    _runtime,
    _cancelled,
    _step,
    _instances,
    _never_began,
    _worker,
    _crash,
    _restarted,
    _interrupted,
    _raised,
    _wordless,
    _repeated,
)
