"""Oracle's account queries.

Each has one text for the root of a container database (`CDB_*` views of all open
containers), and one for any other place (`DBA_*` views).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sync_pipeline.engines.base import FactRow, Query, RowT, Variant, Version
from sync_pipeline.engines.oracle.accounts.grants import (
    AdministratorRow,
    ColPrivRow,
    QuotaRow,
    SchemaPrivRow,
    SysPrivRow,
    TabPrivRow,
)
from sync_pipeline.engines.oracle.accounts.parse import (
    ProfileRow,
    RolePrivRow,
    RoleRow,
    UserLimitRow,
    UserRow,
)
from sync_pipeline.engines.oracle.accounts.proxies import ProxyRow
from sync_pipeline.engines.oracle.platform import AUTONOMOUS, RDS, RDS_PDB, ROOT
from sync_pipeline.model.privilege import SectionName

PDBS = "DBA_PDBS"
_CURRENT = " CONTAINER = CURRENT"
GRANT_SYS_OBJECT = "rdsadmin.rdsadmin_util.grant_sys_object"

OLDEST: Version = (12, 2)
SCHEMA_PRIVILEGES: Version = (23,)
USER_LIMITS_SINCE: Version = (23,)
PASSWORD_DATES: Version = (18,)


def needs_of(*views: str) -> str:
    """Return the grants of a query outside of the root."""
    return " ".join(_grant(view, "{user}", "") for view in views)


def root_needs_of(*views: str) -> str:
    """Return the grants of a query in the root; `views` are named as elsewhere."""
    there = (view if view == PDBS else view.replace("DBA_", "CDB_", 1) for view in views)
    return " ".join(_grant(view, "{user}", _CURRENT) for view in there)


def managed_needs_of(place: str, *views: str) -> str:
    """Return how a provider lets an account read views, where nobody may grant them.

    Amazon RDS grants single views by a procedure, which knows SELECT and not READ; Autonomous
    Database none, but the role SELECT_CATALOG_ROLE.
    """
    if place == AUTONOMOUS:
        return "GRANT SELECT_CATALOG_ROLE TO {user};"
    calls = (f"{GRANT_SYS_OBJECT}('{view}', '{{user_text}}', 'SELECT');" for view in views)
    return f"BEGIN {' '.join(calls)} END;"


def managed_variants(since: Version, file: str, *views: str) -> tuple[Variant, ...]:
    """Return a text for the places of providers, with what lets an account run it there."""
    return tuple(
        Variant(since, file, place, managed_needs_of(place, *views))
        for place in (RDS, RDS_PDB, AUTONOMOUS)
    )


def _grant(view: str, user: str, where: str) -> str:
    """Return a grant of READ, which is SELECT without the right to lock rows."""
    return f"GRANT READ ON SYS.{view} TO {user}{where};"


def query(
    name: str,
    row: type[RowT],
    fills: tuple[SectionName, ...],
    views: Sequence[str],
    *others: tuple[Version, str],
    since: Version = OLDEST,
    may_be_empty: bool = False,
    count: str = "",
) -> Query[RowT]:
    """Return a query with a text for the root; `views` are DBA_* views, or V_$ views.

    `others` are the versions that have texts of their own, with what their files' names end in.
    `count` names the files of the counts of its rows.
    """
    counts = (f"{count}.sql", f"{count}_root.sql") if count else ("", "")
    root_needs = root_needs_of(*views, PDBS)
    texts = ((since, ""), *others)
    return Query(
        name,
        row,
        fills,
        (
            *(Variant(version, f"{name}{suffix}.sql") for version, suffix in texts),
            *(
                Variant(version, f"{name}_root{suffix}.sql", ROOT, root_needs, counts[1])
                for version, suffix in texts
            ),
        ),
        needs_of(*views),
        origin="container",
        may_be_empty=may_be_empty,
        count=counts[0],
        made=tuple(
            variant
            for version, suffix in texts
            for variant in managed_variants(version, f"{name}{suffix}.sql", *views)
        ),
    )


ACCOUNTS = (SectionName.ACCOUNTS,)
USERS = query(
    "users", UserRow, ACCOUNTS, ("DBA_USERS",), (PASSWORD_DATES, "_18"), count="count_users"
)
ROLES = query("roles", RoleRow, ACCOUNTS, ("DBA_ROLES",), count="count_roles")
PROFILES = query("profiles", ProfileRow, ACCOUNTS, ("DBA_PROFILES",))
ROLE_PRIVS = query(
    "role_privs",
    RolePrivRow,
    (SectionName.MEMBERSHIPS, SectionName.SETTINGS),
    ("DBA_ROLE_PRIVS",),
)
SYS_PRIVS = query("sys_privs", SysPrivRow, (SectionName.SERVER,), ("DBA_SYS_PRIVS",))
ADMINISTRATORS = query(
    "pwfile_users",
    AdministratorRow,
    (SectionName.SERVER,),
    ("V_$PWFILE_USERS",),
    may_be_empty=True,
)
SCHEMA_PRIVS = query(
    "schema_privs",
    SchemaPrivRow,
    (SectionName.SCHEMA,),
    ("DBA_SCHEMA_PRIVS",),
    since=SCHEMA_PRIVILEGES,
    may_be_empty=True,
)
TAB_PRIVS = query(
    "tab_privs",
    TabPrivRow,
    (SectionName.TABLE, SectionName.ROUTINE, SectionName.TYPE, SectionName.OTHER),
    ("DBA_TAB_PRIVS",),
)
COL_PRIVS = query(
    "col_privs", ColPrivRow, (SectionName.COLUMN,), ("DBA_COL_PRIVS",), may_be_empty=True
)
QUOTAS = query(
    "ts_quotas", QuotaRow, (SectionName.TABLESPACE,), ("DBA_TS_QUOTAS",), may_be_empty=True
)
PROXIES = query("proxies", ProxyRow, (SectionName.PROXY,), ("DBA_PROXIES",), may_be_empty=True)
USER_LIMITS = query(
    "user_limits",
    UserLimitRow,
    (SectionName.SETTINGS,),
    ("DBA_USERS",),
    since=USER_LIMITS_SINCE,
    count="count_users",
)


def facts_query(name: str, fills: SectionName, *views: str) -> Query[FactRow]:
    """Return a query of what findings ask for, of all containers in the root."""
    found = query(name, FactRow, (fills,), views, may_be_empty=True)
    return replace(found, origin="database")


def _by_a_grant_of_its_own(found: Query[FactRow], needs: str) -> Query[FactRow]:
    """Return a query of a view that SELECT_CATALOG_ROLE does not show (Autonomous Database)."""
    made = (replace(item, needs=needs) if item.place == AUTONOMOUS else item for item in found.made)
    return replace(found, made=tuple(made))


_PARAMETERS = "V_$PARAMETER"
SERVER_SETTINGS = Query(
    "server_settings",
    FactRow,
    (SectionName.SERVER_SETTINGS,),
    (
        Variant(OLDEST, "server_settings.sql"),
        Variant(OLDEST, "server_settings.sql", ROOT, root_needs_of(_PARAMETERS)),
    ),
    needs_of(_PARAMETERS),
    made=managed_variants(OLDEST, "server_settings.sql", _PARAMETERS),
)
"""One text for all places: the view shows what is in effect where the session is."""
_DEFAULTS = "DBA_USERS_WITH_DEFPWD"
DEFAULT_PASSWORDS = _by_a_grant_of_its_own(
    facts_query("default_passwords", SectionName.DEFAULT_PASSWORDS, _DEFAULTS, "DBA_USERS"),
    needs_of(_DEFAULTS),
)
DATABASE_LINKS = facts_query("database_links", SectionName.LINKS, "DBA_DB_LINKS")
DEFINERS = facts_query(
    "definers", SectionName.DEFINERS, "DBA_PROCEDURES", "DBA_TAB_PRIVS", "DBA_USERS"
)
ACCOUNT_QUERIES = (
    USERS,
    # Before the roles, which fill the settings too: it is not of every release.
    USER_LIMITS,
    ROLES,
    PROFILES,
    ROLE_PRIVS,
    SYS_PRIVS,
    ADMINISTRATORS,
    SCHEMA_PRIVS,
    TAB_PRIVS,
    COL_PRIVS,
    QUOTAS,
    PROXIES,
    SERVER_SETTINGS,
    DEFAULT_PASSWORDS,
    DATABASE_LINKS,
    DEFINERS,
)
