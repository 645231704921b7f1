"""Privileges of a MariaDB server that reach further than data.

SUPER makes a superuser; CREATE USER and SET USER a grant admin. What only shows a state
(BINLOG MONITOR, SLAVE MONITOR, REPLICATION MASTER ADMIN) is not here.
Source: MariaDB Knowledge Base, GRANT, Global Privileges.
"""

from __future__ import annotations

from types import MappingProxyType

from sync_pipeline.engines.mysql_protocol.access.dangers import COMMON
from sync_pipeline.model.access import Danger, Gravity

DANGEROUS = MappingProxyType(
    {
        **COMMON,
        "BINLOG ADMIN": Danger(Gravity.MEDIUM, "purges binary logs and sets how they are written"),
        "BINLOG REPLAY": Danger(Gravity.HIGH, "writes any table by BINLOG statements"),
        "REPLICATION SLAVE ADMIN": Danger(
            Gravity.HIGH, "makes the server take its changes from a server of its choice"
        ),
        "CONNECTION ADMIN": Danger(
            Gravity.MEDIUM, "ends sessions of others, and sets what runs when they log in"
        ),
        "READ_ONLY ADMIN": Danger(
            Gravity.MEDIUM, "writes while the server is read-only, and ends that"
        ),
        "FEDERATED ADMIN": Danger(
            Gravity.MEDIUM, "makes the server log in to others, with passwords that it stores"
        ),
    }
)
