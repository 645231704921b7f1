"""Oracle Database: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from sync_pipeline.engines.access import AccessRules
from sync_pipeline.engines.base import (
    AccountRows,
    CatalogCheck,
    Connection,
    DatabaseEntry,
    GrantNote,
    Query,
    SizeReader,
    Target,
    check_names,
    filled,
    sql_text,
)
from sync_pipeline.engines.cautious import cautious
from sync_pipeline.engines.doubts import UnknownNothing
from sync_pipeline.engines.oracle.access import OracleAccess
from sync_pipeline.engines.oracle.access_status import unknown_words
from sync_pipeline.engines.oracle.containers import CONTAINERS, SEED, checked, entry_of
from sync_pipeline.engines.oracle.driver import connect
from sync_pipeline.engines.oracle.grants import GrantRows
from sync_pipeline.engines.oracle.names import identifier, is_common
from sync_pipeline.engines.oracle.notes import GRANT_NOTES
from sync_pipeline.engines.oracle.parse import DictionaryRows, account_states
from sync_pipeline.engines.oracle.queries import (
    ACCOUNT_QUERIES,
    ADMINISTRATORS,
    COL_PRIVS,
    OLDEST,
    PDB,
    PROFILES,
    QUOTAS,
    ROLE_PRIVS,
    ROLES,
    ROOT,
    SCHEMA_PRIVS,
    SYS_PRIVS,
    TAB_PRIVS,
    USERS,
)
from sync_pipeline.engines.oracle.script import monitoring_script
from sync_pipeline.engines.oracle.sizes import measure
from sync_pipeline.errors import ConfigurationError, Phase, PrivilegeError, UnsupportedServer
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity

PACKAGE = "sync_pipeline.engines.oracle"
UPDATES_SINCE = 18
"""From which release on a version is told apart from its release update."""

_PLACES = {"0": "", "1": ROOT}


class Oracle(UnknownNothing):
    """Oracle Database 12.2 to 23ai (and newer, read as 23ai).

    Connected to CDB$ROOT, the accounts and sizes of all open pluggable databases are read
    with the same number of statements as those of one. Elsewhere one database is read: the
    pluggable one, or the one without containers. Accounts that Oracle maintains are its
    own and left out unless the settings say otherwise, but for SYS and SYSTEM, which people
    log in with. The month of the last login is kept, not the moment: else each login of
    anybody would be a change.
    """

    name = EngineName.ORACLE
    product = "Oracle Database"
    newest_tried: tuple[int, ...] = (23, 9)
    default_port = 1521
    size_connections = 1
    system_accounts: tuple[str, ...] = ()
    system_databases: tuple[str, ...] = (SEED,)
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    account_queries: tuple[Query[Any], ...] = ACCOUNT_QUERIES
    catalog: CatalogCheck | None = None

    def connect(self, target: Target, database: str | None = None) -> Connection:
        """Open a read-only connection; the instance's database is the name of a service."""
        service = database or target.instance.database
        if not service:
            raise ConfigurationError(
                "The instance has no service name.",
                instance=target.instance.name,
                phase=Phase.CONNECT,
                hint="Give it one with: sync-pipeline instances edit --database.",
            )
        return connect(target, service)

    def identify(self, connection: Connection) -> ServerIdentity:
        """Ask for the version, for TLS, and where in a container database this is."""
        product, version = self._version(connection, "version.sql")
        number = tuple(int(digits) for digits in re.findall(r"\d+", version)[:2])
        if number < OLDEST:
            raise UnsupportedServer(
                f"The server is {product or 'not Oracle'} {version}; 12.2 or newer is needed.",
                hint="Upgrade it, or correct the instance's engine.",
            )
        if number[0] >= UPDATES_SINCE:
            _, version = self._version(connection, "version_18.sql")
        (place,) = connection.fetch(sql_text(PACKAGE, "place.sql"))
        protocol = str(place["protocol"] or "").lower()
        return ServerIdentity(
            version,
            tuple(int(digits) for digits in re.findall(r"\d+", version)[:3]),
            protocol if protocol == "tcps" else None,
            _PLACES.get(str(place["container_id"]), PDB),
        )

    def _version(self, connection: Connection, file: str) -> tuple[str, str]:
        rows = connection.fetch(sql_text(PACKAGE, file))
        return (str(rows[0]["product"]).strip(), str(rows[0]["version"])) if rows else ("", "")

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        """List the pluggable databases, where the root was connected to.

        Raises:
            PrivilegeError: the list may not be read, or is not whole.
        """
        (place,) = connection.fetch(sql_text(PACKAGE, "place.sql"))
        if _PLACES.get(str(place["container_id"]), PDB) != ROOT:
            return ()
        text = sql_text(PACKAGE, CONTAINERS.variants[0].file)
        try:
            rows = [CONTAINERS.bind(row) for row in connection.fetch(text)]
        except PrivilegeError as error:
            error.hint = f"It needs: {filled(CONTAINERS.needs, user=identifier(username))}"
            raise
        return tuple(entry_of(row, username) for row in checked(rows, username) if row.name != SEED)

    def written(self, name: str) -> str:
        """Return a name as statements write it, in double quotes where it needs them."""
        return identifier(name)

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build one state for each user and role, and one for PUBLIC in each container."""
        return account_states(
            DictionaryRows(
                is_root=server.place == ROOT,
                users=rows.of(USERS),
                roles=rows.of(ROLES),
                profiles=rows.of(PROFILES),
                role_privs=rows.of(ROLE_PRIVS),
                grants=GrantRows(
                    system=rows.of(SYS_PRIVS),
                    administrators=rows.of(ADMINISTRATORS),
                    schemas=rows.of(SCHEMA_PRIVS),
                    objects=rows.of(TAB_PRIVS),
                    columns=rows.of(COL_PRIVS),
                    quotas=rows.of(QUOTAS),
                ),
            )
        )

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure the database, or from the root all of them, and the redo logs."""
        return measure(reader)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield the account's states and ways of authentication that the rules do not know."""
        return unknown_words(state)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return how Oracle decides what the accounts of a world may do."""
        return cautious(OracleAccess(world), world, self)

    def written_account(self, username: str, host: str) -> str:  # noqa: ARG002
        """Return the account as statements write it; it has no host."""
        return self.written(username)

    def grants_script(self, username: str, host: str, databases: Sequence[str]) -> str:  # noqa: ARG002
        """Return the script of a database, or of the root for a common user (`C##...`)."""
        check_names(self, username)
        return monitoring_script(username, is_root=is_common(username))
