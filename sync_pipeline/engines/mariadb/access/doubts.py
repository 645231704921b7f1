"""Which columns of MariaDB's grant tables are known: those of 10.6 to 13.1. Pure.

Sources: MariaDB Knowledge Base, The mysql Database Tables; the columns of 10.11 and 11.8.
"""

from __future__ import annotations

from sync_pipeline.engines.base import ANYBODY, CatalogCheck, CatalogColumn, Query, Variant

_PRIVILEGES = """
    select_priv insert_priv update_priv delete_priv create_priv drop_priv grant_priv
    references_priv index_priv alter_priv create_tmp_table_priv lock_tables_priv
    create_view_priv show_view_priv create_routine_priv alter_routine_priv execute_priv
    event_priv trigger_priv delete_history_priv show_create_routine_priv
"""
CATALOG = CatalogCheck(
    Query(
        "catalog_columns",
        CatalogColumn,
        (),
        (Variant((10, 6), "catalog_columns.sql"),),
        ANYBODY,
    ),
    {
        name: frozenset(text.split())
        for name, text in {
            "global_priv": "host user priv",
            "db": f"host db user {_PRIVILEGES}",
            "tables_priv": "host db user table_name grantor timestamp table_priv column_priv",
            "columns_priv": "host db user table_name column_name timestamp column_priv",
            "procs_priv": "host db user routine_name routine_type grantor proc_priv timestamp",
            "proxies_priv": "host user proxied_host proxied_user with_grant grantor timestamp",
            "roles_mapping": "host user role admin_option",
        }.items()
    },
)
