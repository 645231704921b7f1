"""What an account needs beside a privilege before it can use it. Pure.

Manual, "Privileges": an object can't be looked up without USAGE on its schema, nor a
database's objects without CONNECT. Which doors pg_hba.conf shuts is not in the catalogs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.engines.postgresql.access.facts import is_expired
from sync_pipeline.engines.postgresql.access.grants import GrantIndex
from sync_pipeline.engines.postgresql.access.kinds import USAGE
from sync_pipeline.engines.postgresql.access.roles import RoleGraph
from sync_pipeline.engines.postgresql.accounts.parse import PUBLIC
from sync_pipeline.engines.postgresql.names import NO_CONNECTIONS
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.privilege import Securable, SecurableKind

CONNECT = "CONNECT"
READ_ALL_DATA = "pg_read_all_data"
WRITE_ALL_DATA = "pg_write_all_data"
_SEES_SCHEMAS = (READ_ALL_DATA, WRITE_ALL_DATA)


class Needs:
    """Finds what is lacking; answers for one database or schema are found once."""

    def __init__(self, graph: RoleGraph, index: GrantIndex, world: AccessWorld) -> None:
        self._graph = graph
        self._index = index
        self._world = world
        self._closed = frozenset(
            key.database
            for key, report in world.sections.items()
            if key.database and report.reason.startswith(NO_CONNECTIONS)
        )
        self._last: tuple[Securable, tuple[Securable, Securable]] | None = None
        self._login: dict[str, tuple[str, ...]] = {}
        self._holds: dict[tuple[str, Securable], bool] = {}

    def lacking(
        self, account: str, acting: str, privilege: str, securable: Securable
    ) -> tuple[str, ...]:
        """Return what else the account needs, as sentences' ends; empty: nothing.

        `acting` is the role that the session has set. CONNECT is asked of the account
        itself, USAGE of the schema of the role.
        """
        kind = securable.kind
        if kind is SecurableKind.DEFAULT_PRIVILEGE:
            return ()
        missing = list(self._logs_in(account))
        database, schema = self._around(securable)
        is_inside = bool(securable.catalog) or (
            kind is SecurableKind.DATABASE and privilege != CONNECT
        )
        if database.database in self._closed and (is_inside or privilege == CONNECT):
            missing.append(f"connections to database {database.database}: it allows none")
        if is_inside and not self._may_connect(account, database):
            missing.append(
                f"CONNECT on database {database.database}{self._doubt(account, database)}"
            )
        if schema != securable and not self._sees(acting, schema):
            missing.append(f"USAGE on schema {schema.schema}{self._doubt(acting, schema)}")
        return tuple(missing)

    def _around(self, securable: Securable) -> tuple[Securable, Securable]:
        """Return the database and the schema of an object; mostly the one asked about before."""
        last = self._last
        if last is None or last[0] is not securable:
            index = self._index
            last = securable, (index.database_of(securable), index.schema_of(securable))
            # Another thread may ask about another object by now.
            self._last = last
        return last[1]

    def _doubt(self, role: str, securable: Securable) -> str:
        """Return what to add where a role counts whose grants are not in the world."""
        names = self._graph.not_kept(role, securable.database, securable)
        return f", unless {', '.join(names)} has it, of which nothing is kept" if names else ""

    def _logs_in(self, account: str) -> tuple[str, ...]:
        if account not in self._login:
            self._login[account] = tuple(self._doors(account))
        return self._login[account]

    def _doors(self, account: str) -> Iterator[str]:
        state = self._graph.accounts[account]
        if account == PUBLIC:
            return
        if not state.can_login:
            yield "LOGIN: it cannot log in itself"
            return
        if self._graph.attribute(account, "connection_limit") == 0 and not state.is_superuser:
            yield "a connection: its limit is 0"
        if is_expired(self._graph, account, self._world):
            until = self._graph.attribute(account, "valid_until")
            yield f"a password that is valid: its own was until {until}"

    def _may_connect(self, account: str, database: Securable) -> bool:
        return self._graph.is_superuser(account) or self._has(account, CONNECT, database)

    def _sees(self, acting: str, schema: Securable) -> bool:
        if not schema.schema or self._graph.is_superuser(acting):
            return True
        if self._index.is_public(schema, USAGE):
            return True
        reached = self._graph.in_role(acting)
        sees_all = any(role in reached and reached[role].is_at_login for role in _SEES_SCHEMAS)
        return sees_all or self._has(acting, USAGE, schema)

    def _has(self, role: str, privilege: str, securable: Securable) -> bool:
        """Return whether a session as the role has a privilege, or that is not known.

        Of a schema or database that was not read no grant is known at all.
        """
        if self._index.is_public(securable, privilege):
            return True
        key = (role, securable)
        if key not in self._holds:
            reached = self._graph.in_role(role, securable.database)
            self._holds[key] = not self._index.on(securable) or any(
                reached[holder].is_at_login
                for holder, _ in self._index.of_holders(securable, privilege, reached)
            )
        return self._holds[key]
