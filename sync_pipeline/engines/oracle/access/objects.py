"""What a snapshot knows to exist: containers, schemas, objects, by their grants and owners."""

from __future__ import annotations

from collections import defaultdict

from sync_pipeline.engines.oracle.access.names import SYS, container_of, local_name
from sync_pipeline.engines.oracle.access.predefined import DBA, SYSDBA
from sync_pipeline.engines.oracle.access.roles import is_user
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.privilege import Securable
from sync_pipeline.model.privilege import SecurableKind as Kind


class KnownObjects:
    """The schemas and securables that the accounts and grants of a world name."""

    def __init__(self, world: AccessWorld) -> None:
        self._by_name: dict[tuple[str, str, str], set[Securable]] = defaultdict(set)
        self._named: dict[tuple[str, str], set[Securable]] = defaultdict(set)
        self._columns: dict[tuple[str, str, str, str], Securable] = {}
        self._users: set[tuple[str, str]] = set()
        self._owners: set[tuple[str, str]] = set()
        self._containers = {""}
        self._reached_by_any: set[str] = set()
        for account in world.accounts.values():
            container = account.database
            name = local_name(account.name, container)
            self._containers.add(container)
            if is_user(account):
                self._users.add((container, name))
            if name == SYS or _reaches_any(account):
                self._reached_by_any.add(container)
            for grant in account.grants:
                self._add(grant.securable)

    @property
    def containers(self) -> tuple[str, ...]:
        """Return the containers, the one we are connected to (empty) first."""
        return tuple(sorted(self._containers))

    def has_schema(self, container: str, schema: str) -> bool:
        """Return whether a user or a grant bears the schema's name."""
        return (container, schema) in self._users or self.has_objects(container, schema)

    def has_objects(self, container: str, schema: str) -> bool:
        """Return whether a grant names something in the schema."""
        return (container, schema) in self._owners

    def is_reached_by_any(self, container: str) -> bool:
        """Return whether an account reaches objects there that no grant names."""
        return container in self._reached_by_any

    def objects(self, container: str, schema: str, name: str) -> tuple[Securable, ...]:
        """Return what grants call by a name in a schema."""
        return tuple(sorted(self._by_name.get((container, schema, name), ())))

    def column(self, container: str, schema: str, name: str, column: str) -> Securable | None:
        """Return a column that a grant names."""
        return self._columns.get((container, schema, name, column))

    def named(self, container: str, name: str) -> tuple[Securable, ...]:
        """Return the directories and tablespaces of a name."""
        return tuple(sorted(self._named.get((container, name), ())))

    def _add(self, securable: Securable) -> None:
        container = container_of(securable)
        if securable.kind in {Kind.DIRECTORY, Kind.TABLESPACE}:
            self._named[container, securable.name].add(securable)
            return
        if not securable.schema:
            return
        self._owners.add((container, securable.schema))
        if securable.kind is Kind.COLUMN:
            key = (container, securable.schema, securable.name, securable.column)
            self._columns[key] = securable
        elif securable.kind is not Kind.SCHEMA:
            self._by_name[container, securable.schema, securable.name].add(securable)


def _reaches_any(account: AccountState) -> bool:
    """Return whether an account reaches objects by more than grants on each."""
    roles = (local_name(item.role, account.database) for item in account.memberships)
    return DBA in roles or any(
        grant.securable.kind is Kind.SERVER
        and (" ANY " in grant.privilege or grant.privilege == SYSDBA)
        for grant in account.grants
    )
