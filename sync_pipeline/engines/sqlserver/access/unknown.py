"""What was not read, or can't be, and could change an answer."""

from __future__ import annotations

from collections.abc import Iterable

from sync_pipeline.engines.sqlserver.access.covering_table import SecurableClass
from sync_pipeline.engines.sqlserver.access.entry import is_windows
from sync_pipeline.engines.sqlserver.access.levels import Level, database_of
from sync_pipeline.engines.sqlserver.access.principals import PUBLIC, Principals
from sync_pipeline.engines.sqlserver.names import principal_name
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import SectionKey, SectionName, Securable

WINDOWS_GROUPS = Gap(
    "Windows groups: which accounts are in them is not in the catalog, and grants and denies"
    " to a group count for its members"
)
ENTRA_ADMIN = Gap(
    "who the Microsoft Entra admin of the logical server is, which Azure alone keeps: that account"
    " may do everything"
)

_SECTIONS = {
    SecurableClass.SERVER: SectionName.SERVER,
    SecurableClass.DATABASE: SectionName.DATABASE,
    SecurableClass.SCHEMA: SectionName.SCHEMA,
    SecurableClass.COLUMN: SectionName.COLUMN,
}


class Unknown:
    """The gaps of one world."""

    def __init__(self, world: AccessWorld, principals: Principals) -> None:
        self._world = world
        self._principals = principals
        self._has_groups = any(
            account.kind is AccountKind.GROUP for account in world.accounts.values()
        )
        self._databases = {account.database for account in world.accounts.values()}
        self._databases |= {key.database for key in world.sections}

    def of(self, account: str, securable: Securable, levels: tuple[Level, ...]) -> tuple[Gap, ...]:
        """Return the gaps that matter to one account on one securable."""
        return (*self.of_all(securable, levels), *self.groups_of(account))

    def of_all(self, securable: Securable, levels: tuple[Level, ...]) -> tuple[Gap, ...]:
        """Return those of them that matter to any account."""
        database = database_of(securable)
        is_left_out = self._world.sections and database not in {"", *self._databases}
        keys = self._keys(securable, levels)
        found = self._world.unread(
            key for key in keys if not (is_left_out and key.database == database)
        )
        if is_left_out:
            found += (Gap.of_database(database),)
        elif database and principal_name(database, PUBLIC) not in self._world.accounts:
            found += (Gap(f"the role public of database {database}, which the snapshot lacks"),)
        return found

    def groups_of(self, account: str) -> tuple[Gap, ...]:
        """Return that an account may be in groups whose grants and denies count for it."""
        may_be = self._has_groups and self._may_be_in_groups(account)
        groups = (WINDOWS_GROUPS,) if may_be else ()
        is_open = self._principals.may_be_entra_admin(account)
        return (*groups, ENTRA_ADMIN) if is_open else groups

    def _keys(self, securable: Securable, levels: tuple[Level, ...]) -> Iterable[SectionKey]:
        places = ("", database_of(securable)) if database_of(securable) else ("",)
        keys = {
            SectionKey(name, place)
            for place in places
            for name in (SectionName.ACCOUNTS, SectionName.MEMBERSHIPS)
        }
        keys.add(SectionKey(securable.section.name, database_of(securable)))
        for level in levels:
            if level.of in _SECTIONS:
                keys.add(SectionKey(_SECTIONS[level.of], level.database))
            elif level.of is SecurableClass.OBJECT:
                keys.add(SectionKey(SectionName.TABLE, level.database))
        return sorted(keys)

    def _may_be_in_groups(self, account: str) -> bool:
        state = self._world.accounts.get(account)
        if state is None:
            return False
        if is_windows(state):
            return True
        login = self._principals.login_of(state)
        return login is not None and is_windows(login)
