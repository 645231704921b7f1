"""All that an account has on what the snapshot knows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.entry import SERVER
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL, OWNER, Holdings
from sync_pipeline.engines.sqlserver.access.levels import database_of
from sync_pipeline.engines.sqlserver.access.principals import Principals
from sync_pipeline.model.access import EVERYTHING, EffectivePrivilege
from sync_pipeline.model.privilege import Securable, SecurableKind

Candidate = tuple[str, Securable]


class Everything:
    """Lists what accounts have: permissions as granted, not all that those imply.

    An entry for a whole says in its source which parts of it are denied. An owner has
    CONTROL of what it owns.
    """

    def __init__(self, principals: Principals, holdings: Holdings, decider: Decider) -> None:
        self._principals = principals
        self._holdings = holdings
        self._decider = decider

    def of(self, account: str) -> Sequence[EffectivePrivilege]:
        """Return one entry a permission and securable, by its best path."""
        if self._principals.context(account, "").sysadmin:
            return self._decider.held(account, EVERYTHING, SERVER)
        candidates = set(self._candidates(account, ""))
        for database in self._principals.entered(account):
            candidates.update(self._candidates(account, database))
        found: list[EffectivePrivilege] = []
        for permission, securable in sorted(candidates):
            held = self._decider.held(account, permission, securable)
            found.extend(held[:1])
        return found

    def _candidates(self, account: str, database: str) -> Iterable[Candidate]:
        context = self._principals.context(account, database)
        if context.dbo:
            yield CONTROL, Securable(SecurableKind.DATABASE, database=database, catalog=database)
        for identity in context.identities:
            for holding in self._holdings.all(identity):
                is_here = database_of(holding.securable) == database
                if is_here and not holding.deny and holding.permission != OWNER:
                    yield holding.permission, holding.securable
