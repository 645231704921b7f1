"""What each session sets for itself, so that no setting of a server changes what is read.

An administrator may set any of these for all sessions, or `init_connect` for ours. `PINNED`
are those that can change the rows, types, text, case or order of an answer, or end it;
`LEFT` are all others, with the reason why they can't. A test compares both with the
variables of each server, so that a new one is noticed. docs/session-variables.md has the
table. Sources: MySQL 9.7 Reference Manual, 7.1.8 Server System Variables; MariaDB Knowledge
Base, Server System Variables.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from sync_pipeline.engines.base import Target

MYSQL, MARIADB = "MySQL", "MariaDB"
_BOTH = (MYSQL, MARIADB)
MOST = 2**64 - 1
CLIENT_MARGIN_SECONDS = 5.0
"""How much longer than the server's own limit the client waits for an answer."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A variable with the value (SQL) that each session gives it, and what it would change."""

    name: str
    value: str
    changes: str
    products: tuple[str, ...] = _BOTH

    def __str__(self) -> str:
        return f"{self.name} = {self.value}"


PINNED = (
    Pin("sql_mode", "''", "what statements and their quotes mean, and padding of CHAR columns"),
    Pin("time_zone", "'+00:00'", "dates and times"),
    Pin("sql_select_limit", str(MOST), "rows: the rest is cut off without an error"),
    Pin("max_join_size", str(MOST), "rows: a statement that may read more is refused (1104)"),
    Pin("sql_big_selects", "1", "as max_join_size, whose setting turns it off"),
    Pin("group_concat_max_len", "16777216", "text: joined values, JSON arrays too, are cut off"),
    Pin("max_sort_length", "1024", "order, and groups: what follows these bytes is not compared"),
    Pin("sort_buffer_size", "2097152", "rows: where it is too small nothing is sorted (1038)"),
    Pin("character_set_client", "'utf8mb4'", "text: how statements are read"),
    Pin("character_set_results", "'utf8mb4'", "text: names become question marks"),
    Pin("character_set_connection", "'utf8mb4'", "text: how literals are read"),
    Pin("collation_connection", "'utf8mb4_general_ci'", "case, and order, of what is compared"),
    Pin("lc_time_names", "'en_US'", "text: names of months and days"),
    Pin("lc_messages", "'en_US'", "text of errors, which sessions record"),
    Pin("sql_auto_is_null", "0", "rows: IS NULL finds the row that was inserted last"),
    Pin("sql_safe_updates", "0", "rows: a statement without a key is refused"),
    Pin("div_precision_increment", "4", "types: the digits of a quotient"),
    Pin("default_week_format", "0", "numbers of weeks"),
    Pin("autocommit", "1", "rows: all statements would read the state of the first"),
    Pin("completion_type", "'NO_CHAIN'", "rows, as autocommit"),
    Pin("timestamp", "DEFAULT", "the time of day"),
    Pin(
        "information_schema_stats_expiry",
        "0",
        "sizes: those of up to a day ago",
        (MYSQL,),
    ),
    Pin("windowing_use_high_precision", "1", "types: the digits of sums", (MYSQL,)),
    Pin("terminology_use_previous", "'NONE'", "text: old names in the catalogs", (MYSQL,)),
    Pin("use_secondary_engine", "ON", "rows: FORCED refuses tables of other engines", (MYSQL,)),
    Pin("old_mode", "''", "types: casts of times, and which character set utf8 is", (MARIADB,)),
    Pin("default_regex_flags", "''", "case of regular expressions", (MARIADB,)),
    Pin("query_cache_type", "OFF", "rows: an answer of before", (MARIADB,)),
    Pin("system_versioning_asof", "DEFAULT", "rows: those of another day", (MARIADB,)),
    Pin("wsrep_dirty_reads", "OFF", "rows: those of a node that lost its cluster", (MARIADB,)),
    Pin("idle_transaction_timeout", "0", "ends the session between statements", (MARIADB,)),
    Pin(
        "idle_readonly_transaction_timeout",
        "0",
        "ends the session between statements",
        (MARIADB,),
    ),
)
"""In this order: max_join_size turns sql_big_selects off, a character set sets its collation."""

