"""Packed findings: what is written is read, also what an older version wrote."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest

from sync_pipeline.model.access import Step
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.store.reviews.packing import (
    ReviewDamaged,
    pack_findings,
    pack_remedies,
    read_findings,
    read_remedies,
)
from sync_pipeline.store.worlds.packed import as_json, compressed

FINDING = Finding(
    "i",
    EngineName.MYSQL,
    "a\u2028\n'x",
    "superuser",
    Severity.HIGH,
    "It may.",
    (Step("a"), Step("dba", "member")),
    "FIX;",
    "UNDO;",
    "Left.",
    "database d",
    datetime(2026, 11, 30, tzinfo=UTC),
    breaks="It breaks.",
    cause="superuser: dba",
    implied="grant-admin",
)


def sealed(value: object) -> bytes:
    blob = compressed(as_json(value))
    return hashlib.sha256(blob).digest()[:16] + blob


def test_what_is_written_is_read() -> None:
    (found,) = read_findings(pack_findings([FINDING]), "i", EngineName.MYSQL)
    assert found == FINDING
    assert found.first_seen == FINDING.first_seen


def test_rows_from_before_there_were_causes_are_read() -> None:
    texts = ["superuser", "a", "high", "It may.", "FIX;", "UNDO;", "", "dba", "member"]
    old = sealed([texts, [[0, 1, 2, 3, 4, 5, 6, 6, 6, 1, 6, 7, 8]]])
    (found,) = read_findings(old, "i", EngineName.MYSQL)
    assert found.path == (Step("a"), Step("dba", "member"))
    assert (found.fix, found.breaks, found.cause, found.implied) == ("FIX;", "", "", "")


def test_remedies_from_before_are_read() -> None:
    key = ("a", "digest")
    assert read_remedies(sealed([["a", "digest", "F;", "U;", "L."]])) == {
        key: ("F;", "U;", "L.", "")
    }
    kept = {key: ("F;", "U;", "L.", "B.")}
    assert read_remedies(pack_remedies(kept)) == kept


def test_rows_of_another_shape_are_damaged() -> None:
    with pytest.raises(ReviewDamaged):
        read_findings(sealed([["x"], [[0]], 12, 13]), "i", EngineName.MYSQL)
