"""Whether a reading of an instance is the one that its accounts were made of."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

from sync_pipeline.collect.reading import AccountReading
from sync_pipeline.engines.registry import read_statements
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.instance import Instance
from sync_pipeline.model.reads import ReadMarks, Reads
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.answers.classification import classes_text

_PACKAGE = "sync_pipeline"
_BESIDE = frozenset(
    {
        *("cli", "notify", "orchestration", "report", "web"),
        *("store/console", "workflows/console"),
    }
)
"""The rooms whose code says nothing of what an account is; all others count."""
_SUFFIXES = (".py", ".sql")


def basis_of(settings: Settings, instance: Instance, reading: AccountReading) -> str:
    """Return a digest (hex) of all that the result of a sync depends on beside the rows.

    The code is among it: what a newer version would see in the same rows is looked at. Of the
    registry it is what rules of classes look at.
    """
    parts = (
        code_digest(),
        sys.version,
        settings.detail_level,
        settings.max_databases,
        settings.include_system_accounts,
        settings.excluded_accounts,
        _classes(settings),
        (instance.name, instance.tags, instance.environment),
        *reading.facts,
    )
    return _hex(repr(parts).encode("utf-8", "surrogatepass"))


def is_unchanged(known: Reads, basis: str, reading: AccountReading) -> bool:
    """Return whether a sync of the reading would write what the store has."""
    marks = known.marks
    if marks.basis != basis or not known.derived.holds_at(reading.observed_at):
        return False
    return marks.in_order == reading.in_order or marks.digest == reading.digest


def marks_of(basis: str, reading: AccountReading) -> ReadMarks:
    """Return the digests of a reading."""
    return ReadMarks(basis, reading.in_order, reading.digest)


@cache
def code_digest() -> str:
    """Return a digest (hex) of the code that reads servers and compares accounts.

    It is of the files as they were when this was imported: a process that goes on after an
    upgrade has the old code, and what that reads must not pass for what the new one would.
    """
    found = hashlib.blake2b(digest_size=32)
    for name, file in sorted(_sources(resources.files(_PACKAGE), "")):
        content = file.read_bytes()
        found.update(f"{name} {len(content)} ".encode())
        found.update(content)
    return found.hexdigest()


def _sources(folder: Traversable, path: str) -> Iterator[tuple[str, Traversable]]:
    for item in folder.iterdir():
        name = f"{path}/{item.name}"
        if item.is_dir():
            if name.removeprefix("/") not in _BESIDE:
                yield from _sources(item, name)
        elif name.endswith(_SUFFIXES):
            yield name, item


def _classes(settings: Settings) -> str:
    """Return a digest of the rules of classes, or why there is none."""
    try:
        text = classes_text(settings)
    except ConfigurationError as error:
        return str(error)
    return "" if text is None else _hex(text.encode())


def _hex(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=32).hexdigest()


read_statements()
code_digest()
