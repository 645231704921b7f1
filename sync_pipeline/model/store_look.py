"""What a look at the store found, without a change to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoreLook:
    """A store: where it is (without its password), and what its database says.

    `revision` is None where there are no tables yet; `newest` is that of this version. `damage` is
    the first thing that the database's own check found, and `is_checked` whether it came to an
    end. `clock_ahead_seconds` is how far the server's clock is before this machine's, give or take
    `clock_error_seconds`; None: it is the same clock. `secrets` are the stored ones, sealed and
    references; `newest_at` is the begin of the newest session.
    """

    shown: str
    newest: str
    is_there: bool = True
    is_sqlite: bool = True
    server: str = ""
    revision: str | None = None
    size_bytes: int | None = None
    damage: str = ""
    is_checked: bool = True
    is_read_only: bool = False
    clock_ahead_seconds: float | None = None
    clock_error_seconds: float = 0.0
    newest_at: datetime | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)
