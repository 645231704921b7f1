"""One instance's accounts together with the rules of its engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipeline.engines.access import AccessRules
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport


@dataclass(frozen=True, slots=True)
class Judged:
    """A world, and what decides in it."""

    world: AccessWorld
    rules: AccessRules

    @property
    def name(self) -> str:
        """Return the name of the instance."""
        return self.world.instance

    @property
    def is_synced(self) -> bool:
        """Return whether the instance was ever synced."""
        return bool(self.world.sections)

    def states(self) -> Iterator[AccountState]:
        """Yield the accounts by name."""
        for _, state in sorted(self.world.accounts.items()):
            yield state

    def gaps(self, *names: SectionName) -> tuple[str, ...]:
        """Return a sentence for each section (of these names, or of all) that was not read."""
        if not self.is_synced:
            return (f"{self.name} was never synced: nothing is known of it.",)
        return tuple(
            f"{self.name}: {_unread(key, report)}"
            for key, report in sorted(self.world.sections.items())
            if not report.is_known and (not names or key.name in names)
        )


def _unread(key: SectionKey, report: SectionReport) -> str:
    reason = f" {report.reason}" if report.reason else ""
    return f"{key} was not read ({report.status}).{reason}"
