"""Tables whose policies decide which rows an account sees and changes. Pure.

Manual, "Row Security Policies": superusers, roles with BYPASSRLS and, unless it is forced, the
table's owner are not bound. What the policies say is not read, so an answer about such a table
says that.
"""

from __future__ import annotations

from sync_pipeline.engines.postgresql.access.grants import GrantIndex
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import (
    FORCED_ROW_SECURITY,
    PUBLIC,
    RESTRICTIONS,
)
from sync_pipeline.model.privilege import Securable, SecurableKind

_OF_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE")


class RowSecurity:
    """Which accounts row security binds on which tables."""

    def __init__(self, graph: RoleGraph, index: GrantIndex) -> None:
        self._graph = graph
        self._index = index
        self._words: dict[Securable, tuple[str, ...]] = {}

    def of(self, account: str, privilege: str, securable: Securable) -> tuple[str, ...]:
        """Return what the policies of a table leave open of a privilege on its rows."""
        if privilege not in (*_OF_ROWS, *RESTRICTIONS):
            return ()
        table = securable
        if securable.kind is SecurableKind.COLUMN:
            table = self._index.relation(securable) or securable
        for word in self._restrictions(table):
            if self._binds(account, word, table):
                return (f"row security of {table}: its policies decide which rows",)
        return ()

    def _restrictions(self, table: Securable) -> tuple[str, ...]:
        """Return the words of the row security of a table."""
        if table not in self._words:
            words = (grant.privilege for _, grant in self._index.on(table))
            self._words[table] = tuple(word for word in words if word in RESTRICTIONS)
        return self._words[table]

    def _binds(self, account: str, word: str, table: Securable) -> bool:
        if account == PUBLIC:
            return True
        owner = self._index.owner(table)
        for login in self._graph.logins(account, table.catalog):
            role = login[-1].account
            is_owner = owner in self._graph.in_role(role, table.catalog)
            is_free = (
                self._graph.is_superuser(role)
                or bool(self._graph.attribute(role, "bypasses_row_security"))
                or (is_owner and word != FORCED_ROW_SECURITY)
            )
            if not is_free:
                return True
        return False
