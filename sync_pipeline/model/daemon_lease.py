"""The lease on being the daemon of a store: who is at work, and when another may take over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Self

PROCESSES = ("code server", "webserver", "daemon")
"""The children of `sync-pipeline up`."""
HOLDER_SHARE = 2 / 3
"""Of the lease: a holder that could not renew it for so long has stopped by then."""
RENEWALS = 7
"""In the time of a lease."""


@dataclass(frozen=True, slots=True)
class Holder:
    """One `sync-pipeline up`; `token` is its own for as long as it runs."""

    token: str
    host: str
    pid: int
    lease_seconds: float


@dataclass(frozen=True, slots=True)
class DaemonLease:
    """What the store knows of the lease.

    `count` grows with whatever is done with the lease. Times are by the store's clock and only
    shown: nobody decides by them. `holder` is None where nobody is at work. `replaced` counts
    by process how often one that gave no sign of life was replaced, by any `up`.
    """

    count: int
    holder: Holder | None = None
    since: datetime | None = None
    renewed_at: datetime | None = None
    takeovers: int = 0
    beside_at: datetime | None = None
    replaced: Mapping[str, int] = field(default_factory=dict)

    @property
    def who(self) -> str:
        """Return who is at work, for people."""
        if self.holder is None:
            return "nobody"
        since = f", since {self.since:%Y-%m-%d %H:%M:%S} UTC" if self.since else ""
        return f"process {self.holder.pid} on {self.holder.host}{since}"


@dataclass(frozen=True, slots=True)
class Watch:
    """What one who stands by has seen: the same count, by its own clock, since when.

    Counts are compared with each other only, never times of two machines.
    """

    count: int
    token: str
    seen_since: float

    @classmethod
    def of(cls, before: Self | None, lease: DaemonLease, now: float) -> Self:
        """Return what is known after another look, `now` by the looker's steady clock."""
        token = lease.holder.token if lease.holder else ""
        if before is not None and (before.count, before.token) == (lease.count, token):
            return before
        return cls(lease.count, token, now)

    def may_take(self, lease: DaemonLease, now: float) -> bool:
        """Return whether nobody is at work, or whoever was has given no sign for a lease."""
        if lease.holder is None:
            return True
        return now - self.seen_since > lease.holder.lease_seconds


def holder_seconds(lease_seconds: float) -> float:
    """Return how long a holder may work after it began to ask for its last renewal."""
    return lease_seconds * HOLDER_SHARE
