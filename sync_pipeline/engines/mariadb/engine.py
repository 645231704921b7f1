"""MariaDB: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.base import (
    AccountRows,
    Asks,
    CatalogCheck,
    GrantNote,
    Query,
    SizeReader,
    Variant,
)
from sync_pipeline.engines.mariadb.access.doubts import CATALOG
from sync_pipeline.engines.mariadb.access.rules import MariaDbAccess
from sync_pipeline.engines.mariadb.accounts.own_roles import own_roles
from sync_pipeline.engines.mariadb.accounts.parse import (
    AccountRow,
    CountsRow,
    RoleMappingRow,
    account_states,
)
from sync_pipeline.engines.mariadb.accounts.stored import is_true
from sync_pipeline.engines.mariadb.notes import GRANT_NOTES, READS_DEFINERS, READS_EVENTS
from sync_pipeline.engines.mariadb.own import SYSTEM_ACCOUNTS
from sync_pipeline.engines.mariadb.sizes import GRANTS, measure
from sync_pipeline.engines.mysql_protocol.accounts.json_text import unknown_words
from sync_pipeline.engines.mysql_protocol.accounts.own import with_own
from sync_pipeline.engines.mysql_protocol.accounts.own_roles import own_roles_query
from sync_pipeline.engines.mysql_protocol.accounts.queries import (
    catalog_query,
    counts_query,
    definers_query,
    object_definers_query,
    settings_query,
)
from sync_pipeline.engines.mysql_protocol.accounts.rows import of_every_user
from sync_pipeline.engines.mysql_protocol.accounts.use import UseQueries
from sync_pipeline.engines.mysql_protocol.accounts.use import use as use_of
from sync_pipeline.engines.mysql_protocol.accounts.views import needs_view, view_variant
from sync_pipeline.engines.mysql_protocol.accounts.visible import (
    VISIBLE,
    visible_query,
    visible_states,
)
from sync_pipeline.engines.mysql_protocol.family import Family, ObjectQueries
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, StateSources
from sync_pipeline.model.use import UseSample

OLDEST = (10, 6)
PACKAGE = "sync_pipeline.engines.mariadb"

ACCOUNTS = catalog_query(
    "global_priv",
    AccountRow,
    (SectionName.ACCOUNTS, SectionName.SERVER),
    OLDEST,
    made=(view_variant("global_priv", OLDEST, "global_priv_view.sql"),),
    needs=needs_view("global_priv"),
    is_visible=True,
)
SEEN = visible_query(OLDEST, needs_view("global_priv"))
OWN_ROLES = own_roles_query(OLDEST)
ROLES = catalog_query("roles_mapping", RoleMappingRow, (SectionName.MEMBERSHIPS,), OLDEST)
OBJECTS = ObjectQueries.since(
    OLDEST, Variant((11, 3), "db_11_3.sql"), Variant((11, 4, 2), "db_11_4_2.sql")
)

SETTINGS = settings_query(OLDEST)
DEFINERS = definers_query(OLDEST, READS_DEFINERS)
EVENT_DEFINERS = object_definers_query("event_definers", OLDEST, READS_EVENTS)
COUNTS = counts_query(CountsRow, OLDEST, OLDEST)

USE = UseQueries.since(OLDEST, has_commands=False)


class MariaDb(Family):
    """MariaDB 10.6 and newer."""

    name = EngineName.MARIADB
    product = "MariaDB"
    package = PACKAGE
    oldest = OLDEST
    accounts_table = "global_priv"
    size_grants: tuple[Query[Any], ...] = GRANTS
    newest_tried: tuple[int, ...] = (11, 8)
    sources: StateSources = StateSources(superuser=frozenset({SectionName.SERVER}))
    # Known by their states, because one that was opened is nobody's to leave out.
    system_accounts: tuple[str, ...] = ()
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    account_queries: tuple[Query[Any], ...] = (
        ACCOUNTS,
        SEEN,
        OWN_ROLES,
        ROLES,
        *OBJECTS.all(),
        SETTINGS,
        DEFINERS,
        EVENT_DEFINERS,
    )
    counts: Query[Any] | None = COUNTS
    catalog: CatalogCheck | None = CATALOG

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build one state for each account, role and PUBLIC."""
        if server.place == VISIBLE:
            seen = visible_states(rows.each(SEEN), SYSTEM_ACCOUNTS)
            is_read = rows.was_read(OWN_ROLES)
            return own_roles(rows.of(OWN_ROLES)).states(seen) if is_read else seen
        accounts = rows.of(ACCOUNTS)
        principals = {(row.user, row.host) for row in accounts}
        grants = OBJECTS.grants(rows, principals)
        states = account_states(accounts, rows.of(ROLES), grants, server.version_number)
        return with_own((*states, *of_every_user(grants, principals)), SYSTEM_ACCOUNTS)

    def known_of(
        self, rows: AccountRows, server: ServerIdentity
    ) -> Mapping[str, frozenset[SectionName]]:
        """Return what is known of the account itself and its roles where others are hidden."""
        if server.place != VISIBLE or not rows.was_read(OWN_ROLES):
            return {}
        seen = visible_states(rows.each(SEEN), SYSTEM_ACCOUNTS)
        return own_roles(rows.of(OWN_ROLES)).known_of(seen)

    def use(self, ask: Asks, rows: AccountRows, server: ServerIdentity, username: str) -> UseSample:  # noqa: ARG002
        """Return who logged in, by the counters of the server where they are on."""
        found = rows.values(ACCOUNTS, "user", "host", "is_role")
        accounts = ((user, host) for user, host, is_role in found if not is_true(is_role))
        return use_of(ask, USE, accounts, server, knows_cidr=False)

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database, the shared files and the logs."""
        return measure(reader)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield what of the account's row in `mysql.global_priv` is not known."""
        return unknown_words(state)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return how MariaDB decides what the accounts of a world may do."""
        return cautious(MariaDbAccess(world), world, self)
