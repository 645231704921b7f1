"""What keeps a session from being ours: poolers, limits of the server, people who end it.

SQLSTATE values: PostgreSQL manual, appendix A; messages of poolers: pgbouncer's and Amazon
RDS Proxy's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sync_pipeline.errors import Phase, QueryError, ServerLimit, SyncError, UnsupportedServer
from sync_pipeline.model.text import first_names

_LIMITS = ("25P03", "25P04", "57P05")
"""idle_in_transaction_session_timeout, transaction_timeout, idle_session_timeout."""
_ENDED = (
    r"terminating connection due to (idle|transaction|statement|session)"
    r"|\bquery.timeout\b|idle.transaction.timeout"
)
_POOLER = (
    r"^unsupported startup parameter|command-line options|^no such database"
    r"|statement pooling mode|^client_login_timeout|pgbouncer"
)
_HIDDEN = r"^no such database"
_TOO_OLD = r"^unrecognized configuration parameter"
_BY_REQUEST = r"due to user request"


def not_logged_in(text: str, where: str, instance: str, *, is_own: bool) -> SyncError | None:
    """Return the error of a refused login that is not the account's doing; else None.

    A pooler that does not know one of the server's databases costs that one, but for the
    instance's own.
    """
    if re.search(_HIDDEN, text) and not is_own:
        return QueryError(
            f"A connection pooler at {where} does not know the database: {text}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Register the host and the port of the server itself.",
        )
    if re.search(_POOLER, text):
        return _pooler(f"at {where} ", text, instance, Phase.CONNECT)
    if re.search(_TOO_OLD, text):
        return UnsupportedServer(
            f"The server at {where} is older than PostgreSQL 14, or another product: {text}.",
            instance=instance,
            phase=Phase.CONNECT,
            hint="Upgrade it, or correct the instance's engine.",
        )
    if re.search(_ENDED, text):
        return _ended(text, instance, Phase.CONNECT)
    return None


def interrupted(state: str, text: str, instance: str) -> SyncError | None:
    """Return the error of a statement that was not the statement's doing; else None."""
    if re.search(_POOLER, text):
        return _pooler("", text, instance, Phase.COLLECT)
    if state in _LIMITS or re.search(_ENDED, text):
        return _ended(text, instance, Phase.COLLECT)
    if state == "57014" and re.search(_BY_REQUEST, text):
        return QueryError(
            f"Somebody canceled a catalog query on the server: {text}.",
            instance=instance,
            hint="Look for who calls pg_cancel_backend.",
            retryable=True,
        )
    return None


def settings_lost(instance: str, changed: Sequence[Mapping[str, object]]) -> SyncError:
    """Return the error of a session whose parameters are not what they were set to."""
    found = first_names([f"{row['name']} = {row['setting']}" for row in changed], len(changed))
    return UnsupportedServer(
        f"The session does not keep what was set in it: {found}.",
        instance=instance,
        phase=Phase.COLLECT,
        hint="Where a pooler stands before the server, register the server itself.",
    )


def _pooler(where: str, text: str, instance: str, phase: Phase) -> SyncError:
    return UnsupportedServer(
        f"What answers {where}is a connection pooler, which does not let a session be ours: "
        f"{text}.",
        instance=instance,
        phase=phase,
        hint="Poolers are not for this system: register the host and the port of the server "
        "itself (sync-pipeline instances edit). docs/operations.md says which settings of "
        "pgbouncer let it through.",
    )


def _ended(text: str, instance: str, phase: Phase) -> SyncError:
    """Return the error of a session that a limit of the server's own ended."""
    return ServerLimit(
        f"A limit of the server ended the session: {text}.",
        instance=instance,
        phase=phase,
        hint="Look for it in postgresql.conf, in what is set for the role and for the database, "
        "and in a pooler's settings.",
    )
