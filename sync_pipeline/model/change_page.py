"""What is asked of the change log of a fleet, and a row of the answer."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sync_pipeline.model.change import Baseline, ChangeType, Effect, LoggedChange
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.page import InstanceQuestion


@dataclass(frozen=True, slots=True)
class ChangeQuestion:
    """Which changes to list, newest first. Times are UTC, `[since, until]`.

    `of` are the instances, removed ones too. `types` and `first_syncs` are alternatives; neither:
    all of both. An entry has any of the `effect`; none: whatever it does.
    """

    of: InstanceQuestion = field(default_factory=InstanceQuestion)
    types: tuple[ChangeType, ...] = ()
    first_syncs: bool = False
    account: str = ""
    effect: Effect = Effect.NONE
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """A change, or a first sync, with what its instance is. `is_there`: it was not removed."""

    entry: LoggedChange | Baseline
    engine: EngineName
    is_there: bool = True


@dataclass(frozen=True, slots=True)
class KindOfChange:
    """How many entries are alike: of a type, with an effect, or the first syncs (no type)."""

    change_type: ChangeType | None
    effect: Effect
    count: int
