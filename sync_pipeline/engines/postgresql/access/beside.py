"""Rules of PostgreSQL that stand beside the grants and that no answer takes in. Pure.

Sources: PostgreSQL 18 manual: Hot Standby, "User's Overview"; "The pg_hba.conf File"; CREATE
VIEW, security_invoker; "Overview of Event Trigger Behavior"; pg_database, datconnlimit.
"""

from __future__ import annotations

from sync_pipeline.model.access import Effect, ServerRule

NOT_MODELLED = tuple(
    ServerRule("PostgreSQL", rule, effect, text)
    for rule, effect, text in (
        ("hot standby", Effect.WRITE, "refuses all writes"),
        ("pg_hba.conf", Effect.LOGIN, "says who may log in from where"),
        ("limits of connections", Effect.LOGIN, "of databases, and roles above 0"),
        ("event triggers", Effect.ANY, "may refuse a login and CREATE, ALTER, DROP, GRANT"),
        ("views and functions", Effect.ANY, "lend their owner's rights, but for security_invoker"),
        ("tables of TOAST", Effect.ANY, "are in no answer"),
    )
)
