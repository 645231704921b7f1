"""The packed form of reviews. All of it can be made again: what is damaged counts as not kept.

Findings and remedies share texts, of which most stand in many of them. Nothing is unpickled, and
each blob is held against its digest before anything of it is used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from sync_pipeline.model.access import Path, Step
from sync_pipeline.model.finding import Finding, Namesake, Severity
from sync_pipeline.model.finding_life import read_steps, steps_text
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.review import RemedyKey, Undone
from sync_pipeline.store.worlds.packed import (
    as_json,
    compressed,
    decompressed,
    joined,
    parted,
)

_DIGEST = 16
_COLUMNS = 13
_COLUMNS_BEFORE = 9
"""Before there were causes; rows that have another number say it."""
_NOTHING = ("",) * (_COLUMNS - _COLUMNS_BEFORE)
ReadT = TypeVar("ReadT")


class ReviewDamaged(ValueError):
    """A blob is not what was written."""


def pack_findings(findings: Sequence[Finding]) -> bytes:
    """Return findings of one instance as bytes, each with when it was first seen.

    Raises:
        WorldError: they are more than would be read again.
    """
    texts: dict[str, int] = {}

    def number(text: str) -> int:
        return texts.setdefault(text, len(texts))

    rows = [
        [
            number(item.rule),
            number(item.account),
            number(str(item.severity)),
            number(item.evidence),
            number(item.fix),
            number(item.undo),
            number(item.left),
            number(item.about),
            number(item.first_seen.astimezone(UTC).isoformat() if item.first_seen else ""),
            number(item.breaks),
            number(item.cause),
            number(item.implied),
            number(steps_text(item.steps)),
            *(number(text) for step in item.path for text in (step.account, step.how)),
        ]
        for item in findings
    ]
    return _sealed(as_json([list(texts), rows, _COLUMNS]))


def read_findings(
    blob: bytes | None,
    instance: str,
    engine: EngineName,
    shared: Callable[[str], str] = str,
) -> tuple[Finding, ...]:
    """Return the findings of an instance; `shared` returns one text for all that are equal.

    Raises:
        ReviewDamaged: it is not what was written.
    """
    return _opened(blob, lambda plain: tuple(_findings(plain, instance, engine, shared)), ())


def _findings(
    plain: bytes, instance: str, engine: EngineName, shared: Callable[[str], str]
) -> Iterator[Finding]:
    texts, rows, *of = json.loads(plain)
    (columns,) = of or (_COLUMNS_BEFORE,)
    texts = list(map(shared, texts))
    paths: dict[tuple[int, ...], Path] = {}
    moments: dict[int, datetime | None] = {}
    for row in rows:
        rule, account, severity, evidence, fix, undo, left, about, seen = row[:_COLUMNS_BEFORE]
        more = [texts[number] for number in row[_COLUMNS_BEFORE:columns]]
        more += _NOTHING[len(more) :]
        breaks, cause, implied, told_steps = more
        steps = tuple(row[columns:])
        if steps not in paths:
            pairs = zip(steps[::2], steps[1::2], strict=True)
            paths[steps] = tuple(Step(texts[one], texts[how]) for one, how in pairs)
        if seen not in moments:
            moments[seen] = datetime.fromisoformat(texts[seen]) if texts[seen] else None
        yield Finding(
            instance,
            engine,
            texts[account],
            texts[rule],
            Severity(texts[severity]),
            texts[evidence],
            paths[steps],
            texts[fix],
            texts[undo],
            texts[left],
            texts[about],
            moments[seen],
            breaks,
            cause,
            implied,
            read_steps(told_steps),
        )


def pack_namesakes(items: Sequence[Namesake]) -> bytes | None:
    """Return what is compared of accounts as bytes; None: there is none."""
    if not items:
        return None
    shapes: dict[tuple[str, ...], int] = {}
    of = [shapes.setdefault(item.rights, len(shapes)) for item in items]
    parts = [[item.account for item in items], [list(map(list, shapes)), of]]
    return _sealed(joined([as_json(part) for part in parts]))


@dataclass(frozen=True, slots=True)
class PackedNamesakes:
    """What is compared of an instance's accounts, of which mostly the names alone are read."""

    names: Sequence[str] = ()
    rest: bytes = b""

    @classmethod
    def of(cls, blob: bytes | None) -> PackedNamesakes:
        """Return what is in a blob.

        Raises:
            ReviewDamaged: it is not what was written.
        """
        return _opened(blob, _namesakes, cls())

    def read(self, wanted: Callable[[str], bool]) -> tuple[Namesake, ...]:
        """Return those accounts whose name is wanted."""
        if not any(map(wanted, self.names)):
            return ()
        shapes, of = json.loads(self.rest)
        rights = list(map(tuple, shapes))
        pairs = zip(self.names, of, strict=True)
        return tuple(Namesake(name, rights[shape]) for name, shape in pairs if wanted(name))


def _namesakes(plain: bytes) -> PackedNamesakes:
    names, rest = parted(plain)
    return PackedNamesakes(json.loads(bytes(names)), bytes(rest))


def pack_texts(texts: Collection[str]) -> bytes | None:
    """Return texts as bytes; None: there is none."""
    return _sealed(as_json(list(texts))) if texts else None


def read_texts(blob: bytes | None) -> tuple[str, ...]:
    """Return the texts.

    Raises:
        ReviewDamaged: it is not what was written.
    """
    return _opened(blob, lambda plain: tuple(json.loads(plain)), ())


def pack_remedies(remedies: Mapping[RemedyKey, Undone]) -> bytes:
    """Return what ends findings as bytes."""
    return _sealed(as_json([[*key, *undone] for key, undone in remedies.items()]))


def read_remedies(blob: bytes | None) -> dict[RemedyKey, Undone]:
    """Return what ends findings.

    Raises:
        ReviewDamaged: it is not what was written.
    """
    return _opened(blob, _remedies, {})


def _remedies(plain: bytes) -> dict[RemedyKey, Undone]:
    # Before there were causes, nothing said what breaks.
    return {
        (account, more): (fix, undo, left, *(breaks or ("",)))
        for account, more, fix, undo, left, *breaks in json.loads(plain)
    }


def _sealed(plain: bytes) -> bytes:
    blob = compressed(plain)
    return hashlib.sha256(blob).digest()[:_DIGEST] + blob


def _opened(sealed: bytes | None, read: Callable[[bytes], ReadT], nothing: ReadT) -> ReadT:
    """Return what is read of a sealed blob."""
    if sealed is None:
        return nothing
    digest, blob = sealed[:_DIGEST], sealed[_DIGEST:]
    if hashlib.sha256(blob).digest()[:_DIGEST] != digest:
        raise ReviewDamaged("the digest is of something else")
    try:
        return read(decompressed(blob))
    except (IndexError, KeyError, TypeError, ValueError) as error:
        raise ReviewDamaged(f"{type(error).__name__}: {error}") from None
