"""Program units of powerful owners that everybody may execute. Pure.

Database Security Guide, "How Definer's Rights Affects Privileges" and "Managing Security for
Definer's Rights and Invoker's Rights": such a unit has what its owner was granted by name; roles
are off in it, so that the role DBA of an owner counts for nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.access.contract import DefinerRoutine
from sync_pipeline.engines.oracle.access.dangers import DANGERS
from sync_pipeline.engines.oracle.access.mends import Opposites
from sync_pipeline.engines.oracle.access.names import local_name
from sync_pipeline.engines.oracle.access.powers import GRANT_ADMIN
from sync_pipeline.engines.oracle.access.remedies import Remedies
from sync_pipeline.engines.oracle.access.roles import is_public, is_user
from sync_pipeline.model.access import AccessWorld, Hold
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import SecurableKind
from sync_pipeline.model.server_fact import ServerFact
from sync_pipeline.model.text import first_names

_MOST_NAMED = 3
_POWERFUL = GRANT_ADMIN.keys() | DANGERS.keys()


class Definers:
    """The program units of one world."""

    def __init__(self, world: AccessWorld, remedies: Remedies, opposites: Opposites) -> None:
        self._world = world
        self._remedies = remedies
        self._opposites = opposites

    def all(self) -> Iterator[DefinerRoutine]:
        """Yield those whose owners were granted what reaches further than their schema."""
        owners = {
            (state.database, local_name(state.name, state.database)): state
            for state in self._world.accounts.values()
            if is_user(state)
        }
        for fact in self._world.server.each("definer"):
            owner = owners.get((fact.database, fact.value))
            held = _held(owner) if owner else []
            if owner and held:
                yield self._routine(fact, owner, held)

    def _routine(self, fact: ServerFact, owner: AccountState, held: list[str]) -> DefinerRoutine:
        fix, undo = self._closed(fact)
        return DefinerRoutine(
            f"{fact.value}.{fact.subject}",
            fact.database,
            owner.name,
            is_for_everyone=True,
            why=f"and in which they have {first_names(held[:_MOST_NAMED], len(held))}",
            fix=fix,
            undo=undo,
            breaks="Those who need it have to be granted it by name." if fix else "",
        )

    def _closed(self, fact: ServerFact) -> tuple[str, str]:
        """Return what takes it from PUBLIC of its container, and gives it back."""
        for state in self._world.accounts.values():
            for grant in (
                state.grants if is_public(state) and state.database == fact.database else ()
            ):
                on = grant.securable
                if (on.schema, on.name, grant.privilege) == (fact.value, fact.subject, "EXECUTE"):
                    fix = self._remedies.revoke(state.name, grant)
                    return fix, self._opposites.restore(Hold(state.name, grant))
        return "", ""


def _held(owner: AccountState) -> list[str]:
    return sorted(
        grant.privilege
        for grant in owner.grants
        if grant.securable.kind is SecurableKind.SERVER
        and grant.privilege in _POWERFUL
        and not grant.deny
    )
