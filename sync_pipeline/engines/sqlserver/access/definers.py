"""Modules that run as a superuser, in databases whose word the server takes for it. Pure.

SQL Server documentation: EXECUTE AS clause (Transact-SQL), Permissions: who changes such a module
has to have IMPERSONATE on the user, so that ALTER alone gives nothing; Extend database
impersonation by using EXECUTE AS: outside of its database it counts where that is TRUSTWORTHY.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.access.contract import DefinerRoutine
from sync_pipeline.engines.sqlserver.access.dangers import EXECUTE
from sync_pipeline.engines.sqlserver.access.decide import Decider
from sync_pipeline.engines.sqlserver.access.holdings import CONTROL
from sync_pipeline.engines.sqlserver.access.mends import Opposites
from sync_pipeline.engines.sqlserver.access.powers import Powers
from sync_pipeline.engines.sqlserver.access.principals import PUBLIC, Principals
from sync_pipeline.engines.sqlserver.access.remedies import Remedies
from sync_pipeline.engines.sqlserver.names import principal_name, split_account
from sync_pipeline.model.access import Hold, PowerKind
from sync_pipeline.model.privilege import Securable, SecurableKind
from sync_pipeline.model.server_fact import ServerFact, ServerFacts

_WHY = "and in which they act as a superuser, since the database is TRUSTWORTHY"


class Definers:
    """The modules of one world."""

    def __init__(
        self,
        server: ServerFacts,
        principals: Principals,
        decider: Decider,
        powers: Powers,
        writes: tuple[Remedies, Opposites],
    ) -> None:
        self._server = server
        self._principals = principals
        self._decider = decider
        self._powers = powers
        self._remedies, self._opposites = writes

    def all(self) -> Iterator[DefinerRoutine]:
        """Yield those that run as a superuser, and that others may run."""
        for fact in self._server.each("definer"):
            owner = principal_name(fact.database, fact.value)
            if any(power.kind is PowerKind.SUPERUSER for power in self._powers.of(owner)):
                yield from self._routine(fact, owner)

    def _routine(self, fact: ServerFact, owner: str) -> Iterator[DefinerRoutine]:
        schema, name = split_account(fact.subject)
        on = Securable(SecurableKind.PROCEDURE, fact.database, schema, name, catalog=fact.database)
        everyone = principal_name(fact.database, PUBLIC)
        is_open = self._decider.allows(everyone, EXECUTE, on)
        if not is_open and not self._is_run_by_others(on, owner):
            return
        fix, undo = self._closed(everyone, on) if is_open else ("", "")
        yield DefinerRoutine(
            fact.subject,
            fact.database,
            owner,
            is_open,
            _WHY,
            fix,
            undo,
            "Those who need it have to be granted it by name." if fix else "",
        )

    def _is_run_by_others(self, on: Securable, owner: str) -> bool:
        database = Securable(SecurableKind.DATABASE, on.database, catalog=on.database)
        return any(
            self._decider.allows(name, EXECUTE, on)
            and not self._decider.allows(name, CONTROL, database)
            for name, state in self._principals.accounts.items()
            if state.database == on.database and name != owner
        )

    def _closed(self, everyone: str, on: Securable) -> tuple[str, str]:
        state = self._principals.accounts[everyone]
        for grant in state.grants:
            named = (grant.securable.schema, grant.securable.name)
            if grant.privilege == EXECUTE and named == (on.schema, on.name) and not grant.deny:
                fix = self._remedies.revoke(everyone, grant)
                return fix, self._opposites.restore(Hold(everyone, grant))
        return "", ""
