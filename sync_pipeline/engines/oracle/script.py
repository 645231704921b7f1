"""The script that makes a monitoring account, one line a grant."""

from __future__ import annotations

from sync_pipeline.engines.oracle.names import identifier, show_containers

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
    "DBA_DATA_FILES",
    "DBA_TEMP_FILES",
    "DBA_TABLESPACES",
    "DBA_TABLESPACE_USAGE_METRICS",
)
_SINCE_23 = "-- The next line is for 23ai and newer."
_WITHOUT_CONTAINERS = "-- The next line is for a database without containers."
_LARGEST_TABLES = "-- The other lines are for the largest tables alone."


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
    else:
        lines.append(_WITHOUT_CONTAINERS)
    lines += grants("V_$LOG")
    lines += [_SINCE_23, *grants("DBA_SCHEMA_PRIVS")]
    lines += [_LARGEST_TABLES, *grants("DBA_SEGMENTS", "DBA_INDEXES", "DBA_LOBS")]
    return "\n".join(lines) + "\n"
