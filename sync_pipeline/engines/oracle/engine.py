"""Oracle Database: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.access.doubts import UnknownNothing
from sync_pipeline.engines.access.parts import Elsewhere
from sync_pipeline.engines.base import (
    AccountRows,
    Asks,
    CatalogCheck,
    CertificateCheck,
    Connection,
    DatabaseEntry,
    GrantNote,
    Query,
    SizeReader,
    Target,
    Version,
    check_names,
    filled,
    sql_text,
)
from sync_pipeline.engines.oracle.access.facts import is_of_provider
from sync_pipeline.engines.oracle.access.rules import OracleAccess
from sync_pipeline.engines.oracle.access.status import unknown_words
from sync_pipeline.engines.oracle.accounts.containers import (
    CONTAINERS,
    SEED,
    ContainerRow,
    checked,
    entry_of,
    is_closed,
)
from sync_pipeline.engines.oracle.accounts.grants import GrantRows
from sync_pipeline.engines.oracle.accounts.parse import DBA, DictionaryRows, account_states
from sync_pipeline.engines.oracle.accounts.queries import (
    ACCOUNT_QUERIES,
    ADMINISTRATORS,
    COL_PRIVS,
    OLDEST,
    PROFILES,
    PROXIES,
    QUOTAS,
    ROLE_PRIVS,
    ROLES,
    SCHEMA_PRIVS,
    SYS_PRIVS,
    TAB_PRIVS,
    USER_LIMITS,
    USERS,
)
from sync_pipeline.engines.oracle.accounts.traits import WHOLE_DBA
from sync_pipeline.engines.oracle.accounts.use import use as use_of
from sync_pipeline.engines.oracle.names import identifier, is_common
from sync_pipeline.engines.oracle.notes import GRANT_NOTES
from sync_pipeline.engines.oracle.platform import (
    AUTONOMOUS,
    MANAGED,
    ROOT,
    place_of,
    provider_accounts,
    service_of,
)
from sync_pipeline.engines.oracle.script import managed_script, monitoring_script
from sync_pipeline.engines.oracle.sizes import measure
from sync_pipeline.engines.oracle.wire.driver import connect
from sync_pipeline.errors import (
    ConfigurationError,
    Phase,
    PrivilegeError,
    QueryError,
    QueryTimeout,
    UnsupportedServer,
)
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.gap import it_needs
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, StateSources
from sync_pipeline.model.use import UseSample

PACKAGE = "sync_pipeline.engines.oracle"
UPDATES_SINCE = 18
"""From which release on a version is told apart from its release update."""

CLOUD_SERVICE_SINCE = (19,)
"""From which release on a session says which service of Oracle's cloud it is of."""

