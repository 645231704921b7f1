"""As whom one logs in to an instance, and how often: nothing of ours locks an account.

What a server rejects is fetched again once, and sent again once where it is another. The
same is not sent by a later run before hours have passed, unless a person asks for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from sync_pipeline.engines.base import Target
from sync_pipeline.errors import (
    AuthenticationError,
    KnownRejection,
    Phase,
    StoreUnavailable,
    SyncError,
)
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.rejection import LEFT_ALONE, Rejection
from sync_pipeline.model.secret import Secret
from sync_pipeline.workflows.dependencies import SyncDeps

T = TypeVar("T")
TargetOf = Callable[[Secret | None], Target]
"""Returns whom to log in as; asked again with what the server rejected."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Logins:
    """The logins at an instance. `was_rejected`: the last one was, and nobody asks for another."""

    deps: SyncDeps
    instance: Instance
    target_of: TargetOf
    was_rejected: bool = False

    def read(self, reading: Callable[[Target], T]) -> T:
        """Return what is read with a login that the server takes, the first or a fresh one.

        Raises:
            AuthenticationError: the server rejects it, or rejected the same not long ago.
            SyncError: the reading failed.
        """
        target = self.target_of(None)
        if self.was_rejected:
            self._require_other(target)
        fresh: Target | None = None
        try:
            found = reading(target)
        except AuthenticationError as error:
            fresh = self._other(target, error)
        if fresh is not None:
            found = self._read_again(fresh, reading)
        if self.was_rejected:
            self.forget()
        return found

    def forget(self) -> None:
        """Note that the server let somebody in."""
        try:
            self.deps.store.rejections.forget(self.instance.id)
        except StoreUnavailable:
            _LOG.warning("%s: that a login is taken again was not noted", self.instance.name)

    def _other(self, target: Target, error: AuthenticationError) -> Target:
        """Return whom to log in as in the place of what was rejected.

        Raises:
            AuthenticationError: the one that is given: its place gives the same, or none. The
                server did reject it, so that nobody tries it again because the place is away.
        """
        try:
            fresh = self.target_of(target.password)
        except SyncError as unknown:
            self._keep(target, error)
            unknown.instance = None
            error.details = (*error.details, f"Whether there is another: {unknown}")
            raise error from None
        if (fresh.username, fresh.password) == (target.username, target.password):
            self._keep(target, error)
            raise error
        return fresh

    def _read_again(self, fresh: Target, reading: Callable[[Target], T]) -> T:
        try:
            return reading(fresh)
        except AuthenticationError as error:
            self._keep(fresh, error)
            raise

    def _require_other(self, target: Target) -> None:
        """Raise KnownRejection where the server would be sent what it rejected."""
        known = self.deps.store.rejections.of(self.instance.id)
        if known is None:
            return
        if not known.holds_for(target.username, target.password, self.deps.clock()):
            return
        again = known.rejected_at + LEFT_ALONE
        raise KnownRejection(
            f"The server rejected the account {target.username!r} at "
            f"{known.rejected_at:%Y-%m-%d %H:%M} UTC, and its secret is still the same: it is "
            f"not sent again before {again:%Y-%m-%d %H:%M} UTC, so that no account is locked.",
            instance=self.instance.name,
            phase=Phase.CONNECT,
            hint="Give the credential the right secret; once the server takes it, try at once: "
            f"sync-pipeline instances test {self.instance.name}.",
        )

    def _keep(self, target: Target, error: AuthenticationError) -> None:
        if not error.is_secret_wrong:
            return
        found = Rejection.of(target.username, target.password, self.deps.clock())
        try:
            self.deps.store.rejections.keep(self.instance.id, found)
        except StoreUnavailable:
            _LOG.warning("%s: that a login was rejected was not noted", self.instance.name)
