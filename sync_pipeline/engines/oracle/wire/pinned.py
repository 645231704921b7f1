"""What each session sets before it reads: what a server, a profile or a trigger may have changed.

Each of these can change rows, order, text or types of a result. They are set after the login,
so that they beat what AFTER LOGON triggers set, and none of them needs a privilege (SQL Language
Reference, ALTER SESSION). Not set, with the reason:

* CURRENT_SCHEMA, and public synonyms: each statement names the owner of what it reads (SYS).
* CONTAINER: a session asks where it is before it reads, and no trigger may switch it unseen.
* EDITION: no view of the dictionary is editioned, and setting it needs USE on the edition.
* OPTIMIZER_*: change how a result is found, not what it is.
* TIME_ZONE: moments are read with their zone, dates as the server's clock has them.
* ROW ARCHIVAL VISIBILITY, QUERY_REWRITE_INTEGRITY, SQL translation profiles: of tables that
  have row archival, of materialized views, and of sessions with a foreign syntax; the
  dictionary has the first two nowhere, and the last is switched on by the driver alone.
"""

from __future__ import annotations

from collections.abc import Mapping

PINNED: Mapping[str, tuple[str, str]] = {
    "NLS_LANGUAGE": (
        "'AMERICAN'",
        "messages in one language; it also sets sorting, so it is first",
    ),
    "NLS_TERRITORY": ("'AMERICA'", "what numbers and dates look like as text"),
    "NLS_COMP": ("BINARY", "LINGUISTIC makes names equal that differ by case"),
    "NLS_SORT": ("BINARY", "the order of rows, and what NLS_COMP compares by"),
    "CURSOR_SHARING": ("EXACT", "FORCE replaces our literals, and with them lengths and types"),
    "QUERY_REWRITE_ENABLED": ("FALSE", "no answer from a materialized view that may be stale"),
    "RESULT_CACHE_MODE": ("MANUAL", "FORCE may answer from an earlier read"),
}
"""By parameter: its value, and why it is set."""


def pinning() -> str:
    """Return the one statement that sets all of them."""
    values = " ".join(f"{name} = {value}" for name, (value, _) in PINNED.items())
    return f"ALTER SESSION SET {values}"