_OPTIONAL = (PrivilegeError, QueryError, QueryTimeout)
"""What a statement may fail by without whose answer a sync goes on."""


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
    tells_tls = False
    certificate_check: CertificateCheck | None = None
    platforms: tuple[str, ...] = tuple(sorted(MANAGED))
    sources: StateSources = StateSources(
        superuser=frozenset({SectionName.MEMBERSHIPS, SectionName.SERVER})
    )
    system_accounts: tuple[str, ...] = ()
    system_databases: tuple[str, ...] = (SEED,)
    system_schemas: frozenset[str] = frozenset()
    users_are_schemas: bool = True
    is_of_service: bool = True
    elsewhere = Elsewhere()
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    account_queries: tuple[Query[Any], ...] = ACCOUNT_QUERIES
    counts: Query[Any] | None = None
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
        here = self._place(connection, place["container_id"], number)
        protocol = str(place["protocol"] or "").lower()
        return ServerIdentity(
            version,
            tuple(int(digits) for digits in re.findall(r"\d+", version)[:3]),
            protocol if protocol == "tcps" else None,
            here,
            database_role=_standby(place["database_role"]),
            platform=Platform.AUTONOMOUS if here == AUTONOMOUS else Platform.SELF_RUN,
        )

    def _place(self, connection: Connection, container_id: object, number: Version) -> str:
        """Return where this is; of whose service is not known where nothing says so."""
        files = ("platform_19.sql", "platform.sql")
        for file in files if number >= CLOUD_SERVICE_SINCE else files[1:]:
            try:
                (found,) = connection.fetch(sql_text(PACKAGE, file))
            except _OPTIONAL:
                continue
            return place_of(container_id, found["provider_accounts"], found["cloud_service"])
        return place_of(container_id, 0, None)

    def _version(self, connection: Connection, file: str) -> tuple[str, str]:
        rows = connection.fetch(sql_text(PACKAGE, file))
        return (str(rows[0]["product"]).strip(), str(rows[0]["version"])) if rows else ("", "")

    def databases(self, connection: Connection, username: str) -> tuple[DatabaseEntry, ...]:
        """List the pluggable databases, where the root was connected to.

        Raises:
            PrivilegeError: the list may not be read, or is not whole.
        """
        (place,) = connection.fetch(sql_text(PACKAGE, "place.sql"))
        if place_of(place["container_id"], 0, None) != ROOT:
            return ()
        text = sql_text(PACKAGE, CONTAINERS.variants[0].file)
        try:
            rows = [CONTAINERS.bind(row) for row in connection.fetch(text)]
        except PrivilegeError as error:
            error.hint = it_needs(filled(CONTAINERS.needs, user=self.written(username)))
            raise
        listed = [row for row in checked(rows, username) if row.name != SEED]
        nodes = self._nodes(connection, listed)
        return tuple(entry_of(row, username, nodes) for row in listed)

    def _nodes(
        self, connection: Connection, listed: Sequence[ContainerRow]
    ) -> Mapping[str, int] | None:
        """Return on which node each database is open; None: all are here, or it is not known."""
        if not any(map(is_closed, listed)):
            return None
        try:
            rows = connection.fetch(sql_text(PACKAGE, "nodes_root.sql"))
        except _OPTIONAL:
            return None
        return {str(row["name"]): int(row["node"]) for row in rows}

    def platform_by(
        self,
        rows: AccountRows,
        databases: Iterable[str],  # noqa: ARG002
        server: ServerIdentity,
    ) -> Platform:
        """Return whose service a database is.

        Anybody may make an account RDSADMIN: a role DBA that lacks nothing is on no server of
        Amazon's.
        """
        found = service_of(server.place)
        held = {row.privilege for row in rows.each(SYS_PRIVS) if row.grantee == DBA}
        return Platform.SELF_RUN if found is Platform.RDS and held >= WHOLE_DBA else found

    def closed_databases(self, platform: Platform) -> frozenset[str]:  # noqa: ARG002
        """Return nothing: customers of a service get one pluggable database, and no root."""
        return frozenset()

    def provider_accounts(self, platform: Platform) -> frozenset[str]:
        """Return the names of the accounts by which the provider runs the database."""
        return provider_accounts(platform)

    def is_providers(self, account: AccountState, platform: Platform) -> bool:
        """Return whether an account is one by which the provider runs the database."""
        return is_of_provider(account, platform)

    def written(self, name: str) -> str:
        """Return a name as statements write it, in double quotes where it needs them."""
        return identifier(name)

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build one state for each user and role, and one for PUBLIC in each container."""
        return account_states(
            DictionaryRows(
                place=server.place,
                database_role=server.database_role,
                users=rows.of(USERS),
                roles=rows.of(ROLES),
                profiles=rows.of(PROFILES),
                role_privs=rows.of(ROLE_PRIVS),
                user_limits=rows.of(USER_LIMITS),
                grants=GrantRows(
                    system=rows.of(SYS_PRIVS),
                    administrators=rows.of(ADMINISTRATORS),
                    schemas=rows.of(SCHEMA_PRIVS),
                    objects=rows.of(TAB_PRIVS),
                    columns=rows.of(COL_PRIVS),
                    quotas=rows.of(QUOTAS),
                    proxies=rows.of(PROXIES),
                ),
            )
        )

    def use(self, ask: Asks, rows: AccountRows, server: ServerIdentity, username: str) -> UseSample:
        """Return when each user logged in last, and who is logged in now."""
        return use_of(ask, rows, server, username)

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

    def platform_script(
        self,
        username: str,
        platform: str,
        host: str = "%",  # noqa: ARG002
        databases: Sequence[str] = (),  # noqa: ARG002
    ) -> str:
        """Return the script for a provider's database, where nobody may grant views of SYS."""
        check_names(self, username)
        return managed_script(username, platform)


def _standby(role: object) -> str:
    """Return the role of a standby; empty: it is a primary database, or does not say."""
    text = str(role or "")
    return "" if text == "PRIMARY" else text
