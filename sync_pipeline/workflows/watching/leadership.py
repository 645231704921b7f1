"""Being the one daemon of a store: taking the lease, keeping it, and noticing that it is lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sync_pipeline.model.daemon_lease import DaemonLease, Holder, Watch, holder_seconds


class LeaseRegister(Protocol):
    """Where the lease is kept. Each method is one step that others see whole or not at all.

    All of them raise StoreUnavailable where the store does not answer.
    """

    def read(self) -> DaemonLease:
        """Return the lease as it is."""
        ...

    def take(self, seen: DaemonLease, holder: Holder) -> bool:
        """Give it to a holder if nothing was done with it since `seen`; return whether."""
        ...

    def renew(self, holder: Holder) -> bool:
        """Note a sign of its holder; return whether it still is the holder."""
        ...

    def release(self, holder: Holder) -> None:
        """Give it back, where this one has it."""
        ...


@dataclass(slots=True)
class Leadership:
    """The part of one `up` in this: a step at a time, by a clock that also counts in sleep."""

    register: LeaseRegister
    me: Holder
    clock: Callable[[], float]
    lease: DaemonLease | None = None
    deadline: float | None = None
    _watch: Watch | None = field(default=None)

    def step(self) -> None:
        """Renew the lease where it is ours, or take it where it may be taken.

        Raises:
            StoreUnavailable: nothing is known; a deadline that was set goes on.
        """
        if self.deadline is not None and self._renew():
            return
        self.deadline = None
        asked_at = self.clock()
        lease = self.lease = self.register.read()
        if lease.holder is not None and lease.holder.token == self.me.token:
            # A renewal or a taking whose answer did not come.
            self._renew()
            return
        self._watch = Watch.of(self._watch, lease, asked_at)
        asked_at = self.clock()
        if self._watch.may_take(lease, asked_at) and self.register.take(lease, self.me):
            self._hold(asked_at)

    def is_at_work(self) -> bool:
        """Return whether this one may work now."""
        deadline = self.deadline
        return deadline is not None and self.clock() < deadline

    def release(self) -> None:
        """Give the lease back, so that another one takes over at once.

        Raises:
            StoreUnavailable: it ends by itself.
        """
        self.deadline = None
        self.register.release(self.me)

    def _renew(self) -> bool:
        asked_at = self.clock()
        is_ours = self.register.renew(self.me)
        if is_ours:
            self._hold(asked_at)
        return is_ours

    def _hold(self, asked_at: float) -> None:
        """Work for a part of the lease from when it was asked for: the answer may be late."""
        self.deadline = asked_at + holder_seconds(self.me.lease_seconds)
        self._watch = None
