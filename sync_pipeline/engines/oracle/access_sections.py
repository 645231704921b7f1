"""Which parts of a snapshot were not read."""

from __future__ import annotations

from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionStatus

_KNOWN = frozenset({SectionStatus.READ, SectionStatus.NOT_APPLICABLE})


def is_unread(world: AccessWorld, section: SectionName, container: str) -> bool:
    """Return whether a section of a container was asked for and could not be read."""
    report = world.sections.get(SectionKey(section, container))
    return report is not None and report.status not in _KNOWN
