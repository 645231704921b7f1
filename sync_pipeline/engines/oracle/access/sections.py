"""Which parts of a snapshot were not read."""

from __future__ import annotations

from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import SectionKey, SectionName


def is_unread(world: AccessWorld, section: SectionName, container: str) -> bool:
    """Return whether a section of a container was asked for and could not be read."""
    report = world.sections.get(SectionKey(section, container))
    return report is not None and not report.is_known
