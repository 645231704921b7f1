"""The roles and accounts that engines make for themselves, by their states: a line an engine.

Not who stands for everyone, nor the administrator that a new server begins with. Apart from the
registry, which imports all drivers: a list of accounts needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sync_pipeline.engines.mariadb.own import SYSTEM_ACCOUNTS as OF_MARIADB
from sync_pipeline.engines.mysql.own import SYSTEM_ACCOUNTS as OF_MYSQL
from sync_pipeline.engines.mysql_protocol.accounts.own import is_closed_own
from sync_pipeline.engines.oracle.accounts.maintained import maintained
from sync_pipeline.engines.postgresql.accounts.predefined import is_predefined
from sync_pipeline.engines.sqlserver.access.facts import is_own as is_sqlservers
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.instance import EngineName

_OWN: Mapping[EngineName, Callable[[AccountState], bool]] = MappingProxyType(
    {
        EngineName.MYSQL: lambda state: is_closed_own(state, OF_MYSQL),
        EngineName.MARIADB: lambda state: is_closed_own(state, OF_MARIADB),
        EngineName.POSTGRESQL: is_predefined,
        EngineName.ORACLE: maintained,
        EngineName.SQLSERVER: is_sqlservers,
    }
)

KNOWN_BY_NAME = frozenset({EngineName.MYSQL, EngineName.MARIADB, EngineName.POSTGRESQL})
"""Engines of which the name alone tells it."""


def is_own(engine: EngineName, state: AccountState) -> bool:
    """Return whether an engine made a role or an account for itself."""
    return _OWN[engine](state)
