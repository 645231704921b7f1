"""Privileges of the server that reach further than data, where MySQL and MariaDB agree.

Sources: MySQL 8.4 Reference Manual, 8.2.2 Privileges Provided by MySQL, and 8.1.3 Making MySQL
Secure Against Attackers; MariaDB Knowledge Base, GRANT.
"""

from __future__ import annotations

from sync_pipeline.model.access import Danger, Gravity

COMMON = {
    "FILE": Danger(
        Gravity.HIGH,
        "reads and writes files of the server's host, as far as secure_file_priv lets it",
    ),
    "SHUTDOWN": Danger(Gravity.MEDIUM, "stops the server for everybody"),
    "PROCESS": Danger(
        Gravity.MEDIUM, "shows the statements of all accounts, with the passwords and data in them"
    ),
    "RELOAD": Danger(Gravity.LOW, "discards logs and caches, and locks all tables"),
    "REPLICATION SLAVE": Danger(
        Gravity.MEDIUM, "reads every change of every database out of the binary log"
    ),
}
