"""Rules of MySQL and MariaDB that stand beside the grants and that no answer takes in. Pure.

Most are variables that are set while the server runs, such as read_only at each failover: as
attributes of accounts they would make all of them change. Sources: MySQL 8.4 Reference Manual,
7.1.8 Server System Variables, 8.2.21 Setting Account Resource Limits and 8.2.15; MariaDB
Knowledge Base, Server System Variables and CREATE USER, Resource Limit Options.
"""

from __future__ import annotations

from collections.abc import Iterator

from sync_pipeline.model.access import Effect, ServerRule


def beside(product: str) -> Iterator[ServerRule]:
    """Yield what both products have, as rules of one of them."""
    for rule, effect, text in (
        ("skip_grant_tables", Effect.ANY, "anybody may do anything"),
        ("require_secure_transport", Effect.LOGIN, "refuses connections without TLS"),
        ("skip_name_resolve", Effect.LOGIN, "accounts by host name don't log in by network"),
        ("limits of accounts and max_connections", Effect.LOGIN, "refuse what is above"),
        ("expired passwords", Effect.LOGIN, "nothing before they are changed"),
        ("locks after wrong passwords", Effect.LOGIN, "shut an account for a time"),
        ("secure_file_priv", Effect.ANY, "narrows FILE"),
    ):
        yield ServerRule(product, rule, effect, text)
