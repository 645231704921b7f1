"""Which grant is missing where the server refused a statement: asked, never guessed.

SQLSTATE 42501 says that something was refused, and also that the server's own user may not
read a file. So the server is asked for what the statement uses: SELECT on the relations,
EXECUTE on the functions (manual, "Access Privilege Inquiry Functions"). What functions ask
for themselves, the statements of the sizes ask before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sync_pipeline.engines.postgresql.names import grant_monitor, quoted
from sync_pipeline.errors import PrivilegeError, QueryError, SyncError
from sync_pipeline.model.gap import it_needs

_QUALIFIED = re.compile(r"\bpg_catalog\.(\w+)")
_GRANTED_TO_MONITOR = ("pg_ls_waldir(", "pg_ls_tmpdir(")

LACKING = """
SELECT 'relation' AS kind, c.relname::text AS name
FROM pg_catalog.pg_class AS c
WHERE c.relnamespace = 'pg_catalog'::regnamespace
AND c.relname = ANY(%(names)s::name[])
AND c.relkind IN ('r', 'v')
AND NOT pg_catalog.has_table_privilege(c.oid, 'SELECT')
UNION ALL
SELECT 'function', p.oid::regprocedure::text
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace
AND p.proname = ANY(%(names)s::name[])
AND NOT pg_catalog.has_function_privilege(p.oid, 'EXECUTE')
UNION ALL
SELECT 'role', r.name
FROM (VALUES ('pg_monitor')) AS r (name)
WHERE NOT pg_catalog.pg_has_role(r.name, 'USAGE')
UNION ALL
SELECT 'session', current_user::text
"""
"""What the session's role lacks of the relations and functions of these names."""


def names_in(sql: str) -> list[str]:
    """Return the names of all relations and functions of the system that a statement uses."""
    return sorted(set(_QUALIFIED.findall(sql)))


def lacking(refused: PrivilegeError, found: Sequence[dict[str, Any]], username: str) -> SyncError:
    """Return the refusal with the grants that are missing, or as an error where none is."""
    acting = next((row["name"] for row in found if row["kind"] == "session"), username)
    missing = list(dict.fromkeys(_grants(found, acting)))
    if missing:
        refused.missing = " ".join(missing)
        refused.hint = it_needs(refused.missing)
        return refused
    return QueryError(
        refused.message,
        instance=refused.instance,
        hint="The account has every grant that the query needs: look in the server's log, and "
        "whether the server's own user may read its files.",
    )


def _grants(found: Sequence[dict[str, Any]], username: str) -> Iterator[str]:
    lacks = {(row["kind"], row["name"]) for row in found}
    for kind, name in sorted(lacks):
        if kind == "relation":
            yield f"GRANT SELECT ON pg_catalog.{name} TO {quoted(username)};"
        elif kind == "function":
            is_monitors = name.startswith(_GRANTED_TO_MONITOR)
            if is_monitors and ("role", "pg_monitor") in lacks:
                yield grant_monitor(username)
            else:
                yield f"GRANT EXECUTE ON FUNCTION pg_catalog.{name} TO {quoted(username)};"
