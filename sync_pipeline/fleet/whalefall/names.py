"""Names of accounts of a WhaleFall store, as this system writes them: one account has one name.

Source: its adapters. Of MySQL and MariaDB a name there is user@host without quotes, and that of a
role of MariaDB, which has no host, ends with the sign. Names of other engines are the servers' own.
"""

from __future__ import annotations

from sync_pipeline.engines.mysql_protocol.accounts.names import account_name

_SIGN, _QUOTED = "@", "'@'"


def name_here(engine: str, name: str) -> str:
    """Return the name of an account in this system; one that is no name of its engine as it is."""
    if engine not in ("mysql", "mariadb") or _SIGN not in name:
        return name
    if name.startswith("'") and name.endswith("'") and _QUOTED in name:
        return name
    # A user may have the sign in its name, and a host may not.
    user, _, host = name.rpartition(_SIGN)
    return user if engine == "mariadb" and not host else account_name(user, host)
