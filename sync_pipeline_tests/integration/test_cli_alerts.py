"""The commands of alerts: what is in force, what would match, and what would have been told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sync_pipeline.model.event import Event, EventKind
from sync_pipeline.model.finding import Severity
from workbench.benches.alerts_bench import Ear, happen, tell
from workbench.benches.command import Command
from workbench.benches.store_bench import StoreBench
from workbench.benches.watch_bench import WatchBench
from workbench.servers.inboxes import web_inbox

TOKEN = "T0K3N-in-the-path"
FILE = """
routes:
  security:
    channel: slack
    url: env:SECURITY_URL
  digest:
    channel: webhook
    url: env:NOT_SET
    when: daily 08:00
    quiet: 22:00-07:00
    most_lines: 2
rules:
  - name: power
    match: {event: [power_gained, power_lost], severity: high, tag: team=billing}
    routes: [security, digest]
  - match: {instance: b%}
    routes: digest
"""


@pytest.fixture
def fleet(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Command:
    """Two instances, of which one has a tag, and the file."""
    file = tmp_path / "alerts.yaml"
    file.write_text(FILE)
    file.chmod(0o600)
    monkeypatch.setenv("SYNC_PIPELINE_ALERTS_FILE", str(file))
    monkeypatch.setenv("SECURITY_URL", f"http://127.0.0.1:9/{TOKEN}")
    store = command.store()
    one, _ = StoreBench(store).fleet("a", "b")
    tagged = replace(one, tags=("team=billing",))
    store.registry.put_instances([tagged], datetime.now(UTC))
    store.close()
    return command


def write(fleet: Command, *found: tuple[str, EventKind, str]) -> datetime:
    """Write events of yesterday at noon, an hour apart, and return when that was."""
    began = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=0, second=0)
    store = fleet.store()
    ids = {item.name: item.id for item in store.registry.instances()}
    happen(
        store,
        *(
            Event(
                kind,
                Severity.HIGH,
                ids[name],
                name,
                began + timedelta(hours=number),
                "=cmd()",
                subject,
            )
            for number, (name, kind, subject) in enumerate(found)
        ),
    )
    store.close()
    return began


def test_what_is_in_force(fleet: Command) -> None:
    said = fleet.ok("alerts", "rules")
    plain = " ".join(said.out.split())
    assert "high or worse; event: power_gained, power_lost; tag: team=billing" in plain
    assert "the route digest (webhook) tells daily 08:00, quiet 22:00-07:00." in plain
    found = fleet.ok("alerts", "rules", "--json").json
    assert [item["name"] for item in found["rules"]] == ["power", "rule 2"]
    (security, digest) = found["routes"]
    assert (security["url"], security["when"]) == ("env:SECURITY_URL", "at once")
    assert (digest["quiet"], digest["most_lines"]) == (["22:00-07:00"], 2)
    assert TOKEN not in f"{said.out} {said.err} {found}"
    assert "power" in fleet.run("alerts", "rules", "--csv").out


def test_what_would_match_what(fleet: Command) -> None:
    found = fleet.ok("alerts", "rules", "--event", "power_gained", "--instance", "a", "--json").json
    assert [(item["event"], item["rules"]) for item in found] == [("power_gained", ["power"])]
    assert [item["route"] for item in found[0]["told"]] == ["security", "digest"]
    low = fleet.ok("alerts", "rules", "--event", "power_gained", "--severity", "low", "--json").json
    assert low == [{"event": "power_gained", "severity": "low", "rules": [], "told": []}]
    every = fleet.ok("alerts", "rules", "--instance", "b", "--json").json
    assert [item["event"] for item in every] == list(EventKind)
    assert {tuple(item["rules"]) for item in every} == {("rule 2",)}
    assert "rule 2" in fleet.ok("alerts", "rules", "--instance", "b").out
    assert "does not exist" in fleet.wrong("alerts", "rules", "--instance", "nowhere")


def test_a_file_that_is_not_valid_is_told_with_its_line(fleet: Command, tmp_path: Path) -> None:
    (tmp_path / "alerts.yaml").write_text("routes: {}\nrules:\n  - routs: x\n")
    assert "line 3, rules[1].routs: Extra inputs" in fleet.wrong("alerts", "rules")


def test_a_replay_tells_what_would_have_been_told_and_sends_nothing(fleet: Command) -> None:
    gained, lost = EventKind.POWER_GAINED, EventKind.POWER_LOST
    began = write(
        fleet,
        ("a", gained, "superuser"),
        ("a", lost, "superuser"),
        ("a", gained, "superuser"),
        ("b", EventKind.DATABASE_GONE, "shop"),
        ("a", EventKind.DATABASE_GONE, "shop"),
        ("a", gained, "grant_admin"),
    )
    found = fleet.ok("alerts", "replay", "--since", "7d", "--json").json
    at_once = [item for item in found if item["route"] == "security"]
    assert [item["events"] for item in at_once] == [
        ["power_gained"],
        ["power_lost"],
        ["power_gained"],
        ["power_gained"],
    ]
    digest = [item for item in found if item["route"] == "digest"]
    assert [item["subject"] for item in digest] == ["superuser", "shop"]
    assert digest[0]["events"] == ["power_gained", "power_lost", "power_gained"]
    assert "gained superuser, then lost, then gained" in digest[0]["text"]
    assert [item["more"] for item in digest] == [0, 1]
    assert {item["at"] for item in digest} == {
        (began + timedelta(days=1)).replace(hour=8, microsecond=0).isoformat()
    }
    said = fleet.ok("alerts", "replay", "--since", "7d")
    assert "1 more lines of the message on digest" in " ".join(said.out.split())
    cells = fleet.run("alerts", "replay", "--since", "7d", "--csv").out
    assert ",'=cmd()," in cells
    until = (began + timedelta(hours=1)).isoformat()
    short = fleet.ok("alerts", "replay", "--since", "7d", "--until", until, "--json").json
    assert [item["route"] for item in short] == ["security", "digest"]
    assert "not after" in fleet.wrong("alerts", "replay", "--since", "1h", "--until", "2h")
    assert "Nothing would have been told." in fleet.ok("alerts", "replay", "--since", "1m").out
    store = fleet.store()
    assert store.outbox.states(datetime.now(UTC)) == {}
    store.close()


def test_routes_are_tried_one_by_one(fleet: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with web_inbox() as web:
        monkeypatch.setenv("SECURITY_URL", f"{web.url}/{TOKEN}")
        assert fleet.ok("alerts", "test", "--route", "security").out == "security: sent\n"
        said = fleet.run("alerts", "test")
    assert said.status == 1
    assert "security: sent" in said.out
    assert "The environment variable NOT_SET of the secret is not set" in said.out
    assert TOKEN not in said.out + said.err
    assert "There is no route 'x'" in fleet.wrong("alerts", "test", "--route", "x")


def test_what_waits_and_why_is_shown(fleet: Command) -> None:
    store = fleet.store()
    bench = WatchBench(store, fleet.home, datetime.now(UTC))
    ids = {item.name: item.id for item in store.registry.instances()}
    happen(
        store, Event(EventKind.POWER_GAINED, Severity.HIGH, ids["a"], "a", bench.now, "bob", "x")
    )
    tell(bench.deps, Ear("security", works=False))
    tell(bench.deps, Ear("called-anew", works=False))
    happen(store, Event(EventKind.POWER_LOST, Severity.HIGH, ids["a"], "a", bench.now, "bob", "x"))
    tell(bench.deps, Ear("called-anew", works=False))
    store.close()
    said = " ".join(fleet.ok("alerts", "rules").out.split())
    assert "1 events wait; failed 1 times, last: The alert was not sent to security" in said
    (security, _) = fleet.ok("alerts", "rules", "--json").json["routes"]
    assert (security["waiting"], security["failures"]) == (1, 1)
    assert "it is away" in security["error"]
    assert "there is no route called-anew any more, on which 1 events wait" in said
    assert fleet.ok("alerts", "rules", "--json").json["gone"] == [
        {"name": "called-anew", "waiting": 1}
    ]
    assert ".." not in said
