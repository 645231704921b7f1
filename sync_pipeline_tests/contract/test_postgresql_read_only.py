"""What a database runs by itself as the monitoring account: login triggers write nothing."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.snapshot import SectionStatus
from workbench.servers.postgresql_bench import ENGINE, PostgresBench

pytestmark = pytest.mark.postgresql

LOGIN_TRIGGERS = 17
WRITES = "INSERT INTO public.logins VALUES (current_user)"
EVADES = "PERFORM set_config('transaction_read_only', 'off', true)"
LATER = "PERFORM set_config('default_transaction_read_only', 'off', false)"
POLITE = "IF current_setting('transaction_read_only') = 'on' THEN RETURN; END IF"


@pytest.fixture
def watched(newest_bench: PostgresBench) -> Iterator[PostgresBench]:
    bench = newest_bench
    assert bench.major >= LOGIN_TRIGGERS
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "CREATE TABLE public.logins (name text)",
        "GRANT ALL ON public.logins TO PUBLIC",
    )
    yield bench
    # The superuser's own sessions are read-write, so the trigger lets them in.
    bench.run("DROP EVENT TRIGGER IF EXISTS on_login")


def add_trigger(bench: PostgresBench, *body: str, security: str = "") -> None:
    bench.run(
        "CREATE FUNCTION public.on_login() RETURNS event_trigger LANGUAGE plpgsql "
        f"{security} AS $$ BEGIN {'; '.join(body)}; END $$",
        "CREATE EVENT TRIGGER on_login ON login EXECUTE FUNCTION public.on_login()",
    )


def written(bench: PostgresBench) -> set[str]:
    return {name for (name,) in bench.rows("SELECT name FROM public.logins")}


def test_a_login_trigger_writes_for_others(watched: PostgresBench) -> None:
    add_trigger(watched, WRITES)
    with psycopg.connect(
        host=watched.server.host, port=watched.server.port, user="watcher", dbname="bench"
    ):
        pass
    assert "watcher" in written(watched)


@pytest.mark.parametrize("security", ["", "SECURITY DEFINER"])
@pytest.mark.parametrize("body", [(WRITES,), (EVADES, WRITES), (LATER, WRITES)])
def test_a_login_trigger_cannot_write_as_the_monitor(
    watched: PostgresBench, body: tuple[str, ...], security: str
) -> None:
    add_trigger(watched, *body, security=security)
    with pytest.raises(ConfigurationError) as caught:
        watched.collect(watched.target("watcher", database="bench"))
    assert "A login trigger of database bench writes" in str(caught.value)
    assert not caught.value.retryable
    assert "watcher" not in written(watched)


def test_the_trigger_of_one_database_stays_in_it(watched: PostgresBench) -> None:
    add_trigger(watched, WRITES)
    snapshot = watched.collect(watched.target("watcher"))
    assert {key.database for key in snapshot.unread} == {"bench"}
    assert {report.status for report in snapshot.unread.values()} == {SectionStatus.FAILED}
    assert any("A login trigger of database bench" in text for text in snapshot.warnings)
    assert "watcher" not in written(watched)


def test_a_trigger_that_minds_read_only_sessions_keeps_nobody_out(watched: PostgresBench) -> None:
    add_trigger(watched, POLITE, WRITES)
    snapshot = watched.collect(watched.target("watcher", database="bench"))
    assert not snapshot.warnings
    assert "watcher" not in written(watched)


def test_what_a_trigger_sets_for_later_does_not_open_the_session(watched: PostgresBench) -> None:
    add_trigger(watched, LATER)
    connection = ENGINE.connect(watched.target("watcher", database="bench"))
    try:
        (row,) = connection.fetch("SELECT current_setting('transaction_read_only') AS value")
    finally:
        connection.close()
    assert row == {"value": "on"}


def test_a_role_that_may_write_reads_only_from_the_first_packet_on(bench: PostgresBench) -> None:
    """Whatever the role and the database say; on every version."""
    bench.run(
        "CREATE ROLE watcher LOGIN",
        "ALTER ROLE watcher SET default_transaction_read_only = off",
        "ALTER DATABASE bench SET default_transaction_read_only = off",
    )
    connection = ENGINE.connect(bench.target("watcher", database="bench"))
    try:
        (row,) = connection.fetch(
            "SELECT current_setting('default_transaction_read_only') AS started,"
            " current_setting('transaction_read_only') AS now"
        )
    finally:
        connection.close()
    assert row == {"started": "on", "now": "on"}


def test_the_script_makes_the_role_read_only_by_itself(bench: PostgresBench) -> None:
    """For connections whose start-up parameters are dropped on their way."""
    for line in ENGINE.grants_script("watcher", "%", ("bench",)).splitlines():
        bench.run(line)
    with (
        psycopg.connect(
            host=bench.server.host, port=bench.server.port, user="watcher", dbname="bench"
        ) as link,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        link.execute(
            "CREATE TABLE pg_temp.t (i int); INSERT INTO pg_temp.t VALUES (1);SELECT lo_create(0)"
        )


def test_less_than_pg_monitor_is_enough_for_sizes(newest_bench: PostgresBench) -> None:
    """The optional lines: no settings of superusers, and every size all the same.

    One of them is for findings, and opens nothing of that either.
    """
    bench = newest_bench
    bench.run(*ENGINE.grants_script("watcher", "%", ("bench", "postgres")).splitlines()[:3])
    narrower = [note.optional for note in ENGINE.grant_notes if note.optional]
    assert len(narrower) == 4
    try:
        bench.run(*(line.replace("{user}", '"watcher"') for line in narrower), database="postgres")
        assert not bench.sizes(bench.target("watcher")).warnings
        with (
            psycopg.connect(
                host=bench.server.host, port=bench.server.port, user="watcher", dbname="postgres"
            ) as link,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            link.execute("SHOW primary_conninfo")
    finally:
        bench.run("DROP OWNED BY watcher", database="postgres")


def test_pg_monitor_opens_what_its_note_says(newest_bench: PostgresBench) -> None:
    bench = newest_bench
    bench.run("CREATE ROLE watcher LOGIN", "GRANT pg_monitor TO watcher")
    with psycopg.connect(
        host=bench.server.host, port=bench.server.port, user="watcher", dbname="postgres"
    ) as link:
        assert link.execute("SHOW primary_conninfo").fetchone() == ("",)
