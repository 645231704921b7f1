"""The script that makes a monitoring account, one line a grant."""

from __future__ import annotations

from sync_pipeline.engines.base import filled
from sync_pipeline.engines.oracle.accounts.queries import GRANT_SYS_OBJECT
from sync_pipeline.engines.oracle.names import identifier, show_containers
from sync_pipeline.engines.oracle.platform import RDS

_VIEWS = (
    "DBA_USERS",
    "DBA_ROLES",
    "DBA_PROFILES",
    "DBA_ROLE_PRIVS",
    "DBA_SYS_PRIVS",
    "V_$PWFILE_USERS",
    "DBA_TAB_PRIVS",
    "DBA_COL_PRIVS",
    "DBA_TS_QUOTAS",
    "DBA_PROXIES",
    "DBA_USERS_WITH_DEFPWD",
    "DBA_DB_LINKS",
    "DBA_PROCEDURES",
    "V_$PARAMETER",
    "DBA_DATA_FILES",
    "DBA_TEMP_FILES",
    "DBA_TABLESPACES",
    "DBA_TABLESPACE_USAGE_METRICS",
)
_SINCE_23 = "-- The next line is for 23ai and newer."
_WITHOUT_CONTAINERS = "-- The next line is for a database without containers."
_CLUSTER = "-- In a cluster also, for the node on which a database is open:"
_LARGEST_TABLES = "-- The other lines are for the largest tables alone."
_TABLE_VIEWS = ("DBA_SEGMENTS", "DBA_INDEXES", "DBA_LOBS")


def monitoring_script(username: str, *, is_root: bool) -> str:
    """Return the script for the root of a container database, or for any other place.

    READ (SQL Language Reference, GRANT) is SELECT without the right to lock rows.
    """
    name = identifier(username)
    here = " CONTAINER = CURRENT" if is_root else ""

    def grants(*views: str) -> list[str]:
        there = [view.replace("DBA_", "CDB_", 1) if is_root else view for view in views]
        return [f"GRANT READ ON SYS.{view} TO {name}{here};" for view in there]

    lines = [
        f'CREATE USER {name} IDENTIFIED BY "<password>"{" CONTAINER = ALL" if is_root else ""};',
        f"GRANT CREATE SESSION TO {name}{here};",
        *grants(*_VIEWS),
    ]
    if is_root:
        lines.append(show_containers(username))
        lines += [f"GRANT READ ON SYS.{view} TO {name}{here};" for view in ("DBA_PDBS", "V_$PDBS")]
        lines.append(f"{_CLUSTER} GRANT READ ON SYS.GV_$PDBS TO {name}{here};")
    else:
        lines.append(_WITHOUT_CONTAINERS)
    lines += grants("V_$LOG")
    lines += [_SINCE_23, *grants("DBA_SCHEMA_PRIVS")]
    lines += [_LARGEST_TABLES, *grants(*_TABLE_VIEWS)]
    return "\n".join(lines) + "\n"


def managed_script(username: str, platform: str) -> str:
    """Return the script for a provider's database, each of whose users is a local one.

    Amazon RDS (User Guide, "Granting SELECT or EXECUTE privileges to SYS objects"): single
    views by a procedure, which takes names as the dictionary has them. Autonomous Database
    ("Roles and Views Restrictions for Data Dictionary"): SELECT_CATALOG_ROLE for all views.
    """
    name = identifier(username)
    lines = [
        f'CREATE USER {name} IDENTIFIED BY "<password>";',
        f"GRANT CREATE SESSION TO {name};",
    ]
    if platform == RDS:
        lines += _calls(name, *_VIEWS)
        lines += [_WITHOUT_CONTAINERS, *_calls(name, "V_$LOG")]
        lines += [_SINCE_23, *_calls(name, "DBA_SCHEMA_PRIVS")]
        lines += [_LARGEST_TABLES, *_calls(name, *_TABLE_VIEWS)]
    else:
        lines.append(f"GRANT SELECT_CATALOG_ROLE TO {name};")
    return "\n".join(lines) + "\n"


def _calls(name: str, *views: str) -> list[str]:
    template = f"EXECUTE {GRANT_SYS_OBJECT}('{{database}}', '{{user_text}}', 'SELECT')"
    return [filled(template, user=name, database=view) for view in views]
