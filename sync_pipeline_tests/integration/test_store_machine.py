"""Random lives of one session: runs, attempts, late writers, ends. Its state stays true."""

from __future__ import annotations

import tempfile
from collections import Counter
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

from sync_pipeline.errors import StaleClaim
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.session import RecordClaim, RecordStatus, SessionStatus
from sync_pipeline.store.store import Store
from sync_pipeline_tests.integration.store_bench import DONE, FAILED, START, StoreBench, new_id
from sync_pipeline_tests.servers.fixtures_store import STORES, store_database
from sync_pipeline_tests.servers.running import RunningServer

NAMES = ("a", "b", "c")
picks = st.integers(0, len(NAMES) - 1)


class SessionLife(RuleBasedStateMachine):
    """A session in a store that all examples share, beside what must be true of it.

    `holder` has the claim that may write each record, where one may: the newest, of a
    record that runs.
    """

    bench: StoreBench
    fleet: list[Instance]

    @initialize()
    def open(self) -> None:
        self.session_id = new_id()
        self.runs = [self.session_id]
        self.ended: set[str] = set()
        self.bench.open(self.fleet, self.session_id)
        self.expected = dict.fromkeys(NAMES, RecordStatus.PENDING)
        self.holder: dict[str, RecordClaim] = {}
        self.stale: list[RecordClaim] = []

    @property
    def run(self) -> str:
        return self.runs[-1]

    def lose(self, name: str) -> None:
        if name in self.holder:
            self.stale.append(self.holder.pop(name))

    @rule(pick=picks)
    def claim(self, pick: int) -> None:
        instance = self.fleet[pick]
        if self.run in self.ended:
            with pytest.raises(StaleClaim):
                self.bench.store.sessions.claim(self.session_id, instance.id, self.run, START)
            return
        self.lose(instance.name)
        self.holder[instance.name] = self.bench.store.sessions.claim(
            self.session_id, instance.id, self.run, START
        )
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
        self.bench.store.sessions.release(self.holder[name], "connect", "refused", START)
        self.expected[name] = RecordStatus.PENDING
        self.lose(name)

    @precondition(lambda self: self.stale)
    @rule(data=st.data())
    def write_late(self, data: st.DataObject) -> None:
        late = data.draw(st.sampled_from(self.stale))
        with pytest.raises(StaleClaim):
            self.bench.store.sessions.finish(late, DONE, START)
        with pytest.raises(StaleClaim):
            self.bench.store.sessions.release(late, "connect", "late", START)

    @rule(pick=picks, data=st.data())
    def fail_in_a_hook(self, pick: int, data: st.DataObject) -> None:
        run = data.draw(st.sampled_from(self.runs))
        instance = self.fleet[pick]
        done = self.bench.store.sessions.fail_unfinished(
            self.session_id, instance.id, run, "unexpected", "hook", START
        )
        is_open = not self.expected[instance.name].is_terminal
        assert done == (is_open and run == self.run)
        if done:
            self.expected[instance.name] = RecordStatus.FAILED
            self.lose(instance.name)

    @rule(
        data=st.data(),
        status=st.sampled_from(
            [SessionStatus.FAILED, SessionStatus.CANCELLED, SessionStatus.COMPLETED]
        ),
    )
    def close(self, data: st.DataObject, status: SessionStatus) -> None:
        run = data.draw(st.sampled_from(self.runs))
        self.bench.store.sessions.close_run(self.session_id, run, status, "over", START)
        if run != self.run or run in self.ended:
            return
        self.ended.add(run)
        cancelled = status is SessionStatus.CANCELLED
        for name in NAMES:
            if not self.expected[name].is_terminal:
                ended = RecordStatus.CANCELLED if cancelled else RecordStatus.FAILED
                self.expected[name] = ended
                self.lose(name)

    @rule(picked=st.sets(picks, min_size=1))
    def execute_again(self, picked: set[int]) -> None:
        self.runs.append(new_id())
        chosen = [self.fleet[pick] for pick in sorted(picked)]
        self.bench.open(chosen, self.session_id, self.run)
        for instance in chosen:
            self.lose(instance.name)
            self.expected[instance.name] = RecordStatus.PENDING

    @invariant()
    def the_records_are_what_was_done(self) -> None:
        records = self.bench.store.sessions.records(self.session_id)
        assert {item.instance_name: item.status for item in records} == self.expected

    @invariant()
    def the_session_follows_from_its_records(self) -> None:
        session = self.bench.session(self.session_id)
        count = Counter(self.expected.values())
        counted = (session.successful, session.failed, session.skipped, session.cancelled)
        assert counted == (
            count[RecordStatus.COMPLETED],
            count[RecordStatus.FAILED],
            count[RecordStatus.SKIPPED],
            count[RecordStatus.CANCELLED],
        )
        is_finished = all(status.is_terminal for status in self.expected.values())
        assert session.status.is_terminal == is_finished
        assert (session.completed_at is not None) == is_finished
        if session.status is SessionStatus.COMPLETED:
            assert set(count) == {RecordStatus.COMPLETED}


@pytest.mark.parametrize("kind", STORES)
def test_a_session_stays_true_whatever_happens(kind: str, postgresql_server: RunningServer) -> None:
    with tempfile.TemporaryDirectory() as directory, store_database(postgresql_server) as url:
        local = f"sqlite:///{Path(directory) / 'store.db'}"
        store = Store.open(url if kind == "postgresql" else local)
        bench = StoreBench(store)
        members = {"bench": bench, "fleet": bench.fleet(*NAMES)}
        machine = type(f"SessionLife_{kind}", (SessionLife,), members)
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=60,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        store.close()
