"""Pages of what was imported, as the store lists it: each row once, whatever is alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sync_pipeline.model.imported import ImportedRecord, ImportedSession, ImportKind, ImportMark
from sync_pipeline.model.page import Key, Place, SessionQuestion
from sync_pipeline.model.viewer import Reach
from sync_pipeline.store.store import Store
from workbench.benches.store_bench import CREDENTIAL, an_instance

NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
SESSION = ImportedSession(
    "sync session", "s1", "account", "manual_single", "", "completed", NOW, NOW, 0, 0, 0, "", ""
)


def put_sessions(store: Store, source: str, *rows: ImportedSession) -> None:
    store.imports.begin(source, NOW)
    for kind, word in ((ImportKind.SESSIONS, "sync session"), (ImportKind.RUNS, "task run")):
        own = [row for row in rows if row.kind == word]
        store.imports.put(source, ImportMark(kind), ImportMark(kind, (1,), is_done=True), own, NOW)
    store.imports.finish(source, NOW)


@pytest.mark.parametrize("is_oldest_first", [False, True])
def test_a_session_that_two_systems_have_is_listed_of_each(
    store: Store, *, is_oldest_first: bool
) -> None:
    """As where one was a copy of the other: no page loses one, and none has one again."""
    rows = [
        SESSION,
        replace(SESSION, kind="task run"),
        replace(SESSION, session_id="s2", started_at=NOW - timedelta(hours=1)),
    ]
    for source in ("copy", "whalefall"):
        put_sessions(store, source, *rows)
    asked = SessionQuestion(is_oldest_first=is_oldest_first)
    for limit in (1, 2, 5):
        seen: list[tuple[str, str, str]] = []
        after: Key | None = None
        while len(seen) < 2 * len(rows):
            page = store.imported_pages.sessions(Reach(), asked, Place(limit, after))
            seen += [(item.source, item.kind, item.session_id) for item in page.items]
            after = page.next
            if after is None:
                break
        assert len(seen) == len(set(seen)) == 2 * len(rows)
        assert after is None
        ids = [item[2] for item in seen]
        assert ids == (["s2"] * 2 + ["s1"] * 4 if is_oldest_first else ["s1"] * 4 + ["s2"] * 2)


def test_numbers_of_a_team_follow_an_import_that_goes_on(store: Store) -> None:
    """Its sessions come before the records that are counted."""
    store.registry.put_credential(CREDENTIAL, NOW)
    store.registry.put_instances([replace(an_instance("one"), tags=("blue",))], NOW)
    (instance,) = store.registry.instances()
    store.imports.begin("whalefall", NOW)
    marks = [ImportMark(ImportKind.RECORDS, (place,)) for place in range(1, 3)]
    before, reach = ImportMark(ImportKind.RECORDS), Reach(("blue",))
    kind = ImportMark(ImportKind.SESSIONS)
    store.imports.put("whalefall", kind, replace(kind, place=(1,)), [SESSION], NOW)
    totals = []
    for number, mark in enumerate(marks):
        row = ImportedRecord(
            SESSION.kind, number, "s1", instance.id, "one", "account", "completed", NOW, NOW,
            0, 0, 0, 0, "", "",
        )  # fmt: skip
        store.imports.put("whalefall", before, mark, [row], NOW)
        before = mark
        found = store.imported_pages.session(reach, "s1")
        assert found is not None
        totals.append(found.total)
    assert totals == [1, 2]
