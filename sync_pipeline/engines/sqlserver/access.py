"""How SQL Server decides what an account may do."""

from __future__ import annotations

from sync_pipeline.model.access import AccessWorld


class SqlServerAccess:
    """The rules over the accounts of one instance."""

    def __init__(self, world: AccessWorld) -> None:
        self.world = world
