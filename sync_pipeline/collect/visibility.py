"""Ask first whether a catalog would leave rows out."""

from __future__ import annotations

from typing import Any

from sync_pipeline.engines.base import Connection, Engine, Query, sql_text
from sync_pipeline.errors import PrivilegeError, QueryError, QueryTimeout


def package_of(engine: Engine) -> str:
    """Return the package whose `sql` folder holds an engine's statements."""
    return type(engine).__module__.rpartition(".")[0]


class Visibility:
    """What one connection may see; each check is asked once."""

    def __init__(self, connection: Connection, package: str) -> None:
        self.connection = connection
        self._package = package
        self._missing: dict[str, tuple[str, ...]] = {}

    def require(self, query: Query[Any]) -> None:
        """Refuse a query whose rows may be hidden.

        Raises:
            PrivilegeError: a privilege is missing without which rows are left out.
            SyncError: the check itself could not be read.
        """
        if not query.check:
            return
        if query.check not in self._missing:
            rows = self.connection.fetch(sql_text(self._package, query.check))
            self._missing[query.check] = tuple(str(row["missing"]) for row in rows)
        missing = self._missing[query.check]
        if missing:
            names = ", ".join(missing)
            denied_to = self._denied_to(query, names)
            why = f"denied to {', '.join(denied_to)}" if denied_to else "missing"
            raise PrivilegeError(
                f"{names} is {why}, without which rows are left out.",
                missing=names,
                denied_to=denied_to,
            )

    def _denied_to(self, query: Query[Any], permission: str) -> tuple[str, ...]:
        """Return to whom a permission is denied; nobody where that can't be read."""
        if not query.denied:
            return ()
        try:
            rows = self.connection.fetch(
                sql_text(self._package, query.denied), {"permission": permission}
            )
        except (PrivilegeError, QueryError, QueryTimeout):
            return ()
        return tuple(str(row["grantee"]) for row in rows)
