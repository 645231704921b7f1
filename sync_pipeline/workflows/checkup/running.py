"""Looking at many things at once, each with the same end: what hangs holds nothing else."""

from __future__ import annotations

import logging
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sync_pipeline.errors import SyncError
from sync_pipeline.files.obstacles import obstacle_of
from sync_pipeline.model.checkup import Check, fault

_LOG = logging.getLogger(__name__)
Looking = Callable[[], Iterable[Check]]


@dataclass(frozen=True, slots=True)
class Look:
    """One thing to look at; it yields a check, or several."""

    name: str
    looking: Looking


def look_at_all(looks: Sequence[Look], ends_at: float) -> list[Check]:
    """Look at all at once and return what was found, in the order of `looks`.

    `ends_at` is a moment of `time.monotonic`: what has not answered by then is a fault.
    """
    answers: queue.SimpleQueue[tuple[int, list[Check]]] = queue.SimpleQueue()
    for place, look in enumerate(looks):
        # A daemon thread: one that hangs must not keep the process from ending.
        threading.Thread(target=_look, args=(place, look, answers), daemon=True).start()
    began, found = time.monotonic(), dict[int, list[Check]]()
    while len(found) < len(looks):
        try:
            place, checks = answers.get(timeout=max(0.0, ends_at - time.monotonic()))
        except queue.Empty:
            break
        found[place] = checks
    seconds = ends_at - began
    return [
        check
        for place, look in enumerate(looks)
        for check in (found[place] if place in found else [_silent(look.name, seconds)])
    ]


def told(name: str, error: BaseException) -> Check:
    """Return what an error says; of what is not ours its kind alone, whose text may quote all."""
    if isinstance(error, SyncError):
        return fault(name, error.message, error.hint or "")
    obstacle = obstacle_of(error)
    if obstacle is not None:
        place = getattr(error, "filename", None) or "a file"
        return fault(name, f"{place} can't be used: {obstacle.what}.", f"{obstacle.hint}.")
    return fault(
        name,
        f"It could not be looked at ({type(error).__name__}).",
        "Report it: this is a defect of sync_pipeline.",
    )


def _look(place: int, look: Look, answers: queue.SimpleQueue[tuple[int, list[Check]]]) -> None:
    try:
        found = list(look.looking())
    except Exception as error:  # noqa: BLE001 - whatever is broken, the others are told of
        # Where it happened, without the text.
        _LOG.debug("%s: %s", look.name, "".join(traceback.format_tb(error.__traceback__)))
        found = [told(look.name, error)]
    answers.put((place, found))


def _silent(name: str, seconds: float) -> Check:
    return fault(
        name,
        f"It gave no answer in {seconds:.0f} seconds.",
        "Look what hangs there; --seconds gives it longer.",
    )
