"""What accounts of Oracle may do: the rules are made elsewhere and replace this file."""

from __future__ import annotations

from sync_pipeline.model.access import AccessWorld


class OracleAccess:
    """The rules over one world."""

    def __init__(self, world: AccessWorld) -> None:
        self.world = world
