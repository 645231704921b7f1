"""What the record of an account sync tells beside its counters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync_pipeline.model.change import Reconciliation
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.snapshot import SectionReport, ServerIdentity

_NOTHING = {"created": 0, "reactivated": 0, "deactivated": 0}


@dataclass(frozen=True, slots=True)
class Told:
    """What a sync tells whatever changed: `excluded` are patterns, `timings` seconds.

    Of sections that were read, those are `noted` beside which the catalog keeps more.
    """

    engine: EngineName
    server: ServerIdentity
    unread: Mapping[SectionKey, SectionReport]
    noted: Mapping[SectionKey, SectionReport]
    warnings: tuple[str, ...]
    excluded: tuple[str, ...]
    excluded_names: int
    timings: Mapping[str, float]

    @property
    def warned(self) -> str:
        """Return the end of a message."""
        return f", {len(self.warnings)} warnings" if self.warnings else ""

    def details(self, result: Reconciliation) -> dict[str, Any]:
        """Return the details of a sync that compared accounts."""
        return {
            "is_baseline": result.is_baseline,
            "inventory": {
                "active": result.active,
                "created": len(result.of_people(result.created)),
                "reactivated": len(result.of_people(result.reactivated)),
                "deactivated": len(result.of_people(result.deactivated)),
            },
            "permissions": {
                "created": result.permissions_created,
                "updated": result.permissions_updated,
                "unchanged": result.permissions_unchanged,
            },
            **self._always(),
        }

    def unchanged(self, active: int) -> dict[str, Any]:
        """Return the details of a sync that found its instance as it was."""
        return {
            "unchanged": True,
            "is_baseline": False,
            "inventory": {"active": active, **_NOTHING},
            "permissions": {"created": 0, "updated": 0, "unchanged": active},
            **self._always(),
        }

    def _always(self) -> dict[str, Any]:
        return {
            "timings": {name: round(seconds, 4) for name, seconds in self.timings.items()},
            "warnings": list(self.warnings),
            "unread_sections": {
                str(key): {"status": str(report.status), "reason": report.reason}
                for key, report in self.unread.items()
            },
            "noted_sections": {str(key): report.reason for key, report in self.noted.items()},
            "excluded_accounts": list(self.excluded),
            "excluded_system_accounts": self.excluded_names,
            "engine": str(self.engine),
            "server_version": self.server.version,
            "platform": str(self.server.platform),
            "tls": self.server.tls,
        }
