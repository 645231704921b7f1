"""How much one sync may take away before it is held to be a mistake."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.errors import Phase, SuspiciousSnapshot


@dataclass(frozen=True, slots=True)
class Guard:
    """How many accounts or databases one sync may deactivate: `share` is 0 to 1.

    Fewer than `minimum` deactivations always pass; `is_forced` lets any number pass.
    """

    share: float = 0.5
    minimum: int = 5
    is_forced: bool = False

    def check(self, lost: int, active: int, what: str) -> None:
        """Refuse to deactivate `lost` of `active` known ones; `what` names them.

        Raises:
            SuspiciousSnapshot: these are more than the guard's share.
        """
        if self.is_forced or lost < self.minimum or lost <= self.share * active:
            return
        raise SuspiciousSnapshot(
            f"The snapshot lacks {lost} of {active} known {what}, more than the guard's "
            f"{self.share:.0%}.",
            phase=Phase.RECONCILE,
            hint=f"Nothing was changed. If the {what} were really dropped, sync with --force.",
        )
