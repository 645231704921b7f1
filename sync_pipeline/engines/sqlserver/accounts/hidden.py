"""What is said where the server hides databases from the account. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from sync_pipeline.engines.base import DatabaseEntry, HiddenDatabases
from sync_pipeline.engines.sqlserver.accounts.rows import DeniedRow
from sync_pipeline.engines.sqlserver.names import grant_server, written
from sync_pipeline.model.gap import it_needs


def hidden_databases(
    listed: Sequence[DatabaseEntry], missing: str, denied: Sequence[DeniedRow], username: str
) -> HiddenDatabases:
    """Return the error of a list that lacks databases, with the statements that end it.

    A DENY beats each GRANT, so it has to be revoked first (DENY, Transact-SQL).
    """
    names = [row.grantee for row in denied]
    needs = " ".join(
        [
            *(f"REVOKE {missing} FROM {written(name)};" for name in names),
            grant_server(missing, username),
        ]
    )
    why = f"{missing} is denied to {', '.join(names)}" if names else f"{missing} is missing"
    return HiddenDatabases(
        f"The account may not see every database: {why}. The {len(listed)} that it sees are read; "
        "what is known of others stays as it is.",
        listed,
        missing=needs,
        hint=it_needs(needs),
    )
