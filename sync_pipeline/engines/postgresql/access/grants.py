"""The grants of a world by the object they are on. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from operator import itemgetter

from sync_pipeline.engines.postgresql.access.kinds import RELATIONS
from sync_pipeline.engines.postgresql.accounts.parse import OWNERSHIP, PUBLIC
from sync_pipeline.model.access import AccessWorld, Hold
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind

Held = tuple[str, Grant]
"""An account, and a grant to it."""
Placed = tuple[int, Grant]
"""A grant, and its place among all on its object."""


class GrantIndex:
    """Who was granted what on each object, and who owns it."""

    def __init__(self, world: AccessWorld) -> None:
        held = _by_securable(world)
        self._held: Mapping[Securable, Sequence[Held]] = dict(held)
        self._by_grantor: Mapping[tuple[str, Securable, str], Sequence[Held]] | None = None
        self._owners: dict[Securable, str] = {}
        self._by_holder: dict[tuple[Securable, str], Mapping[str, Sequence[Placed]]] = {}
        self._relations = {
            (on.catalog, on.schema, on.name): on for on in held if on.kind in RELATIONS
        }

    @property
    def securables(self) -> Sequence[Securable]:
        """Return every object that someone was granted something on, or owns."""
        return tuple(self._held)

    def on(self, securable: Securable) -> Sequence[Held]:
        """Return the grants on an object, ownership among them."""
        return self._held.get(securable, ())

    def of_holders(
        self, securable: Securable, privilege: str, holders: Collection[str]
    ) -> Sequence[Held]:
        """Return the grants of a privilege on an object that some accounts hold, as `on` has them.

        It costs what the smaller has: the holders, or those to whom it was granted.
        """
        by_holder = self._holders_of(securable, privilege)
        few: Collection[str] = by_holder
        if len(holders) < len(by_holder):
            few, holders = holders, by_holder
        names = [name for name in few if name in holders]
        found = [(*item, name) for name in names for item in by_holder[name]]
        if len(found) > 1:
            found.sort(key=itemgetter(0))
        return [(name, grant) for _, grant, name in found]

    def is_public(self, securable: Securable, privilege: str) -> bool:
        """Return whether everyone was granted a privilege on an object."""
        return PUBLIC in self._holders_of(securable, privilege)

    def _holders_of(self, securable: Securable, privilege: str) -> Mapping[str, Sequence[Placed]]:
        key = (securable, privilege)
        if key not in self._by_holder:
            placed: dict[str, list[Placed]] = defaultdict(list)
            for place, (name, grant) in enumerate(self.on(securable)):
                if grant.privilege == privilege:
                    placed[name].append((place, grant))
            self._by_holder[key] = placed
        return self._by_holder[key]

    def relation(self, column: Securable) -> Securable | None:
        """Return the table or view of a column; None where it is not known."""
        return self._relations.get((column.catalog, column.schema, column.name))

    def owner(self, securable: Securable) -> str:
        """Return who owns an object, a column's table; empty where that is not known.

        A parameter belongs to the bootstrap superuser, whom no catalog row names: it is
        the one grantor who had the privilege from nobody.
        """
        if securable.kind is SecurableKind.COLUMN:
            relation = self.relation(securable)
            return self.owner(relation) if relation else ""
        if securable not in self._owners:
            self._owners[securable] = self._owner(securable)
        return self._owners[securable]

    def _owner(self, securable: Securable) -> str:
        grants = self.on(securable)
        if securable.kind is SecurableKind.PARAMETER:
            given = {name for name, grant in grants if grant.grantor != name}
            roots = {grant.grantor for _, grant in grants} - given
            return min(roots, default="")
        owners = (name for name, grant in grants if grant.privilege == OWNERSHIP)
        return next(owners, "")

    def schema_of(self, securable: Securable) -> Securable:
        """Return the schema that an object lies in."""
        return Securable(
            SecurableKind.SCHEMA,
            securable.database,
            securable.schema,
            catalog=securable.catalog,
        )

    def database_of(self, securable: Securable) -> Securable:
        """Return the database that an object lies in."""
        return Securable(SecurableKind.DATABASE, securable.database)

    def dependents(self, account: str, grant: Grant) -> tuple[Hold, ...]:
        """Return what others hold from the account that a grant lets it give."""
        if self._by_grantor is None:
            self._by_grantor = self._given()
        key = (account, grant.securable, grant.privilege)
        return tuple(Hold(*held) for held in self._by_grantor.get(key, ()))

    def _given(self) -> Mapping[tuple[str, Securable, str], Sequence[Held]]:
        found: dict[tuple[str, Securable, str], list[Held]] = defaultdict(list)
        for held in self._held.values():
            for name, grant in held:
                if grant.grantor != name:
                    found[grant.grantor, grant.securable, grant.privilege].append((name, grant))
        return found


def _by_securable(world: AccessWorld) -> dict[Securable, list[Held]]:
    """Return the grants on each object, in order of accounts.

    The grants of a world mostly share one record an object: that it is the same one is seen
    quicker than that it is an equal one.
    """
    lists: dict[int, list[Held]] = {}
    held: dict[Securable, list[Held]] = {}
    for name, account in world.accounts.items():
        for grant in account.grants:
            on = grant.securable
            found = lists.get(id(on))
            if found is None:
                found = lists[id(on)] = held.setdefault(on, [])
            found.append((name, grant))
    return held
