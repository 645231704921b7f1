"""When accounts were last used: what syncs keep of it, and what the command says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import update

from sync_pipeline.model.instance import Instance
from sync_pipeline.model.page import AccountQuestion, Place
from sync_pipeline.model.past import Which
from sync_pipeline.model.session import InstanceRecord
from sync_pipeline.model.use import (
    AccountUse,
    Coverage,
    KnownUse,
    NewUse,
    Seen,
    UseMarks,
    UseMeans,
    seen_since,
)
from sync_pipeline.model.viewer import EVERYTHING
from sync_pipeline.store.schema import instance_accounts, instance_reviews
from sync_pipeline.store.store import Store
from sync_pipeline.store.use.schema import instance_use
from sync_pipeline.store.use.use import write_use
from sync_pipeline.workflows.answers.findings import review_of
from sync_pipeline.workflows.console.accounts import AccountAnswers
from sync_pipeline.workflows.syncing.accounts import sync_instance_accounts
from sync_pipeline_tests.integration.test_sync_accounts import Bench
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench
from workbench.servers.running import RunningServer
from workbench.servers.statements import counted

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
COVERAGE = Coverage(
    since_at=NOW - 100 * DAY,
    means=UseMeans.COUNTER,
    samples=4800,
    last_at=NOW,
    whole_since=NOW - 95 * DAY,
    longest_gap=timedelta(hours=2),
    gaps=1,
    gap_at=NOW - 99 * DAY,
    restarts=2,
    failures=3,
    failed_at=NOW - 98 * DAY,
    note="No grant.",
)
ACCOUNTS = {
    'A "ñ" \\': AccountUse(NOW - 99 * DAY, NOW - 3 * DAY, UseMeans.COUNTER, None, 4700),
    "b": AccountUse(maybe_at=NOW - 7 * DAY),
}


@pytest.fixture
def instance(store: Store) -> Instance:
    (found,) = StoreBench(store).fleet("db")
    return found


def written(store: Store, instance: Instance, new: NewUse) -> None:
    with store._database.write() as connection:
        write_use(connection, instance.id, new)


def test_what_was_written_is_read(store: Store, instance: Instance) -> None:
    assert store.use.known(instance.id) == KnownUse()
    marks = UseMarks("1", "2", 3, 4, 5, 6, 7)
    written(store, instance, NewUse(COVERAGE, marks, ACCOUNTS, {"a@h": 12}, has_moved=True))
    known = store.use.known(instance.id)
    assert known == KnownUse(
        replace(COVERAGE, longest_gap=timedelta(hours=2, seconds=1)),  # rounded up
        ACCOUNTS,
        {"a@h": 12},
        marks,
        has_moved=True,
    )
    shown = store.use.of([instance.id])
    assert shown == store.use.of() == store.use.named(["db", "other"])
    assert (shown["db"].coverage, shown["db"].accounts) == (known.coverage, known.accounts)
    assert store.use.of([instance.id + 1]) == store.use.named([]) == {}


def test_a_sample_in_which_nothing_moved_leaves_what_is_known_of_accounts(
    store: Store, instance: Instance
) -> None:
    written(store, instance, NewUse(COVERAGE, UseMarks("1"), ACCOUNTS, {"a": 1}))
    later = replace(COVERAGE, samples=4801, last_at=NOW + DAY)
    written(store, instance, NewUse(later, UseMarks("2")))
    known = store.use.known(instance.id)
    assert (known.accounts, known.counters, known.marks) == (ACCOUNTS, {"a": 1}, UseMarks("2"))
    assert known.coverage is not None
    assert known.coverage.samples == 4801


@pytest.mark.parametrize("part", ["accounts", "counters"])
def test_what_is_damaged_is_as_if_nothing_were_known(
    store: Store, instance: Instance, part: str
) -> None:
    written(store, instance, NewUse(COVERAGE, UseMarks(), ACCOUNTS, {"a": 1}))
    with store._database.write() as connection:
        connection.execute(update(instance_use).values({part: b"x"}))
    assert store.use.known(instance.id) == KnownUse()
    assert bool(store.use.of()) is (part == "counters")


@pytest.fixture
def bench(postgresql_server: RunningServer, tmp_path: Path) -> Iterator[Bench]:
    server = postgresql_server
    with psycopg.connect(
        host=server.host, port=server.port, user=server.admin_user, autocommit=True
    ) as link:
        link.execute("CREATE ROLE seen_ann LOGIN")
        link.execute("CREATE ROLE seen_bob LOGIN")
        try:
            made = Bench(server, tmp_path)
            yield made
            made.store.close()
        finally:
            link.execute("DROP ROLE seen_ann, seen_bob")


@pytest.fixture
def asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """The command on the home of the bench."""
    made = Command(tmp_path, monkeypatch, capsys)
    yield made
    made.close()


def synced(bench: Bench, minutes: float = 30) -> tuple[InstanceRecord, list[str]]:
    """Sync, and return the record with the statements that wrote who uses the accounts."""
    bench.clock.pass_minutes(minutes)
    session_id = bench.open()
    with counted(bench.store) as sent:
        sync_instance_accounts(bench.deps, bench.work(session_id))
    return bench.record(session_id), [
        text for text in sent if "instance_use" in text and text.startswith("INSERT")
    ]


def test_syncs_that_find_nothing_changed_see_who_is_logged_in(bench: Bench) -> None:
    synced(bench)
    server = bench.server
    since = bench.clock()
    with psycopg.connect(host=server.host, port=server.port, user="seen_ann", dbname="postgres"):
        record, sent = synced(bench)
        assert record.details["unchanged"] is True
        assert len(sent) == 1
        assert "accounts" in sent[0]
        _, again = synced(bench)
        assert len(again) == 1
        assert "accounts" not in again[0], "it was seen within the hour"
    record, _ = synced(bench, 24 * 60)
    assert record.details["unchanged"] is True
    use = bench.store.use.named(["billing"])["billing"]
    assert (
        use.of("seen_ann").first_at == use.of("seen_ann").last_at == since + timedelta(minutes=30)
    )
    assert use.of("seen_ann").by is UseMeans.SESSION
    assert use.of(server.admin_user).last_at == bench.clock()
    assert use.of("seen_bob") == AccountUse()
    assert use.coverage is not None
    assert (use.coverage.samples, use.coverage.gaps, use.coverage.whole_since) == (4, 0, None)
    found = seen_since(use, "seen_bob", since, bench.clock(), since - DAY)
    assert found is Seen.NOT_IN_SAMPLES


def test_the_command_lists_whom_nobody_used_and_counts_of_whom_that_is_not_known(
    bench: Bench, asked: Command
) -> None:
    synced(bench)
    long_ago = datetime.now(UTC) - 100 * DAY
    with bench.store._database.write() as connection:
        connection.execute(update(instance_accounts).values(first_seen_at=long_ago))
    quiet = replace(
        COVERAGE,
        since_at=long_ago,
        whole_since=long_ago,
        last_at=datetime.now(UTC),
        gap_at=None,
        note="",
    )
    user = bench.server.admin_user
    uses = {user: AccountUse(long_ago, datetime.now(UTC), UseMeans.SESSION, None, 1)}
    written(bench.store, bench.instance, NewUse(quiet, UseMarks(), uses, {}))
    said = asked.run("accounts", "list", "--not-seen-since", "90d", "--format", "json")
    names = {item["state"]["name"] for item in json.loads(said.out)}
    assert {"seen_ann", "seen_bob"} <= names
    assert user not in names
    sampled = replace(quiet, whole_since=None, means=UseMeans.SESSION)
    written(bench.store, bench.instance, NewUse(sampled, UseMarks()))
    said = asked.run("accounts", "list", "--not-seen-since", "90d")
    assert "seen_ann" not in said.out
    assert "2 accounts were in no sample" in said.out
    said = asked.run("accounts", "list", "--not-seen-since", "90d", "--sampled")
    assert "seen_ann" in said.out
    said = asked.run("accounts", "list", "--not-seen-since", "200d")
    assert "Of 2 accounts it is not known" in said.out
    shown = asked.run("accounts", "show", "--instance", "billing", user)
    assert "(an open session)" in shown.out
    assert "a login between two samples does not show" in shown.out
    whole = json.loads(asked.run("accounts", "show", "--instance", "billing", user, "--json").out)
    assert whole["use"]["by"] == "session"
    assert whole["use"]["coverage"]["samples"] == 4800


def test_a_finding_goes_with_the_proof_that_it_stands_on(bench: Bench) -> None:
    """The review is kept until a sync sees what may make it another."""
    synced(bench)
    now = bench.clock()
    quiet = replace(
        COVERAGE,
        since_at=now - 100 * DAY,
        whole_since=now - 100 * DAY,
        last_at=now,
        gap_at=None,
        note="",
    )
    with bench.store._database.write() as connection:
        connection.execute(update(instance_accounts).values(first_seen_at=now - 100 * DAY))
        connection.execute(update(instance_reviews).values(turn=99, basis=""))
    written(bench.store, bench.instance, NewUse(quiet, UseMarks(), {}, {}))

    def unused() -> set[str]:
        found = review_of(bench.deps, [bench.instance]).findings
        return {item.account for item in found if item.rule == "unused-account"}

    assert {"seen_ann", "seen_bob"} <= unused()
    with counted(bench.store) as sent:
        assert "seen_ann" in unused()
    assert not any("instance_worlds.grants" in text for text in sent), "it was kept"
    # By sessions alone, as this server is watched, nobody counts as unused.
    record, _ = synced(bench)
    assert record.details["unchanged"] is True
    assert unused() == set()


def test_the_console_shows_it_of_one_account_and_in_the_list(bench: Bench) -> None:
    synced(bench)
    user = bench.server.admin_user
    answers = AccountAnswers(bench.deps, EVERYTHING)
    found = answers.one(Which("billing", user))
    assert found is not None
    assert found.last_used_at == bench.clock()
    assert found.used[0].startswith(f"last used {bench.clock():%Y-%m-%d %H:%M}Z (an open session)")
    then = answers.one(Which("billing", user, bench.clock()))
    assert then is not None
    assert (then.last_used_at, then.used) == (None, ()), "of a past moment it is not known"
    never = answers.one(Which("billing", "seen_ann"))
    assert never is not None
    assert never.last_used_at is None
    with closing(Store.open_to_read(bench.store._database.url.render_as_string(False))) as reader:
        # Who only reads keeps what he read, of each account its own.
        reading = AccountAnswers(replace(bench.deps, store=reader), EVERYTHING)
        assert [reading.one(Which("billing", name)) for name in (user, "seen_ann")] == [
            found,
            never,
        ]
    page = answers.page(AccountQuestion(), Place(50))
    assert page.last_used("billing", user) == bench.clock()
    assert page.last_used("billing", "seen_ann") is None
    asked_then = answers.page(AccountQuestion(at=bench.clock()), Place(50))
    assert asked_then.last_used("billing", user) is None


def test_who_was_never_watched_is_said_so(bench: Bench, asked: Command) -> None:
    synced(bench)
    with bench.store._database.write() as connection:
        connection.execute(instance_use.delete())
    shown = asked.run("accounts", "show", "--instance", "billing", "seen_ann")
    assert "was not looked at yet" in shown.out
