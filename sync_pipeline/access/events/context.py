"""What events of one review have in common."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sync_pipeline.model.event import EventOrigin
from sync_pipeline.model.finding import Finding


@dataclass(frozen=True, slots=True)
class EventContext:
    """Whose events they are, and what is known of the accounts beside what was found.

    `appeared` are accounts that are there or back by the sync, and `gone` those that are not any
    more. `is_shown` says of a finding whether somebody asks for it: its rule is on, and nobody
    accepted it. Powers are told whatever it says.
    """

    origin: EventOrigin
    appeared: frozenset[str]
    gone: frozenset[str]
    is_shown: Callable[[Finding], bool]
