"""Schemas of the server itself, which take other privileges than were granted. Pure.

Sources: `IS_internal_schema_access` and `PFS_internal_schema_access` of both servers;
MySQL 9.7 Reference Manual, 28.1 and 29. Seen on 10.11, 11.8 and 9.7.
"""

from __future__ import annotations

from sync_pipeline.engines.mysql_protocol.access.levels import USAGE
from sync_pipeline.model.access import Decision, EffectivePrivilege, Step
from sync_pipeline.model.gap import Gap
from sync_pipeline.model.privilege import Securable, SecurableKind

INFORMATION, PERFORMANCE = "information_schema", "performance_schema"
_SELECT = "SELECT"
EVERYBODY = "everybody may read information_schema, as far as the account may see objects"
NOBODY = "information_schema takes no privilege but SELECT, whatever was granted"


def has_own_rule(on: Securable) -> bool:
    """Return whether the server decides by itself, whatever was granted."""
    return on.kind is not SecurableKind.SERVER and on.database.lower() == INFORMATION


def of_system_schema(
    account: str, word: str, on: Securable, lacking: tuple[str, ...]
) -> Decision | None:
    """Return what holds for information_schema; None: what was granted holds.

    `lacking` is what keeps the account from logging in.
    """
    if not has_own_rule(on):
        return None
    if word == _SELECT:
        path = (Step(account),)
        held = EffectivePrivilege(account, word, on, EVERYBODY, path, lacking=lacking)
        return Decision(account, word, on, (held,))
    return Decision(account, word, on, denied=(NOBODY,))


def unknown_of_system_schema(word: str, on: Securable) -> tuple[Gap, ...]:
    """Return what is not known of performance_schema, which refuses most that is granted."""
    is_there = on.kind is not SecurableKind.SERVER and on.database.lower() == PERFORMANCE
    if not is_there or word in (_SELECT, USAGE):
        return ()
    return (Gap(f"which of its tables {PERFORMANCE} lets anybody change"),)
