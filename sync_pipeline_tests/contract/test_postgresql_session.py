"""Our sessions are the same everywhere: whatever a server, database, role or pooler sets."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

import psycopg
import pytest

from sync_pipeline.engines.postgresql.wire.session import OWN_LIMIT, PINNED
from sync_pipeline.errors import Phase, QueryError, ServerLimit, UnsupportedServer
from sync_pipeline.model.instance import Timeouts
from workbench.servers import debian
from workbench.servers.pgbouncer import PACKAGE, pgbouncer
from workbench.servers.postgresql_bench import ENGINE, PostgresBench
from workbench.servers.rogue.postgresql import DONE, description, rogue_postgresql, row
from workbench.servers.rogue.victim import PASSWORD

pytestmark = pytest.mark.postgresql

LOGIN_TRIGGERS = 17
PATIENT = Timeouts(connect_seconds=10, statement_seconds=20)


def of(reason: str, names: str) -> dict[str, str]:
    """Return the names of parameters, each with the reason."""
    return dict.fromkeys(names.split(), reason)


# Why a parameter that anybody may set for a role changes nothing that we read.
HOW_NOT_WHAT = "how a statement is carried out, not what it returns"
WRITES = "what is written, and we write nothing"
THE_WIRE = "how long a broken network is waited for; the client has limits of its own"
LOGS = "what the server writes in its log"
OTHERS = "statements that we do not send"
HARMLESS: dict[str, str] = {
    **of(
        HOW_NOT_WHAT,
        """
        backend_flush_after commit_siblings constraint_exclusion cpu_index_tuple_cost
        cpu_operator_cost cpu_tuple_cost cursor_tuple_fraction
        debug_parallel_query effective_cache_size effective_io_concurrency enable_async_append
        enable_bitmapscan enable_distinct_reordering enable_gathermerge enable_group_by_reordering
        enable_hashagg enable_hashjoin enable_incremental_sort enable_indexonlyscan
        enable_indexscan enable_material enable_memoize enable_mergejoin enable_nestloop
        enable_parallel_append enable_parallel_hash enable_partition_pruning
        enable_partitionwise_aggregate enable_partitionwise_join enable_presorted_aggregate
        enable_self_join_elimination enable_seqscan enable_sort enable_tidscan
        force_parallel_mode from_collapse_limit geqo geqo_effort geqo_generations geqo_pool_size
        geqo_seed geqo_selection_bias geqo_threshold hash_mem_multiplier io_combine_limit
        jit_above_cost jit_expressions jit_inline_above_cost jit_optimize_above_cost
        jit_tuple_deforming join_collapse_limit maintenance_io_concurrency max_parallel_workers
        min_parallel_index_scan_size min_parallel_table_scan_size parallel_leader_participation
        parallel_setup_cost parallel_tuple_cost random_page_cost recursive_worktable_factor
        seq_page_cost stats_fetch_consistency synchronize_seqscans temp_buffers work_mem
        """,
    ),
    **of(
        WRITES,
        """
        check_function_bodies createrole_self_grant default_statistics_target
        default_table_access_method default_tablespace default_toast_compression file_copy_method
        gin_pending_list_limit logical_decoding_work_mem maintenance_work_mem
        max_parallel_maintenance_workers password_encryption scram_iterations synchronous_commit
        temp_tablespaces vacuum_buffer_usage_limit vacuum_cost_delay vacuum_cost_limit
        vacuum_cost_page_dirty vacuum_cost_page_hit vacuum_cost_page_miss vacuum_failsafe_age
        vacuum_freeze_min_age vacuum_freeze_table_age vacuum_max_eager_freeze_failure_rate
        vacuum_multixact_failsafe_age vacuum_multixact_freeze_min_age
        vacuum_multixact_freeze_table_age vacuum_truncate wal_skip_threshold
        """,
    ),
    **of(
        THE_WIRE,
        """
        client_connection_check_interval tcp_keepalives_count tcp_keepalives_idle
        tcp_keepalives_interval tcp_user_timeout
        """,
    ),
    **of(
        LOGS,
        """
        debug_pretty_print debug_print_parse debug_print_plan debug_print_rewritten
        debug_print_raw_parse log_parameter_max_length_on_error md5_password_warnings
        trace_notify trace_sort
        """,
    ),
    **of(
        OTHERS,
        """
        debug_logical_replication_streaming default_text_search_config icu_validation_level
        timezone_abbreviations wal_sender_timeout
        """,
    ),
    "application_name": "ours is in the start-up packet, and names nothing that is read",
    "client_encoding": "in the start-up packet; a login trigger that sets another breaks its own",
    "default_transaction_deferrable": "counts for SERIALIZABLE alone",
    "default_transaction_isolation": "BEGIN says it",
    "transaction_deferrable": "counts for SERIALIZABLE alone",
    "transaction_isolation": "BEGIN says it",
    "transaction_read_only": "BEGIN says it",
    "local_preload_libraries": "loaded before anything of ours; libraries that the owner installed",
    "restrict_nonsystem_relation_kind": "views of others; ours are the system's",
}
# What only superusers set can't be undone by a session of ours; none of these cuts rows off but
# for zero_damaged_pages, which hides what is broken on disk.
SUPERUSERS = of(
    "what only superusers set",
    """
    allow_in_place_tablespaces allow_system_table_mods backtrace_functions commit_delay
    composite_type_mismatch compute_query_id deadlock_timeout debug_discard_caches
    dynamic_library_path event_triggers extension_control_path extension_destdir
    ignore_checksum_failure ignore_system_indexes jit_debugging_support jit_dump_bitcode
    jit_profiling_support lc_messages lo_compat_privileges log_connections log_disconnections
    log_duration log_error_verbosity log_executor_stats log_lock_failures log_lock_waits
    log_min_duration_sample log_min_duration_statement log_min_error_statement log_min_messages
    log_parameter_max_length log_parser_stats log_planner_stats log_replication_commands
    log_statement log_statement_sample_rate log_statement_stats log_temp_files
    log_transaction_sample_rate max_stack_depth output_plugin_libraries post_auth_delay
    session_preload_libraries session_replication_role temp_file_limit track_activities
    track_cost_delay_timing track_counts track_functions track_io_timing track_wal_io_timing
    update_process_title wal_compression wal_consistency_checking wal_init_zero wal_recycle
    zero_damaged_pages
    """,
)
HOSTILE = {
    "search_path": "evil, pg_catalog",
    "default_transaction_read_only": "off",
    "exit_on_error": "on",
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "quote_all_identifiers": "on",
    "bytea_output": "escape",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Tokyo",
    "extra_float_digits": "-10",
    "xmlbinary": "hex",
    "xmloption": "document",
    "row_security": "off",
    "gin_fuzzy_search_limit": "1",
    "jit": "on",
    "client_min_messages": "debug1",
    "client_encoding": "LATIN1",
    "work_mem": "64kB",
    "enable_seqscan": "off",
    "enable_indexscan": "off",
    "enable_hashjoin": "off",
    "enable_sort": "off",
    "geqo_threshold": "2",
    "join_collapse_limit": "1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
}
SHORT = {
    "statement_timeout": "5ms",
    "lock_timeout": "5ms",
    "idle_in_transaction_session_timeout": "300ms",
    "idle_session_timeout": "300ms",
    "transaction_timeout": "300ms",
}


def test_every_parameter_of_the_server_was_looked_at(bench: PostgresBench) -> None:
    """One that is new has to be pinned, or to get a reason why not."""
    rows = dict(bench.rows("SELECT name, context FROM pg_settings WHERE name !~ '[.]'"))
    by_anybody = {name for name, context in rows.items() if context == "user"}
    pinned = {item.name for item in PINNED if item.is_on((bench.major,))}
    assert not by_anybody - pinned - set(HARMLESS)
    assert not pinned & set(HARMLESS)
    assert pinned <= by_anybody
    late = ("superuser", "backend", "superuser-backend")
    assert not {name for name, context in rows.items() if context in late} - set(SUPERUSERS)
    assert all(item.reason for item in PINNED)


def test_what_is_pinned_holds(bench: PostgresBench) -> None:
    bench.run("CREATE ROLE watcher LOGIN", "ALTER ROLE watcher SET exit_on_error = on")
    connection = ENGINE.connect(bench.target("watcher", timeouts=PATIENT))
    try:
        with pytest.raises(QueryError):
            connection.fetch("SELECT 1/0 AS none")
        for _ in range(2):
            rows = connection.fetch("SELECT name::text, setting::text FROM pg_settings")
            found = {row["name"]: row["setting"] for row in rows}
            for item in PINNED:
                if item.is_on((bench.major,)):
                    wanted = "20000" if item.value == OWN_LIMIT else item.value
                    assert found[item.name] == wanted, item.name
            connection.rest()  # type: ignore[attr-defined]
    finally:
        connection.close()


@pytest.mark.parametrize("where", ["ROLE watcher", "DATABASE bench"])
def test_no_setting_changes_what_is_read(bench: PostgresBench, where: str) -> None:
    """Accounts, grants, names, signatures, dates and sizes are those without any setting."""
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "GRANT pg_monitor TO watcher",
        "CREATE ROLE app LOGIN VALID UNTIL '2031-02-03 04:05:06.789+09'",
        'CREATE TABLE "Odd" (id integer, day date)',
        'GRANT SELECT, INSERT (id) ON "Odd" TO app',
        'CREATE FUNCTION f(a timestamp, b "Odd", c numeric[]) RETURNS int LANGUAGE sql'
        " AS 'SELECT 1'",
        # Ours, if the path of the database were asked.
        "CREATE SCHEMA evil",
        "GRANT USAGE ON SCHEMA evil TO PUBLIC",
        "CREATE FUNCTION evil.never(name, name) RETURNS boolean LANGUAGE sql AS 'SELECT false'",
        "CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.never)",
        "CREATE FUNCTION evil.pg_get_userbyid(oid) RETURNS name"
        " LANGUAGE sql AS $$SELECT 'x'::name$$",
    )
    target = bench.target("watcher", database="bench", timeouts=PATIENT)
    before, sizes = bench.collect(target), bench.sizes(target)
    bench.run(
        *(f"ALTER {where} SET {name} = {value}" for name, value in quoted(HOSTILE).items()),
        *(
            f"ALTER {where} SET {name} = '{value}'"
            for name, value in SHORT.items()
            if name != "transaction_timeout" or bench.major >= LOGIN_TRIGGERS
        ),
    )
    kept = [item for item in before.accounts if item.name not in ("watcher", "public")]
    after = bench.collect(target)
    assert [item for item in after.accounts if item.name not in ("watcher", "public")] == kept
    assert after.sections == before.sections
    assert not after.warnings
    now = bench.sizes(target)
    assert not now.warnings
    assert [item.name for item in now.databases] == [item.name for item in sizes.databases]
    bench.run(f"ALTER {where} RESET ALL", database="postgres")


def quoted(values: dict[str, str]) -> dict[str, str]:
    return {
        name: ", ".join(f"'{part}'" for part in value.split(", ")) for name, value in values.items()
    }


# --- a transaction that waits ----------------------------------------------------------------


def test_no_transaction_waits_while_a_database_is_measured(bench: PostgresBench) -> None:
    """Nor does a limit of the role on idle sessions end the one that waits."""
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "GRANT pg_monitor TO watcher",
        *(f"ALTER ROLE watcher SET {name} = '300ms'" for name in list(SHORT)[2:4]),
    )
    waiting: list[str] = []

    def slow(database: str) -> None:
        ends_at = time.monotonic() + 2
        while True:
            states = [
                state
                for (state,) in bench.rows(
                    "SELECT state FROM pg_stat_activity WHERE usename = 'watcher'", "postgres"
                )
            ]
            # The server needs a moment for the end of a session that was closed before.
            if set(states) <= {"idle"} or time.monotonic() > ends_at:
                break
            time.sleep(0.05)
        waiting.extend(states)
        if database == "bench":
            time.sleep(0.8)

    snapshot = bench.sizes(bench.target("watcher", timeouts=PATIENT), before_database=slow)
    assert not snapshot.warnings
    assert waiting
    assert set(waiting) == {"idle"}


@pytest.mark.parametrize("name", ["transaction_timeout", "idle_in_transaction_session_timeout"])
def test_what_a_limit_of_the_server_ended_is_told_as_that(
    newest_bench: PostgresBench, name: str
) -> None:
    connection = ENGINE.connect(newest_bench.target(timeouts=PATIENT))
    try:
        # Stands for limits that no session can lift, those of poolers and of services.
        connection.fetch(f"SELECT pg_catalog.set_config('{name}', '100', true) AS set")
        time.sleep(0.4)
        with pytest.raises(ServerLimit) as caught:
            connection.fetch("SELECT 1 AS one")
    finally:
        connection.close()
    assert "A limit of the server ended the session: " in str(caught.value)
    assert "timeout" in caught.value.message
    assert not caught.value.retryable
    assert caught.value.phase is Phase.COLLECT


def test_a_limit_that_ends_the_login_is_told_as_that(newest_bench: PostgresBench) -> None:
    """transaction_timeout counts before anything of ours can lift it, in a login trigger."""
    bench = newest_bench
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "ALTER ROLE watcher SET transaction_timeout = '100ms'",
        "CREATE FUNCTION public.slow() RETURNS event_trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF session_user = 'watcher' THEN PERFORM pg_sleep(3); END IF; END $$",
        "CREATE EVENT TRIGGER slow ON login EXECUTE FUNCTION public.slow()",
    )
    with pytest.raises(ServerLimit) as caught:
        ENGINE.connect(bench.target("watcher", database="bench", timeouts=PATIENT)).close()
    assert caught.value.phase is Phase.CONNECT
    # Where it is one database of many, the others are read.
    snapshot = bench.collect(bench.target("watcher", timeouts=PATIENT))
    assert {key.database for key in snapshot.unread} == {"bench"}
    bench.run("DROP EVENT TRIGGER slow")


def test_a_statement_that_somebody_cancels_is_told_as_that(bench: PostgresBench) -> None:
    connection = ENGINE.connect(bench.target(timeouts=PATIENT))
    (found,) = connection.fetch("SELECT pg_backend_pid() AS pid")
    cancel = threading.Timer(0.3, lambda: bench.run(f"SELECT pg_cancel_backend({found['pid']})"))
    cancel.start()
    try:
        with pytest.raises(QueryError, match="Somebody canceled a catalog query"):
            connection.fetch("SELECT pg_sleep(10)")
        assert connection.fetch("SELECT 1 AS one") == [{"one": 1}]
    finally:
        cancel.join()
        connection.close()


def test_a_session_that_does_not_keep_its_parameters_is_refused(
    newest_bench: PostgresBench,
) -> None:
    """A server that says so itself, since none here drops what it was told."""

    def begun() -> list[bytes]:
        return [description("name", "setting"), row(b"search_path", b"evil"), DONE]

    with rogue_postgresql(lambda _: None, password=PASSWORD, begun=begun) as port:
        connection = ENGINE.connect(newest_bench.target("watcher", PASSWORD, port=port))
        with pytest.raises(
            UnsupportedServer, match="does not keep what was set in it: search_path"
        ):
            connection.fetch("SELECT 1 AS one")
        connection.close()


# --- login triggers --------------------------------------------------------------------------


@pytest.fixture
def triggered(newest_bench: PostgresBench) -> Iterator[PostgresBench]:
    bench = newest_bench
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "CREATE TABLE public.allowed (name text)",
        "INSERT INTO public.allowed VALUES ('watcher')",
        "GRANT SELECT ON public.allowed TO PUBLIC",
    )
    yield bench
    bench.run("DROP EVENT TRIGGER IF EXISTS on_login")


def add_trigger(bench: PostgresBench, body: str) -> None:
    bench.run(
        "CREATE FUNCTION public.on_login() RETURNS event_trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {body}; END $$",
        "CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION public.on_login()",
    )


def test_a_login_trigger_finds_its_tables(triggered: PostgresBench) -> None:
    """It is written for the search_path of its database, which no start-up packet changes."""
    add_trigger(triggered, "PERFORM FROM allowed WHERE name = session_user")
    snapshot = triggered.collect(triggered.target("watcher", database="bench"))
    assert not snapshot.warnings


def test_what_a_login_trigger_sets_does_not_stay(triggered: PostgresBench) -> None:
    limits = {"statement_timeout": "54321", "transaction_timeout": "65432"}
    others = {"search_path": "public", "quote_all_identifiers": "on"}
    changes = [
        f"PERFORM set_config('{name}', '{value}', false)"
        for name, value in (limits | others).items()
    ]
    triggered.run(
        'CREATE TYPE public."T" AS ENUM ()',
        "CREATE FUNCTION public.g(\"T\") RETURNS int LANGUAGE sql AS 'SELECT 1'",
    )
    before = triggered.account("postgres").grants
    add_trigger(triggered, "IF session_user = 'watcher' THEN " + "; ".join(changes) + "; END IF")
    target = triggered.target("watcher", database="bench")
    with closing(ENGINE.connect(target)) as connection:
        for name, value in limits.items():
            kept = connection.fetch(f"SELECT setting FROM pg_settings WHERE name = '{name}'")
            assert kept[0]["setting"] != value, name
    snapshot = triggered.collect(target)
    assert not snapshot.warnings
    grants = triggered.account("postgres", snapshot).grants
    assert {str(item) for item in grants} - {str(item) for item in before} == {
        item for item in map(str, grants) if "on_login" in item
    }


# --- poolers ---------------------------------------------------------------------------------


def through(
    bench: PostgresBench, name: str, *databases: str, **settings: str
) -> AbstractContextManager[int]:
    """Return a pooler before the server, which knows these databases, or any."""
    try:
        debian.obtain(PACKAGE)
    except debian.Unavailable as error:
        pytest.skip(f"pgbouncer is not available: {error}")
    bench.run("CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher")
    directory = bench.server.directory / name
    return pgbouncer(bench.server, directory, ("watcher",), databases or ("*",), **settings)


def test_a_pooler_that_refuses_our_parameters_is_named(newest_bench: PostgresBench) -> None:
    with (
        through(newest_bench, "refusing", pool_mode="transaction") as port,
        pytest.raises(UnsupportedServer) as caught,
    ):
        newest_bench.collect(newest_bench.target("watcher", port=port))
    assert "is a connection pooler" in str(caught.value)
    assert "Poolers are not for this system: register the host and the port" in str(caught.value)


@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_a_pooler_that_drops_them_is_read_with_all_limits(
    newest_bench: PostgresBench, mode: str
) -> None:
    """Another client left its own parameters in the connection that we are given."""
    bench = newest_bench
    options = {"ignore_startup_parameters": "options", "pool_mode": mode}
    # By transactions one connection is enough for the two that sizes hold.
    options["default_pool_size"] = "1" if mode == "transaction" else "2"
    with through(bench, mode, **options) as port:
        before = bench.collect().accounts
        with psycopg.connect(
            host="127.0.0.1", port=port, user="watcher", dbname="postgres", autocommit=True
        ) as other:
            for name, value in quoted({**HOSTILE, **SHORT}).items():
                if name != "client_encoding":
                    other.execute(f"SET {name} = {value}")  # type: ignore[arg-type]
        target = bench.target("watcher", port=port, timeouts=PATIENT)
        seen = bench.collect(target)
        assert not seen.warnings
        assert seen.accounts == before
        assert not bench.sizes(target).warnings
        connection = ENGINE.connect(target)
        try:
            (found,) = connection.fetch(
                "SELECT current_setting('statement_timeout') AS limited,"
                " current_setting('transaction_read_only') AS read_only"
            )
        finally:
            connection.close()
        assert found == {"limited": "20s", "read_only": "on"}


def test_a_pooler_that_has_no_transactions_is_named(newest_bench: PostgresBench) -> None:
    options = {"ignore_startup_parameters": "options", "pool_mode": "statement"}
    with (
        through(newest_bench, "statement", **options) as port,
        pytest.raises(UnsupportedServer, match="is a connection pooler"),
    ):
        newest_bench.collect(newest_bench.target("watcher", port=port))


def test_a_database_that_a_pooler_does_not_know_stays_one(newest_bench: PostgresBench) -> None:
    bench = newest_bench
    options = {"ignore_startup_parameters": "options", "pool_mode": "transaction"}
    with through(bench, "few", "postgres", "template1", **options) as port:
        snapshot = bench.collect(bench.target("watcher", port=port))
        assert {key.database for key in snapshot.unread} == {"bench"}
        (warning,) = snapshot.warnings
        assert "A connection pooler at 127.0.0.1" in warning
        with pytest.raises(UnsupportedServer, match="is a connection pooler"):
            bench.collect(bench.target("watcher", port=port, database="bench"))
