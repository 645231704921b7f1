"""What a WhaleFall store must have to be read: tables and columns of its public schema.

Source: its migrations up to 20260528100000 (github.com/nyealovey/WhaleFall). Older ones that have
these columns are read as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REQUIRED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "credentials": (
            *("id", "name", "credential_type", "username", "password", "is_active"),
            "deleted_at",
        ),
        "tags": ("id", "name", "category"),
        "instance_tags": ("instance_id", "tag_id"),
        "instances": (
            *("id", "name", "db_type", "host", "port", "database_name", "database_version"),
            *("credential_id", "description", "is_active", "created_at", "deleted_at"),
        ),
        "instance_databases": (
            *("id", "instance_id", "database_name", "is_active", "first_seen_date"),
            *("last_seen_date", "deleted_at"),
        ),
        "database_size_stats": (
            *("id", "instance_id", "database_name", "size_mb", "data_size_mb", "log_size_mb"),
            *("collected_date", "collected_at"),
        ),
        "instance_size_stats": (
            *("id", "instance_id", "total_size_mb", "database_count", "collected_date"),
            *("collected_at", "is_deleted"),
        ),
        "database_size_aggregations": (
            *("id", "instance_id", "database_name", "period_type", "period_start"),
            *("avg_size_mb", "max_size_mb", "min_size_mb", "data_count", "size_change_mb"),
            *("size_change_percent", "calculated_at"),
        ),
        "instance_size_aggregations": (
            *("id", "instance_id", "period_type", "period_start", "avg_size_mb", "max_size_mb"),
            *("min_size_mb", "data_count", "database_count", "total_size_change_mb"),
            *("total_size_change_percent", "calculated_at"),
        ),
        "sync_sessions": (
            *("id", "session_id", "sync_type", "sync_category", "status", "started_at"),
            *("completed_at", "total_instances", "successful_instances", "failed_instances"),
            "created_by",
        ),
        "sync_instance_records": (
            *("id", "session_id", "instance_id", "instance_name", "sync_category", "status"),
            *("started_at", "completed_at", "items_synced", "items_created", "items_updated"),
            *("items_deleted", "error_message", "sync_details", "created_at"),
        ),
        "instance_accounts": (
            *("id", "instance_id", "username", "is_active", "deleted_at", "created_at"),
        ),
        "account_permission": (
            *("id", "instance_account_id", "type_specific", "permission_snapshot"),
            *("permission_facts", "last_sync_time", "last_change_time"),
        ),
        "account_change_log": (
            *("id", "instance_id", "username", "change_type", "change_time", "session_id"),
            *("status", "message", "privilege_diff", "other_diff"),
        ),
    }
)

TASK_RUNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "task_runs": (
            *("id", "run_id", "task_key", "task_category", "trigger_source", "status"),
            *("started_at", "completed_at", "created_by", "progress_total"),
            *("progress_completed", "progress_failed", "error_message"),
        ),
        "task_run_items": (
            *("id", "run_id", "item_type", "item_key", "item_name", "instance_id", "status"),
            *("started_at", "completed_at", "metrics_json", "details_json", "error_message"),
            "created_at",
        ),
    }
)
"""Since its migration 20260120120000; a store without them has sync sessions alone."""

TABLE_SIZES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "database_table_size_stats": (
            *("id", "instance_id", "database_name", "schema_name", "table_name", "size_mb"),
            *("data_size_mb", "index_size_mb", "collected_at"),
        ),
    }
)
"""Since its migration 20260104120000."""

LEFT_THERE: Mapping[str, str] = MappingProxyType(
    {
        "account_classification_assignments": "judged here by the rules of this system",
        "account_classification_daily_stats": "counted here by the rules of this system",
        "instance_config_snapshots": "read by the first sync here",
        "users": "accounts of the web pages: this system has tokens",
        "unified_logs": "the log of the program",
    }
)
"""Tables that are not taken, and why."""


def missing(columns: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return what a store lacks, of its tables with their columns."""
    since = [some for some in (TASK_RUNS, TABLE_SIZES) if some.keys() & columns.keys()]
    wanted = dict(REQUIRED)
    for some in since:
        wanted.update(some)
    lacks: list[str] = []
    for table, names in wanted.items():
        if table not in columns:
            lacks.append(table)
            continue
        lacks += [f"{table}.{name}" for name in names if name not in columns[table]]
    return tuple(lacks)
