"""`sync-pipeline maintenance`, and what `instances` shows of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.model.breaker import Streak
from sync_pipeline.model.session import SyncCategory
from workbench.benches.command import CANARY, Command


@pytest.fixture
def fleet(command: Command) -> Command:
    """Return the command with two instances, of which one has a tag."""
    add = ("credentials", "add", "monitor", "--username", "watcher", "--password-stdin")
    command.ok(*add, stdin=f"{CANARY}\n")
    for name, *more in (("billing", "--tag", "team=billing"), ("shop",)):
        place = ("--engine", "mysql", "--host", "db", "--credential", "monitor")
        command.ok("instances", "add", name, *place, *more)
    return command


def windows(command: Command, *options: str) -> list[tuple[object, ...]]:
    found = command.ok("maintenance", "list", "--json", *options).json
    return [(item["instance_name"] or item["tag"], item["is_active"]) for item in found]


def test_maintenance_begins_is_shown_and_ends(fleet: Command) -> None:
    said = fleet.ok("maintenance", "start", "--instance", "shop", "--hours", "2", "--reason", "mv")
    assert "Maintenance 1 of shop holds 1 instances until " in said.out
    assert "Runs that have begun are not stopped." in said.out
    assert windows(fleet) == [("shop", True)]
    assert "holds" in fleet.ok("maintenance", "list").out
    assert "Maintenance 1 of shop ended." in fleet.ok("maintenance", "end", "1").out
    assert windows(fleet) == []
    assert windows(fleet, "--all") == [("shop", False)]
    assert "ended early" in fleet.ok("maintenance", "list", "--all").out
    assert "maintenance start" in fleet.ok("maintenance", "list").out


def test_maintenance_of_a_tag_and_the_end_as_it_was_given(fleet: Command) -> None:
    until = (datetime.now(UTC) + timedelta(days=3)).replace(microsecond=0)
    local = until.astimezone().isoformat()
    fleet.ok("maintenance", "start", "--tag", "team=billing", "--until", local, "--reason", "x")
    (found,) = fleet.ok("maintenance", "list", "--json").json
    assert (found["tag"], datetime.fromisoformat(found["ends_at"])) == ("team=billing", until)
    said = fleet.ok("maintenance", "start", "--tag", "nobody", "--hours", "1", "--reason", "x")
    assert "Note: no instance has the tag nobody now" in said.out


def test_instances_show_what_holds_them(fleet: Command) -> None:
    fleet.ok("maintenance", "start", "--tag", "team=billing", "--hours", "2", "--reason", "move")
    store = fleet.store()
    shop = store.registry.instance("shop")
    assert shop is not None
    last = datetime.now(UTC)
    for number in range(5):
        failed = Streak(shop.id, SyncCategory.ACCOUNT, 1, last, "connect", "refused")
        store.streaks.lengthen(failed, f"session {number}")
    store.close()
    billing, shown = fleet.ok("instances", "list", "--json").json
    assert billing["maintenance"]["reason"] == "move"
    assert billing["not_reached"] == []
    assert shown["maintenance"] is None
    (not_reached,) = shown["not_reached"]
    assert (not_reached["category"], not_reached["failures"]) == ("account", 5)
    due = datetime.fromisoformat(not_reached["next_try_at"])
    assert due == last + timedelta(seconds=1800)
    table = fleet.ok("instances", "show", "shop").out
    assert "refused" in table
    assert "failures: 5" in table
    assert "on hold" in fleet.ok("instances", "list").out


WRONG = [
    ("--instance shop --until 2020-01-01 --reason x", "is past"),
    ("--instance shop --hours 1e9 --reason x", "more than 366 days away"),
    ("--instance shop --until tomorrow --reason x", "is not a time"),
    ("--instance nobody --hours 1 --reason x", "'nobody' does not exist"),
    ("--instance shop --tag a=b --hours 1 --reason x", "an instance or a tag, and not both"),
    ("--hours 1 --reason x", "an instance or a tag, and not both"),
    ("--instance shop --reason x", "--until or --hours, and not both"),
    ("--instance shop --hours 1 --until 2099-01-01 --reason x", "--until or --hours"),
    ("--instance shop --hours 1 --reason=", "reason is empty"),
    ("--tag= --hours 1 --reason x", "tag is empty"),
]


def test_wrong_input_is_refused_with_a_sentence(fleet: Command) -> None:
    for options, reason in WRONG:
        assert reason in fleet.wrong("maintenance", "start", *options.split()), options
    assert windows(fleet, "--all") == []
    assert "number 7 is open" in fleet.wrong("maintenance", "end", "7")
