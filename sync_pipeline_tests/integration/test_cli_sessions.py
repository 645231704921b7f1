"""`sync-pipeline sessions show` of a session over several runs."""

from __future__ import annotations

from dataclasses import replace

from sync_pipeline.model.session import SessionStatus
from sync_pipeline.model.shard import Shard
from workbench.benches.command import Command
from workbench.benches.store_bench import (
    CREDENTIAL,
    START,
    StoreBench,
    an_instance,
    new_id,
    new_session,
)


def test_the_runs_of_a_session_are_shown(command: Command) -> None:
    bench = StoreBench(command.store())
    sessions = bench.store.sessions
    bench.store.registry.put_credential(CREDENTIAL, START)
    fleet = [replace(an_instance(name), host=name) for name in ("a", "b")]
    bench.store.registry.put_instances(fleet, START)
    session_id, first = new_id(), new_id()
    new = replace(new_session(session_id, first), shard=Shard(1, 2))
    sessions.open(new, bench.store.registry.instances(), START)
    sessions.close_run(session_id, None, SessionStatus.FAILED, "Nobody launched it.", START, 2)

    shown = command.ok("sessions", "show", session_id).out.replace("│", " ")
    words = " ".join(shown.split())
    assert f"1/2 {first} running" in words
    assert "2/2 never launched failed" in words
    runs = command.ok("sessions", "show", session_id, "--json").json["runs"]
    assert [(run["shard"], run["run_id"], run["error"]) for run in runs] == [
        (1, first, None),
        (2, None, "Nobody launched it."),
    ]


def test_the_attempts_before_and_what_is_repeated_are_shown(command: Command) -> None:
    bench = StoreBench(command.store())
    sessions = bench.store.sessions
    (one,) = bench.fleet("one")
    first = bench.open([one])
    bench.claim(first, one)
    sessions.close_run(first.session_id, first.run_id, SessionStatus.FAILED, "It died.", START)
    bench.open([one], first.session_id, new_id())
    repeating = replace(new_session(new_id()), repeats=first.session_id)
    sessions.open(repeating, [one], START)

    shown = command.ok("sessions", "show", first.session_id)
    words = " ".join(shown.out.replace("│", " ").split())
    assert "Attempts before:" in words
    assert f"one 1 failed {first.run_id}" in words
    assert "It died." in words
    answer = command.ok("sessions", "show", first.session_id, "--json").json
    (attempt,) = answer["attempts"]
    assert (attempt["instance_name"], attempt["run_id"], attempt["status"]) == (
        "one", first.run_id, "failed",
    )  # fmt: skip
    other = command.ok("sessions", "show", repeating.session_id)
    assert f"It repeats session {first.session_id}" in " ".join(other.out.split())
    answer = command.ok("sessions", "show", repeating.session_id, "--json").json
    assert answer["session"]["repeats"] == first.session_id
    assert answer["attempts"] == []
