"""`accounts list` shows what it showed when it made all states first, and keeps none of them."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from sync_pipeline.cli.context import json_text
from sync_pipeline.cli.output import Output, OutputFormat, time_cell
from sync_pipeline.errors import StoreDamaged
from sync_pipeline.model.account import AccountState
from sync_pipeline.model.inventory import AccountFilter, AccountView
from sync_pipeline.store import account_views
from sync_pipeline.store.schema import instance_worlds, instances
from sync_pipeline.store.store import Store
from workbench.benches.command import Command
from workbench.scale.filled import filled_fleet
from workbench.scale.inventories import FleetWorld

WORLD = FleetWorld(instances=4, accounts=25, grants=240)
ASKED: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "all": ((), {}),
    "some": (("--limit", "30"), {"limit": 30}),
    "by name": (("--name", "u1%"), {"name": "u1%"}),
    "gone too": (("--all",), {"only_active": False}),
    "superusers": (("--superusers",), {"only_superusers": True}),
    "locked": (("--locked",), {"only_locked": True}),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with filled_fleet(tmp_path_factory.mktemp("fleet"), "sqlite", WORLD, 0.5) as fleet:
        yield fleet.home


@pytest.fixture
def command(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    command = Command(home, monkeypatch, capsys)
    yield command
    command.close()


def as_before(command: Command, form: str, wanted: AccountFilter) -> str:
    """Return what the command printed when it made a list of all accounts with all grants."""
    damage: list[StoreDamaged] = []
    found = command.store().accounts.find(wanted, damage.append)
    command.capture.readouterr()
    if form == "json":
        return json_text([seen(item) for item in found]) + "\n"
    rows = [
        (
            item.instance, item.state.name, item.state.kind, words(item.state),
            ", ".join(membership.role for membership in item.state.memberships),
            len(item.state.grants), time_cell(item.last_change_at), time_cell(None),
        )
        for item in found
    ]  # fmt: skip
    columns = (
        *("instance", "account", "kind", "state", "roles", "grants"),
        *("last change", "last used"),
    )
    nothing = "No account matches. Sync first: sync-pipeline run account-sync."
    Output(OutputFormat(form)).show(columns, rows, nothing)
    return command.capture.readouterr().out


def seen(view: AccountView) -> dict[str, Any]:
    times = ("first_seen_at", "last_seen_at", "last_sync_at", "last_change_at")
    return {
        "instance": view.instance, "engine": view.engine, "is_active": view.is_active,
        **{name: getattr(view, name).isoformat() for name in times},
        "session_id": view.session_id, "is_provider": False,
        "use": {**dict.fromkeys(("first_at", "last_at", "by", "maybe_at", "coverage"))},
        "state": view.state.to_json(),
    }  # fmt: skip


def words(state: AccountState) -> str:
    said = [
        word
        for word, holds in (
            ("superuser", state.is_superuser), ("locked", state.is_locked),
            ("can log in", state.can_login),
        )
        if holds
    ]  # fmt: skip
    return ", ".join(said or ["cannot log in"])


@pytest.mark.parametrize(
    ("form", "asked"), [("table", "all"), ("csv", "all"), *(("json", asked) for asked in ASKED)]
)
def test_the_bytes_are_those_of_before(command: Command, form: str, asked: str) -> None:
    options, wanted = ASKED[asked]
    said = command.ok("accounts", "list", "--format", form, *options)
    assert said.out == as_before(command, form, AccountFilter(**wanted))
    if asked == "all" and form == "json":
        assert len(said.json) == WORLD.instances * WORLD.accounts
        assert any(item["state"]["grants"] for item in said.json)


@pytest.mark.parametrize(
    ("form", "part"), [("table", "grants"), ("csv", "accounts"), ("json", "grants")]
)
def test_an_instance_with_damage_is_left_out_and_named(
    command: Command, form: str, part: str
) -> None:
    """Also one behind those that are shown."""
    store = command.store()
    last = select(instances.c.id).order_by(instances.c.name.desc()).offset(1).limit(1)
    own = instance_worlds.c.instance_id == last.scalar_subquery()
    with store._database.read() as connection:
        whole = connection.scalar(select(instance_worlds.c[part]).where(own))
    try:
        _put(store, own, part, b"\0" + bytes(whole or b""))
        said = command.run("accounts", "list", "--format", form)
        whole_out = as_before(command, form, AccountFilter())
        notes = said.err if form != "table" else said.out
        assert said.status == 0
        assert "What the store keeps of its accounts is not what was written" in notes
        assert said.out.endswith(whole_out)
        named = f"instance-{WORLD.instances - 1:05}"
        alone = command.run("accounts", "list", "--format", form, "--instance", named)
        assert (alone.status, alone.out) == (3, "")
    finally:
        _put(store, own, part, whole)


def _put(store: Store, own: Any, part: str, value: object) -> None:
    with store._database.write() as connection:
        connection.execute(update(instance_worlds).where(own).values({part: value}))


def _states() -> int:
    gc.collect()  # what is garbage already is kept by nobody
    return sum(type(item) is AccountState for item in gc.get_objects())


@pytest.mark.parametrize("form", ["json", "table"])
def test_no_more_states_are_kept_than_of_one_instance(
    command: Command, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted when the last account is shown. A table and CSV make no grant at all."""
    kept: list[int] = []
    view = account_views.view_of

    def counting(row: Any, state: AccountState) -> AccountView:
        if row.name == f"instance-{WORLD.instances - 1:05}" and not kept:
            kept.append(_states() - before)
        assert form == "json" or not state.grants
        return view(row, state)

    monkeypatch.setattr(account_views, "view_of", counting)
    before = _states()
    command.ok("accounts", "list", "--format", form)
    assert kept
    assert 0 < kept[0] <= 2 * WORLD.accounts
