"""What `doctor` found: one line each, with what to do next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How something is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


_GRAVITY = tuple(State)


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: how it is, in a sentence, and what to do; no secret in it."""

    name: str
    state: State
    what: str
    todo: str = ""


def ok(name: str, what: str, todo: str = "") -> Check:
    """Return a check of something that is as it should be."""
    return Check(name, State.OK, what, todo)


def warning(name: str, what: str, todo: str = "") -> Check:
    """Return a check of something that works, and should be looked at."""
    return Check(name, State.WARNING, what, todo)


def fault(name: str, what: str, todo: str = "") -> Check:
    """Return a check of something that keeps work from being done."""
    return Check(name, State.FAULT, what, todo)


def worst(checks: Iterable[Check]) -> State:
    """Return the gravest state of all."""
    return max((item.state for item in checks), key=_GRAVITY.index, default=State.OK)