BOUNDS: Mapping[str, str] = {
    "max_execution_time": "ends a statement (milliseconds)",
    "max_statement_time": "ends a statement (seconds)",
    "lock_wait_timeout": "ends a wait for a lock",
    "wait_timeout": "ends the session between statements",
    "net_read_timeout": "ends the session while a statement comes",
    "net_write_timeout": "ends the session while we are slow to read",
    "transaction_read_only": "no statement writes",
    "tx_read_only": "no statement writes",
    "transaction_isolation": "rows: READ UNCOMMITTED shows what is not committed",
    "tx_isolation": "rows: READ UNCOMMITTED shows what is not committed",
}
"""Set as well, to the limits of the instance. The last four are two under two names."""

TRANSACTION = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

LEFT: Mapping[str, frozenset[str]] = {
    reason: frozenset(names.split())
    for reason, names in {
        "it is about writes": """
            auto_increment_increment auto_increment_offset binlog_alter_two_phase
            binlog_annotate_row_events binlog_direct_non_transactional_updates binlog_format
            binlog_row_image binlog_row_value_options binlog_rows_query_log_events
            binlog_transaction_compression binlog_transaction_compression_level_zstd
            bulk_insert_buffer_size check_constraint_checks column_compression_threshold
            column_compression_zlib_level column_compression_zlib_strategy
            column_compression_zlib_wrap enable_cascade_triggers foreign_key_checks gtid_domain_id
            gtid_next gtid_seq_no identity innodb_snapshot_isolation insert_id last_insert_id
            low_priority_updates max_delayed_threads max_insert_delayed_threads
            sql_log_bin system_versioning_insert_history
            transaction_allow_batching unique_checks updatable_views_with_limit
        """,
        "it is about statements that are not used: tables, indexes and accounts are not made": """
            alter_algorithm analyze_max_length analyze_sample_percentage aria_repair_threads
            aria_sort_buffer_size aria_stats_method default_collation_for_utf8mb4
            character_set_collations character_set_database character_set_server collation_database
            collation_server default_storage_engine default_table_encryption
            default_tmp_storage_engine enforce_storage_engine explicit_defaults_for_timestamp
            external_table_secondary_storage_engine external_table_storage_engine
            generated_random_password_length histogram_generation_max_mem_size histogram_size
            histogram_type innodb_compression_default innodb_ddl_buffer_size innodb_ddl_threads
            innodb_default_encryption_key_id innodb_strict_mode keep_files_on_create
            mhnsw_default_distance mhnsw_default_m myisam_repair_threads myisam_sort_buffer_size
            myisam_stats_method old_alter_table old_passwords preload_buffer_size
            restrict_fk_on_non_standard_key sql_generate_invisible_primary_key sql_if_exists
            sql_require_primary_key storage_engine system_versioning_alter_history
        """,
        "it is about statements that are not used: EXPLAIN, ANALYZE, SHOW CREATE, SHOW WARNINGS, "
        "SELECT INTO, encryption, files, full text, vectors, points, routines, recursion": """
            block_encryption_mode character_set_filesystem cte_max_recursion_depth
            end_markers_in_json explain_format explain_json_format_version error_count
            innodb_ft_enable_stopword innodb_ft_user_stopword_table max_error_count
            max_points_in_geometry max_recursive_iterations max_sp_recursion_depth mhnsw_ef_search
            note_verbosity optimizer_trace optimizer_trace_features optimizer_trace_limit
            optimizer_trace_max_mem_size optimizer_trace_offset print_identified_with_as_hex
            profiling profiling_history_size rand_seed1 rand_seed2 select_into_buffer_size
            select_into_disk_sync select_into_disk_sync_delay
            show_create_table_skip_secondary_engine show_create_table_verbosity
            show_gipk_in_create_table_and_information_schema sql_notes
            sql_quote_show_create sql_warnings warning_count
        """,
        "it is about how rows are found, not which": """
            big_tables deadlock_search_depth_long deadlock_search_depth_short deadlock_timeout_long
            deadlock_timeout_short enable_secondary_engine_statistics eq_range_index_dive_limit
            expensive_subquery_limit in_predicate_conversion_threshold innodb_lock_wait_timeout
            innodb_parallel_read_threads innodb_table_locks internal_tmp_mem_storage_engine
            join_buffer_size join_buffer_space_limit join_cache_level max_length_for_sort_data
            max_rowid_filter_size max_seeks_for_key mrr_buffer_size new_mode old
            optimizer_adjust_secondary_key_costs optimizer_extra_pruning_depth
            optimizer_join_limit_pref_ratio optimizer_max_sel_arg_weight optimizer_max_sel_args
            optimizer_max_subgraph_pairs optimizer_prune_level optimizer_scan_setup_cost
            optimizer_search_depth optimizer_selectivity_sampling_limit optimizer_switch
            optimizer_use_condition_selectivity optimizer_where_cost query_alloc_block_size
            query_cache_strip_comments query_cache_wlock_invalidate query_prealloc_size
            range_alloc_block_size range_optimizer_max_mem_size read_buffer_size
            read_rnd_buffer_size rowid_merge_buff_size secondary_engine_cost_threshold
            set_operations_buffer_size sql_buffer_result standard_compliant_cte
            transaction_alloc_block_size transaction_prealloc_size use_stat_tables
        """,
        "it keeps the server from harm: what it ends is an error, and no rows are cut off": """
            connection_memory_chunk_size connection_memory_limit global_connection_memory_tracking
            innodb_tmpdir max_allowed_packet max_heap_table_size max_session_mem_used
            max_tmp_session_space_usage max_tmp_tables max_user_connections net_buffer_length
            parser_max_mem_size tmp_disk_table_size tmp_memory_table_size tmp_table_size
        """,
        "it is about logs": """
            log_disabled_statements log_queries_not_using_indexes log_slow_admin_statements
            log_slow_always_query_time log_slow_disabled_statements log_slow_filter
            log_slow_max_warnings log_slow_min_examined_row_limit log_slow_query
            log_slow_query_time log_slow_rate_limit log_slow_slave_statements log_slow_verbosity
            log_warnings long_query_time min_examined_row_limit slow_query_log sql_log_off
        """,
        "it is about replication": """
            default_master_connection group_replication_consistency immediate_server_version
            last_gtid max_relay_log_size original_commit_timestamp original_server_version
            pseudo_replica_mode pseudo_slave_mode pseudo_thread_id rbr_exec_mode require_row_format
            server_id skip_parallel_replication skip_replication sql_slave_skip_counter
            wsrep_causal_reads wsrep_gtid_seq_no wsrep_on wsrep_osu_method wsrep_retry_autocommit
            wsrep_sync_wait wsrep_trx_fragment_size wsrep_trx_fragment_unit xa_detach_on_prepare
        """,
        "it is about the connection, or what the driver does not ask for": """
            external_user idle_write_transaction_timeout in_transaction interactive_timeout
            net_retry_count progress_report_time proxy_user redirect_url resultset_metadata
            session_track_gtids session_track_schema session_track_state_change
            session_track_system_variables session_track_transaction_info tcp_nodelay
            thread_pool_priority
        """,
    }.items()
}


def bounds(product: str, target: Target) -> str:
    """Return the statement that bounds a session by the limits of the instance.

    Its first variable is one that the other product does not have.
    """
    seconds = target.statement_seconds
    limit = (
        f"max_execution_time = {max(1, round(seconds * 1000))}"
        if product == MYSQL
        else f"max_statement_time = {seconds:f}"
    )
    net = math.ceil(seconds + CLIENT_MARGIN_SECONDS)
    idle = math.ceil(max(target.instance.timeouts.total_seconds, net))
    return (
        f"SET SESSION {limit}, lock_wait_timeout = {max(1, round(seconds))}, "
        f"wait_timeout = {idle}, net_read_timeout = {net}, net_write_timeout = {net}"
    )


def pins(product: str) -> tuple[str, ...]:
    """Return what a session sets on a product, as assignments of SET SESSION."""
    return tuple(str(pin) for pin in PINNED if product in pin.products)
