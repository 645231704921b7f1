"""What a backup says of itself, and what it asks of a store. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, Self

FORMAT = 1
MANIFEST, KEY = "manifest.json", "secret.key"
LARGEST_MANIFEST = 65_536


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of a backup: its length in bytes, and its SHA-256."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in a backup. `store` is sqlite or postgresql, and `revision` that of its tables.

    `seal` is the digest of all the rest, encrypted by the newest key of the installation: who
    does not have the key can't change a backup and make it look whole. It is empty where there was
    no key yet.
    """

    made_at: datetime
    version: str
    store: str
    revision: str
    pieces: Mapping[str, Piece] = field(default_factory=dict)
    seal: str = ""

    @property
    def has_key(self) -> bool:
        """Return whether the key is in the backup."""
        return KEY in self.pieces

    @property
    def digest(self) -> str:
        """Return the SHA-256 of all but the seal."""
        return hashlib.sha256(replace(self, seal="").to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """Return it as text."""
        found = {"format": FORMAT, **asdict(self), "made_at": self.made_at.isoformat()}
        return json.dumps(found, sort_keys=True, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return what `to_json` wrote.

        Raises:
            ValueError: it is something else, or of a format that this version does not know.
        """
        found = json.loads(text)
        if not isinstance(found, dict) or found.pop("format", None) != FORMAT:
            raise ValueError("it is not a backup of a format that this version knows")
        try:
            pieces = {str(name): _piece(item) for name, item in found.pop("pieces").items()}
            made_at = datetime.fromisoformat(found.pop("made_at"))
            texts = {name: _text(found.pop(name)) for name in ("version", "store", "revision")}
            seal = _text(found.pop("seal"))
        except (KeyError, TypeError, AttributeError):
            raise ValueError("it lacks a part") from None
        if found or made_at.utcoffset() != timedelta(0):
            raise ValueError("it has a part that is not known")
        return cls(made_at, **texts, pieces=pieces, seal=seal)


def _piece(found: Any) -> Piece:
    size, digest = found["bytes"], found["sha256"]
    if not isinstance(size, int) or size < 0:
        raise TypeError
    return Piece(size, _text(digest))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
        raise TypeError
    return value


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store in a backup is: the revision of its tables, and its stored secrets."""

    revision: str
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Keeper(Protocol):
    """Copies a store, and puts a copy in its place."""

    @property
    def kind(self) -> str:
        """Return the kind of store, as a manifest has it."""
        ...

    @property
    def file(self) -> str:
        """Return the name of its file in a backup."""
        ...

    def copy(self, target: Path) -> Kept:
        """Copy the store as it is at one moment, while others write; return what was copied.

        Raises:
            ConfigurationError: there is no store, or a program that is needed.
            StoreUnavailable: it can't be read.
            StoreDamaged: what was copied is not whole.
        """
        ...

    def verify(self, copy: Path) -> Kept:
        """Return what a copy is, which this may change to the form that `replace` needs.

        Raises:
            StoreDamaged: it is not whole.
            ConfigurationError: a newer version made it, or a program is missing.
        """
        ...

    def is_empty(self) -> bool:
        """Return whether the store is not there, or holds nothing that anybody gave it.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        ...

    def replace(self, copy: Path) -> str:
        """Put a verified copy in the place of the store, whole or not at all.

        Return where the store is that was there before, for people; empty where it is gone.

        Raises:
            LeaseHeld: somebody uses the store.
            StoreUnavailable: it can't be written; it is as it was.
        """
        ...

    def close(self) -> None:
        """Give every connection back."""
        ...
