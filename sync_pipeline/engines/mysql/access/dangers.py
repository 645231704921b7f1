"""Privileges of a MySQL server that reach further than data.

SUPER makes a superuser; CREATE USER, ROLE_ADMIN, SET_USER_ID and SET_ANY_DEFINER a grant admin.
What only shows a state (REPLICATION CLIENT) or has its effect on the account itself is not here.
Source: MySQL 8.4 Reference Manual, 8.2.2, of each privilege.
"""

from __future__ import annotations

from types import MappingProxyType

from sync_pipeline.engines.mysql_protocol.access.dangers import COMMON
from sync_pipeline.model.access import Danger, Gravity

DANGEROUS = MappingProxyType(
    {
        **COMMON,
        "SYSTEM_VARIABLES_ADMIN": Danger(
            Gravity.HIGH,
            "sets global variables: init_connect runs statements as whoever logs in",
        ),
        "BINLOG_ADMIN": Danger(
            Gravity.HIGH, "purges binary logs, and writes any table by BINLOG statements"
        ),
        "REPLICATION_APPLIER": Danger(Gravity.HIGH, "writes any table by BINLOG statements"),
        "REPLICATION_SLAVE_ADMIN": Danger(
            Gravity.HIGH, "makes the server take its changes from a server of its choice"
        ),
        "GROUP_REPLICATION_ADMIN": Danger(
            Gravity.MEDIUM, "takes the server out of its group, or changes how it joins"
        ),
        "CLONE_ADMIN": Danger(
            Gravity.HIGH, "replaces all data of the server by those of another one"
        ),
        "BACKUP_ADMIN": Danger(
            Gravity.MEDIUM, "copies the whole data directory where the clone plugin is installed"
        ),
        "CONNECTION_ADMIN": Danger(
            Gravity.MEDIUM, "ends sessions of others, and writes while the server is read-only"
        ),
        "SYSTEM_USER": Danger(
            Gravity.LOW, "can't be stopped, changed or dropped by ordinary administrators"
        ),
        "SESSION_VARIABLES_ADMIN": Danger(
            Gravity.LOW, "keeps its own changes out of the binary log by sql_log_bin"
        ),
        "AUDIT_ADMIN": Danger(Gravity.MEDIUM, "sets what is audited, and what is not"),
        "FIREWALL_ADMIN": Danger(Gravity.MEDIUM, "sets which statements the firewall lets by"),
        "INNODB_REDO_LOG_ENABLE": Danger(
            Gravity.MEDIUM, "switches the redo log off, so that a crash loses all data"
        ),
    }
)
