"""What a fleet of teams had in another system: sessions over all of it, accounts, changes.

Whatever belongs to a team has its word in it. Some changes are of moments at which this system
synced already: both ran for a while.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import NAMESPACE_OID, uuid5

from sync_pipeline.model.imported import (
    ImportedAccount,
    ImportedChange,
    ImportedRecord,
    ImportedRow,
    ImportedSession,
    ImportKind,
    ImportMark,
)
from sync_pipeline.model.instance import Instance
from sync_pipeline.store.store import Store

SOURCE, KIND = "whalefall", "sync session"
SESSIONS = 3
Member = tuple[Instance, str]
"""An instance, and the word of its team."""


def move_in(store: Store, fleet: Sequence[Member], seed: int, now: datetime) -> None:
    """Write the past of a fleet as an import does; its last hours are of ours, too."""
    began = store.imports.begin(SOURCE, now).started_at
    rows: dict[ImportKind, list[ImportedRow]] = {
        ImportKind.SESSIONS: [_session(fleet, number, seed, now) for number in range(SESSIONS)],
        ImportKind.RECORDS: [
            _record(item, word, number, place, seed, now)
            for number in range(SESSIONS)
            for place, (item, word) in enumerate(fleet)
            if random.Random(f"{seed}{item.name}{number}moved").random() < 0.7
        ],
        ImportKind.ACCOUNTS: [
            _account(item, word, name, 10 * place + number, now)
            for place, (item, word) in enumerate(fleet)
            for number, name in enumerate(("shared", f"{word}_old"))
        ],
        ImportKind.CHANGES: [
            _change(item, word, name, 100 * place + 10 * number + back, seed, now)
            for place, (item, word) in enumerate(fleet)
            for number, name in enumerate(("shared", f"{word}_old"))
            for back in range(4)
        ],
    }
    for kind, own in rows.items():
        store.imports.put(
            SOURCE, ImportMark(kind), ImportMark(kind, (1,), is_done=True), own, began
        )
    store.imports.finish(SOURCE, now)


def _id(number: int, seed: int) -> str:
    return str(uuid5(NAMESPACE_OID, f"moved {seed} {number}"))


def _session(fleet: Sequence[Member], number: int, seed: int, now: datetime) -> ImportedSession:
    words = sorted({word for _, word in fleet})
    at = now - timedelta(days=30 - number, minutes=number)
    return ImportedSession(
        KIND, _id(number, seed), "account", "manual_single", "", "failed", at,
        at + timedelta(minutes=9), len(fleet), 1, len(fleet) - 1, f"user {words[-1]}",
        f"{' and '.join(words)} failed",
    )  # fmt: skip


def _record(
    item: Instance, word: str, number: int, place: int, seed: int, now: datetime
) -> ImportedRecord:
    chance = random.Random(f"{seed}{item.name}{number}record")
    status = chance.choice(["completed", "failed", "cancelled"])
    at = now - timedelta(days=30 - number)
    return ImportedRecord(
        KIND, 1000 * number + place, _id(number, seed), item.id, item.name, "account", status, at,
        at + timedelta(seconds=chance.randint(1, 500)), chance.randint(0, 9), 0, 0, 0,
        f"{word} refused" if status == "failed" else "", json.dumps({"of": [word], "empty": []}),
    )  # fmt: skip


def _account(item: Instance, word: str, name: str, number: int, now: datetime) -> ImportedAccount:
    seen = now - timedelta(days=300)
    return ImportedAccount(
        number, item.id, name, "", name == "shared", seen, None, now, seen,
        word < "n" and name == "shared", False,
        json.dumps({"snapshot": {"roles": [f"{word}_role"], "more": [{"on": word}]}}),
    )  # fmt: skip


def _change(
    item: Instance, word: str, name: str, number: int, seed: int, now: datetime
) -> ImportedChange:
    chance = random.Random(f"{seed}{item.name}{name}{number % 10}change")
    # Every thirty minutes of the last hours this system synced, too.
    back = (
        timedelta(minutes=30 * chance.randint(1, 3))
        if chance.random() < 0.4
        else timedelta(days=chance.randint(1, 4))
    )
    kind = chance.choice(["add", "modify_privilege", "modify_other"])
    return ImportedChange(
        number, item.id, name, kind, now - back, _id(number % 10 % SESSIONS, seed),
        (f"granted SELECT ({word})",), json.dumps({"message": word}),
    )  # fmt: skip
