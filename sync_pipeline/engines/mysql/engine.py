"""MySQL: its connections, its catalog queries and its monitoring account."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sync_pipeline.engines.access.cautious import cautious
from sync_pipeline.engines.access.contract import AccessRules
from sync_pipeline.engines.base import (
    ANYBODY,
    AccountRows,
    Asks,
    CatalogCheck,
    CertificateCheck,
    GrantNote,
    Query,
    SizeReader,
    Variant,
)
from sync_pipeline.engines.mysql.access.doubts import CATALOG, unknown_grants, unknown_words
from sync_pipeline.engines.mysql.access.rules import KNOWS_CIDR, MySqlAccess
from sync_pipeline.engines.mysql.accounts.own_roles import own_roles, role_grants_query
from sync_pipeline.engines.mysql.accounts.parse import (
    AccountRow,
    CountsRow,
    DefaultRoleRow,
    DynamicRow,
    EdgeRow,
    MandatoryRow,
    account_states,
)
from sync_pipeline.engines.mysql.notes import GRANT_NOTES, READS_DEFINERS, READS_VIEWS
from sync_pipeline.engines.mysql.own import SYSTEM_ACCOUNTS
from sync_pipeline.engines.mysql.sizes import GRANTS, measure
from sync_pipeline.engines.mysql_protocol.accounts.own import with_own
from sync_pipeline.engines.mysql_protocol.accounts.own_roles import OwnRoles, own_roles_query
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
from sync_pipeline.model.instance import EngineName, TlsMode
from sync_pipeline.model.privilege import Grant, SectionName
from sync_pipeline.model.size import SizeSnapshot
from sync_pipeline.model.snapshot import ServerIdentity, StateSources
from sync_pipeline.model.use import UseSample

OLDEST = (8, 0)
PARTIAL_REVOKES = (8, 0, 16)
SHOWN_ROLES = (8, 0, 19)
SHOW_ROUTINE = (8, 0, 20)
PACKAGE = "sync_pipeline.engines.mysql"

ACCOUNTS = catalog_query(
    "user",
    AccountRow,
    (SectionName.ACCOUNTS,),
    OLDEST,
    Variant(PARTIAL_REVOKES, "user_8_0_16.sql"),
    made=(view_variant("user", PARTIAL_REVOKES, "user_view.sql"),),
    needs=needs_view("user"),
    is_visible=True,
)
SEEN = visible_query(OLDEST, needs_view("user"))
OWN_ROLES = own_roles_query(SHOWN_ROLES)
ROLE_GRANTS = role_grants_query(SHOWN_ROLES)
DYNAMIC = catalog_query("global_grants", DynamicRow, (SectionName.SERVER,), OLDEST, is_visible=True)
EDGES = catalog_query("role_edges", EdgeRow, (SectionName.MEMBERSHIPS,), OLDEST)
DEFAULT_ROLES = catalog_query("default_roles", DefaultRoleRow, (SectionName.MEMBERSHIPS,), OLDEST)
MANDATORY_ROLES = Query(
    "mandatory_roles",
    MandatoryRow,
    (SectionName.MEMBERSHIPS,),
    (Variant(OLDEST, "mandatory_roles.sql"),),
    ANYBODY,
)
OBJECTS = ObjectQueries.since(OLDEST, Variant(PARTIAL_REVOKES, "db_8_0_16.sql"))

SETTINGS = settings_query(OLDEST)
DEFINERS = definers_query(SHOW_ROUTINE, READS_DEFINERS, check="check_definers.sql")
VIEW_DEFINERS = object_definers_query("view_definers", OLDEST, READS_VIEWS)
COUNTS = counts_query(CountsRow, OLDEST, PARTIAL_REVOKES)

USE = UseQueries.since(OLDEST, has_commands=True)


class MySql(Family):
    """MySQL 8.0 and newer."""

    name = EngineName.MYSQL
    product = "MySQL"
    certificate_check: CertificateCheck | None = CertificateCheck(
        TlsMode.VERIFY_FULL, " --tls-ca FILE"
    )
    package = PACKAGE
    oldest = OLDEST
    accounts_table = "user"
    size_grants: tuple[Query[Any], ...] = GRANTS
    newest_tried: tuple[int, ...] = (9, 7)
    sources: StateSources = StateSources(
        superuser=frozenset({SectionName.SERVER}), kind=frozenset({SectionName.MEMBERSHIPS})
    )
    # Known by their states, because one that was opened is nobody's to leave out.
    system_accounts: tuple[str, ...] = ()
    grant_notes: tuple[GrantNote, ...] = GRANT_NOTES
    account_queries: tuple[Query[Any], ...] = (
        ACCOUNTS,
        SEEN,
        OWN_ROLES,
        ROLE_GRANTS,
        DYNAMIC,
        EDGES,
        DEFAULT_ROLES,
        MANDATORY_ROLES,
        *OBJECTS.all(),
        SETTINGS,
        DEFINERS,
        VIEW_DEFINERS,
    )
    counts: Query[Any] | None = COUNTS
    catalog: CatalogCheck | None = CATALOG

    def accounts(self, rows: AccountRows, server: ServerIdentity) -> tuple[AccountState, ...]:
        """Build one state for each account, roles included."""
        if server.place == VISIBLE:
            seen = visible_states(rows.each(SEEN), SYSTEM_ACCOUNTS)
            return _own_roles(rows).states(seen) if rows.was_read(OWN_ROLES) else seen
        accounts = rows.of(ACCOUNTS)
        principals = {(row.user, row.host) for row in accounts}
        grants = OBJECTS.grants(rows, principals)
        states = account_states(
            accounts,
            rows.of(DYNAMIC),
            rows.of(EDGES),
            rows.of(DEFAULT_ROLES),
            rows.of(MANDATORY_ROLES),
            grants,
        )
        return with_own((*states, *of_every_user(grants, principals)), SYSTEM_ACCOUNTS)

    def known_of(
        self, rows: AccountRows, server: ServerIdentity
    ) -> Mapping[str, frozenset[SectionName]]:
        """Return what is known of the account itself and its roles where others are hidden."""
        if server.place != VISIBLE or not rows.was_read(OWN_ROLES):
            return {}
        return _own_roles(rows).known_of(visible_states(rows.each(SEEN), SYSTEM_ACCOUNTS))

    def use(self, ask: Asks, rows: AccountRows, server: ServerIdentity, username: str) -> UseSample:  # noqa: ARG002
        """Return who logged in, by the counters of the server."""
        accounts = rows.values(ACCOUNTS, "user", "host")
        knows_cidr = server.version_number >= KNOWS_CIDR
        return use_of(ask, USE, accounts, server, knows_cidr=knows_cidr)

    def sizes(self, reader: SizeReader) -> SizeSnapshot:
        """Measure every database, the shared files and the logs."""
        return measure(reader)

    def unknown_grants(self, state: AccountState) -> Iterable[Grant]:
        """Yield the privileges that the rules do not know."""
        return unknown_grants(state)

    def unknown_words(self, state: AccountState) -> Iterable[str]:
        """Yield what of the account's `User_attributes` and login methods is not known."""
        return unknown_words(state)

    def access_rules(self, world: AccessWorld) -> AccessRules:
        """Return how MySQL decides what the accounts of a world may do."""
        return cautious(MySqlAccess(world), world, self)


def _own_roles(rows: AccountRows) -> OwnRoles:
    """Return the roles of the account itself, of what was read."""
    grants = rows.of(ROLE_GRANTS) if rows.was_read(ROLE_GRANTS) else None
    are_all_active = any(row.are_all_active for row in rows.each(MANDATORY_ROLES))
    return own_roles(rows.of(OWN_ROLES), grants, are_all_active=are_all_active)
