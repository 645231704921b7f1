"""Random lives of one session: runs, shards, attempts, late writers, ends. It stays true."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from sync_pipeline.errors import ConfigurationError, StaleClaim
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import (
    NewSession,
    RecordClaim,
    RecordStatus,
    Session,
    SessionStatus,
)
from sync_pipeline.model.shard import Shard, slices
from sync_pipeline.store.database import Database
from sync_pipeline.store.schema import sync_instance_records as records
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import (
    CREDENTIAL,
    DONE,
    FAILED,
    START,
    StoreBench,
    an_instance,
    new_id,
    new_session,
)
from workbench.servers.fixtures_store import STORES, StoreServer

HOSTS = {"a": "one", "b": "two", "c": "three", "d": "three"}
NAMES = tuple(HOSTS)
OPEN = (RecordStatus.PENDING, RecordStatus.RUNNING)
picks = st.integers(0, len(NAMES) - 1)
ends = st.sampled_from([SessionStatus.FAILED, SessionStatus.CANCELLED, SessionStatus.COMPLETED])


@dataclass
class Run:
    """A run as Dagster sees it. `order` counts the runs that the store knows."""

    run_id: str
    shard: int
    order: int = 0
    is_opened: bool = False
    end: SessionStatus | None = None


class SessionLife(RuleBasedStateMachine):
    """A session in a store that all examples share, beside what must be true of it.

    `holder` has the claim that may write each record, where one may: the newest, of a
    record that runs. `owner` is the run that a record waits for, or that had it last, and
    `attempts` how each ended that another one followed: by name, run and number.
    """

    bench: StoreBench
    database: Database
    fleet: list[Instance]

    @initialize(count=st.integers(1, 3))
    def launch(self, count: int) -> None:
        self.session_id = new_id()
        self.count = count
        self.slices = slices(self.fleet, count)
        self.runs = [Run(new_id(), shard) for shard in range(1, count + 1)]
        self.known = 0
        self.expected: dict[str, RecordStatus] = {}
        self.owner: dict[str, Run | None] = {}
        self.holder: dict[str, RecordClaim] = {}
        self.stale: list[RecordClaim] = []
        self.number: Counter[str] = Counter()
        self.attempts: dict[tuple[str, str | None, int], RecordStatus] = {}

    def keep(self, name: str) -> None:
        """Note how a record stands that begins again."""
        status, owner = self.expected[name], self.owner[name]
        if self.number[name] or status not in OPEN:
            self.attempts[(name, owner and owner.run_id, self.number[name])] = status

    def is_given_out(self, run: Run, item: Instance, chosen: Sequence[Instance]) -> bool:
        """Return whether a run that opens the session gets a record of its shard."""
        status, owner = self.expected[item.name], self.owner[item.name]
        is_alive = owner is not None and owner is not run and owner.end is None
        if status is RecordStatus.COMPLETED or (status is RecordStatus.RUNNING and is_alive):
            return False
        return owner is None or item in chosen

    def new(self, run: Run) -> NewSession:
        new = new_session(self.session_id, run.run_id)
        return replace(new, shard=Shard(run.shard, self.count))

    def lose(self, name: str) -> None:
        if name in self.holder:
            self.stale.append(self.holder.pop(name))

    def note(self, run: Run) -> None:
        if not run.order:
            self.known += 1
            run.order = self.known

    def deciding(self) -> dict[int, Run]:
        """Return the run that counts of each shard, of those that the store knows."""
        found: dict[int, Run] = {}
        for run in sorted((run for run in self.runs if run.order), key=lambda run: run.order):
            if run.is_opened or not (run.shard in found and found[run.shard].is_opened):
                found[run.shard] = run
        return found

    def end_records(self, run: Run) -> None:
        cancelled = run.end is SessionStatus.CANCELLED
        for item in self.fleet:
            if self.expected.get(item.name) not in OPEN:
                continue
            owner = self.owner[item.name]
            if owner is run or (owner is None and self.slices[item.id] == run.shard):
                ended = RecordStatus.CANCELLED if cancelled else RecordStatus.FAILED
                self.expected[item.name] = ended
                self.lose(item.name)

    @rule(data=st.data(), picked=st.sets(picks))
    def open(self, data: st.DataObject, picked: set[int]) -> None:
        run = data.draw(st.sampled_from(self.runs))
        is_first = not self.expected
        chosen = self.fleet if is_first else [self.fleet[pick] for pick in sorted(picked)]
        if run.end is not None:
            with pytest.raises(StaleClaim):
                self.bench.store.sessions.open(self.new(run), chosen, START)
            return
        if run.is_opened:
            return
        dead = [item for item in self.deciding().values() if item.end is not None]
        self.bench.store.sessions.open(self.new(run), chosen, START)
        self.note(run)
        run.is_opened = True
        if is_first:
            self.expected = dict.fromkeys(NAMES, RecordStatus.PENDING)
            self.owner = dict.fromkeys(NAMES)
        for item in self.fleet:
            if self.slices[item.id] == run.shard and self.is_given_out(run, item, chosen):
                self.keep(item.name)
                self.owner[item.name] = run
                self.expected[item.name] = RecordStatus.PENDING
                self.lose(item.name)
        if is_first:
            for item in dead:
                self.end_records(item)

    @rule(data=st.data(), pick=picks)
    def claim(self, data: st.DataObject, pick: int) -> None:
        instance = self.fleet[pick]
        run = data.draw(
            st.sampled_from([r for r in self.runs if r.shard == self.slices[instance.id]])
        )

        def take() -> RecordClaim:
            return self.bench.store.sessions.claim(self.session_id, instance.id, run.run_id, START)

        if run.end is not None:
            with pytest.raises(StaleClaim):
                take()
            return
        if not self.expected:
            with pytest.raises(ConfigurationError):
                take()
            return
        owner = self.owner[instance.name]
        if owner is not None and run.order and owner.order > run.order:
            with pytest.raises(StaleClaim):
                take()
            return
        if not (owner is run and self.expected[instance.name] is RecordStatus.PENDING):
            self.keep(instance.name)
        self.lose(instance.name)
        self.holder[instance.name] = take()
        self.number[instance.name] += 1
        self.note(run)
        run.is_opened = True
        self.owner[instance.name] = run
        self.expected[instance.name] = RecordStatus.RUNNING

    @precondition(lambda self: self.holder)
    @rule(data=st.data(), outcome=st.sampled_from([DONE, FAILED]))
    def finish(self, data: st.DataObject, outcome: Any) -> None:
        name = data.draw(st.sampled_from(sorted(self.holder)))
        self.bench.store.sessions.finish(self.holder[name], outcome, START)
        self.expected[name] = outcome.status
        self.lose(name)

    @precondition(lambda self: self.holder)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.holder)))
        self.bench.store.sessions.release(self.holder[name], "connect", "refused")
        owner = self.owner[name]
        assert owner is not None
        self.attempts[(name, owner.run_id, self.number[name])] = RecordStatus.FAILED
        self.expected[name] = RecordStatus.PENDING
        self.lose(name)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def write_late(self, data: st.DataObject) -> None:
        late = data.draw(st.sampled_from(self.stale))
        with pytest.raises(StaleClaim):
            self.bench.store.sessions.finish(late, DONE, START)
        with pytest.raises(StaleClaim):
            self.bench.store.sessions.release(late, "connect", "late")

    @rule(pick=picks, data=st.data())
    def fail_in_a_hook(self, pick: int, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        instance = self.fleet[pick]
        done = self.bench.store.sessions.fail_unfinished(
            self.session_id, instance.id, run.run_id, "unexpected", "hook", START
        )
        is_open = self.expected.get(instance.name) in OPEN
        assert done == (is_open and self.owner[instance.name] is run)
        if done:
            self.expected[instance.name] = RecordStatus.FAILED
            self.lose(instance.name)

    @rule(data=st.data(), status=ends)
    def close(self, data: st.DataObject, status: SessionStatus) -> None:
        run = data.draw(st.sampled_from(self.runs))
        self.bench.store.sessions.close_or_record(self.new(run), status, None, START)
        if run.end is None:
            self.note(run)
            run.end = status
            self.end_records(run)

    @rule(data=st.data())
    def execute_again(self, data: st.DataObject) -> None:
        """Launch a run of a shard again; it opens the session, or claims at once, or dies."""
        self.runs.append(Run(new_id(), data.draw(st.integers(1, self.count))))

    @invariant()
    def the_records_are_what_was_done(self) -> None:
        found = self.bench.store.sessions.records(self.session_id)
        assert {item.instance_name: item.status for item in found} == self.expected
        assert all(item.shard == self.slices[item.instance_id] for item in found)

    @invariant()
    def the_session_says_what_was_done(self) -> None:
        session = self.bench.store.sessions.get(self.session_id)
        if session is None:
            assert not self.known
            return
        self.require_counts_of_the_records(session)
        self.require_status_of_records_and_runs(session)

    def require_counts_of_the_records(self, session: Session) -> None:
        query = select(records.c.status, func.count()).where(
            records.c.session_id == self.session_id
        )
        with self.database.read() as connection:
            grouped = connection.execute(query.group_by(records.c.status)).all()
        count = Counter({str(status): number for status, number in grouped})
        assert (session.total, session.successful, session.failed) == (
            count.total(),
            count[RecordStatus.COMPLETED],
            count[RecordStatus.FAILED],
        )
        assert (session.skipped, session.cancelled) == (
            count[RecordStatus.SKIPPED],
            count[RecordStatus.CANCELLED],
        )

    def require_status_of_records_and_runs(self, session: Session) -> None:
        deciding = self.deciding()
        is_planned = bool(self.expected)
        is_finished = is_planned and not any(status in OPEN for status in self.expected.values())
        if not is_planned:
            is_finished = len([run for run in deciding.values() if run.end]) == self.count
        assert session.status.is_terminal == is_finished
        assert (session.completed_at is not None) == is_finished
        if not is_finished:
            has_begun = set(self.expected.values()) - {RecordStatus.PENDING}
            assert session.status is SessionStatus.RUNNING or not has_begun
            return
        last = {run.end for run in deciding.values()}
        kinds = set(self.expected.values())
        expected = SessionStatus.COMPLETED
        if RecordStatus.CANCELLED in kinds:
            expected = SessionStatus.CANCELLED
        if RecordStatus.FAILED in kinds or SessionStatus.FAILED in last:
            expected = SessionStatus.FAILED
        if SessionStatus.CANCELLED in last:
            expected = SessionStatus.CANCELLED
        assert session.status is expected

    @invariant()
    def every_attempt_stays(self) -> None:
        found = self.bench.store.session_reads.attempts(self.session_id)
        kept = {(item.instance_name, item.run_id, item.attempt): item.status for item in found}
        assert len(kept) == len(found)
        assert kept == self.attempts

    @invariant()
    def every_run_that_was_seen_is_on_record(self) -> None:
        runs = {item.run_id: item for item in self.bench.store.sessions.runs(self.session_id)}
        assert set(runs) == {run.run_id for run in self.runs if run.order}
        for run in self.runs:
            if run.order:
                found = runs[run.run_id]
                assert (found.shard, found.ended_at is None) == (run.shard, run.end is None)
                assert found.status is (run.end or SessionStatus.RUNNING)


@pytest.mark.parametrize("kind", STORES)
def test_a_session_stays_true_whatever_happens(kind: str, store_server: StoreServer) -> None:
    with tempfile.TemporaryDirectory() as directory, store_server.store() as url:
        local = f"sqlite:///{Path(directory) / 'store.db'}"
        database = Database(url if kind == "postgresql" else local)
        database.upgrade()
        bench = StoreBench(Store(database))
        bench.store.registry.put_credential(CREDENTIAL, START)
        hosted = [replace(an_instance(name), host=host) for name, host in HOSTS.items()]
        bench.store.registry.put_instances(hosted, START)
        fleet = list(bench.store.registry.instances())
        members = {"bench": bench, "database": database, "fleet": fleet}
        machine = type(f"SessionLife_{kind}", (SessionLife,), members)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=60,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        database.close()
