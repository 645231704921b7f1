"""What gives a holder a privilege on a securable: a grant, ownership, an ANY privilege."""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.oracle.access.any import (
    COLUMN_OPERATIONS,
    RELATIONS,
    SECRET_TABLES,
    SELECT_ANY_DICTIONARY,
    covered_by,
    covering,
    created,
    dictionary_operations,
    owner_may,
    protected_schemas,
)
from sync_pipeline.engines.oracle.access.grants import (
    SERVER_KEY,
    Grants,
    Held,
    Holding,
    Key,
    key_of,
    schema_key,
    table_key,
)
from sync_pipeline.engines.oracle.access.managed import platform_in, protected_by_name
from sync_pipeline.engines.oracle.access.names import SYS, container_of, local_name
from sync_pipeline.engines.oracle.access.powers import Powers
from sync_pipeline.engines.oracle.access.predefined import SYSDBA
from sync_pipeline.engines.oracle.access.roles import Way, is_user
from sync_pipeline.engines.oracle.platform import AUTONOMOUS
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable
from sync_pipeline.model.privilege import SecurableKind as Kind

OWNER = "OWNER"
"""What an account has on the schema of its own name."""

SUPERUSER = "superuser"
BY_OWNERSHIP = "owner"

_DICTIONARY = RELATIONS | {Kind.OBJECT, Kind.COLUMN, Kind.SYNONYM}
_QUOTA = "QUOTA"
_NO_QUOTA = "QUOTA 0"


class Reach:
    """The rules for one holder at the end of a way. `major` is the server's release."""

    def __init__(self, world: AccessWorld, grants: Grants, powers: Powers, major: int) -> None:
        self._world = world
        self._grants = grants
        self._powers = powers
        self._always_protected = protected_schemas(major)
        self._protected: dict[str, frozenset[str]] = {}
        self._dictionary_operations = dictionary_operations(major)

    def held(self, way: Way, operation: str, securable: Securable) -> Iterator[Held]:
        """Yield all that gives the account an operation by what the way's end holds."""
        if held := self.superuser(way, operation, securable):
            yield held
        if self._owns(way, operation, securable):
            yield Held(operation, securable, BY_OWNERSHIP, grantable=True)
        holding = self._grants.of(way.holder, container_of(securable))
        yield from _granted(holding, operation, securable)
        yield from self._by_any(holding, operation, securable)
        yield from self._by_other_privileges(way, holding, operation, securable)

    def superuser(self, way: Way, operation: str, securable: Securable) -> Held | None:
        """Return an operation as a superuser has it; None where the way's end is none."""
        by = self._powers.superuser_by(way)
        if not by:
            return None
        connects_as = SYSDBA if by == SYSDBA else ""
        return Held(operation, securable, SUPERUSER, grantable=True, connects_as=connects_as)

    def owned_schema(self, account: str) -> str:
        """Return the schema of a user; empty for roles and PUBLIC, which have none."""
        state = self._world.accounts[account]
        return local_name(account, state.database) if is_user(state) else ""

    def _owns(self, way: Way, operation: str, securable: Securable) -> bool:
        """Return whether the account has it as the owner of the schema.

        Database Security Guide, "Who Can Grant Object Privileges?": a user has all object
        privileges on what is in its schema, and may grant them.
        """
        if not way.is_direct or not self._is_own(way, securable):
            return False
        if securable.kind is not Kind.SCHEMA:
            return owner_may(operation, securable.kind)
        reaches = bool(covering(operation, Kind.SCHEMA)) and not created(operation)
        return operation == OWNER or reaches

    def _is_own(self, way: Way, securable: Securable) -> bool:
        own = self.owned_schema(way.user)
        return bool(own) and own == securable.schema and securable.kind is not Kind.DIRECTORY

    def _by_any(self, holding: Holding, operation: str, securable: Securable) -> Iterator[Held]:
        """Yield the system and schema privileges that reach an object.

        None carries the right to grant the object privilege itself. Directories are SYS's,
        but not part of its dictionary.
        """
        is_schema = securable.kind is Kind.SCHEMA
        if self._is_protected(securable) and securable.kind is not Kind.DIRECTORY:
            return
        for privilege in covering(operation, securable.kind):
            yield from _some(holding, SERVER_KEY, privilege, grantable=is_schema)
            if securable.schema:
                key = schema_key(securable.schema)
                yield from _some(holding, key, privilege, grantable=is_schema)

    def _is_protected(self, securable: Securable) -> bool:
        """Return whether ANY privileges do not reach the schema of an object.

        On Autonomous Database they reach neither SYS nor SYSTEM.
        """
        container = container_of(securable)
        if container not in self._protected:
            found = self._always_protected | protected_by_name(self._world, container)
            if platform_in(self._world, container) == AUTONOMOUS:
                found |= {SYS, "SYSTEM"}
            self._protected[container] = found
        return securable.schema in self._protected[container]

    def _by_other_privileges(
        self, way: Way, holding: Holding, operation: str, securable: Securable
    ) -> Iterator[Held]:
        """Yield what has a rule of its own: the dictionary, one's own schema, quotas."""
        kind = securable.kind
        if (
            securable.schema == SYS
            and kind in _DICTIONARY
            and securable.name not in SECRET_TABLES
            and operation in self._dictionary_operations
            and platform_in(self._world, container_of(securable)) != AUTONOMOUS
        ):
            yield from _some(holding, SERVER_KEY, SELECT_ANY_DICTIONARY, grantable=False)
        thing = created(operation) if kind is Kind.SCHEMA else ""
        if thing and self._is_own(way, securable):
            yield from _some(holding, SERVER_KEY, f"CREATE {thing}", grantable=False)
        if kind is Kind.TABLESPACE and operation.startswith(_QUOTA):
            yield from _some(holding, SERVER_KEY, "UNLIMITED TABLESPACE", grantable=False)


def _granted(holding: Holding, operation: str, securable: Securable) -> Iterator[Held]:
    """Yield the grants on the securable itself, for a column also those on its table."""
    keys: list[Key] = [key_of(securable)]
    if securable.kind is Kind.COLUMN and operation in COLUMN_OPERATIONS:
        keys.append(table_key(securable))
    for privilege in covered_by(operation, securable.kind):
        for key in keys:
            yield from _some(holding, key, privilege, grantable=privilege == operation)
    if securable.kind is Kind.TABLESPACE and operation == _QUOTA:
        for (key, privilege), held in holding.items():
            if key == keys[0] and privilege.startswith(_QUOTA) and privilege != _NO_QUOTA:
                yield held


def _some(holding: Holding, key: Key, privilege: str, *, grantable: bool) -> Iterator[Held]:
    """Yield what is held of a privilege; it can be granted on only where `grantable`."""
    held = holding.get((key, privilege))
    if held is None:
        return
    yield Held(
        held.privilege,
        held.securable,
        held.source,
        grantable=held.grantable and grantable,
        connects_as=held.connects_as,
    )
