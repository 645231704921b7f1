"""A directory that is there whole or not at all, with a digest of every file in it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.atomic import NAME_KEPT
from sync_pipeline.files.obstacles import obstacle_of

SUMS = "SHA256SUMS"
UNFINISHED = ".unfinished"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE, _DIRECTORY = 0o600, 0o700


@dataclass(slots=True)
class NewDirectory:
    """A directory that is being written, for its owner alone."""

    place: Path
    sums: BinaryIO
    files: int = 0
    _made: set[str] = field(default_factory=set)

    def write(self, name: str, content: bytes) -> None:
        """Write a new file, whose name has one directory at most, and note its digest."""
        folder = name.rpartition("/")[0]
        if folder and folder not in self._made:
            (self.place / folder).mkdir(_DIRECTORY)
            self._made.add(folder)
        with _new_file(self.place / name) as file:
            file.write(content)
        self.sums.write(f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode())
        self.files += 1


@contextmanager
def new_directory(target: Path) -> Iterator[NewDirectory]:
    """Yield a directory that gets its name when the block ends without an error.

    Until then it stands beside it under a name that says that it is unfinished, and has no
    SHA256SUMS; after an error it is removed.

    Raises:
        ConfigurationError: something stands there, or it can't be written.
    """
    try:
        _require_free(target)
        named = f".{target.name[:NAME_KEPT]}.{secrets.token_hex(8)}{UNFINISHED}"
        place = target.parent / named
        place.mkdir(_DIRECTORY)
        try:
            sums = place / f"{SUMS}{UNFINISHED}"
            with _new_file(sums) as file:
                yield NewDirectory(place, file)
                file.flush()
                os.fsync(file.fileno())
            sums.rename(place / SUMS)
            # An empty directory of that name is replaced; anything else is not (rename(2)).
            place.rename(target)
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
    except OSError as error:
        raise _unwritable(target, error) from None


def _require_free(target: Path) -> None:
    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise _taken(target, "is no directory")
    if target.is_dir() and any(target.iterdir()):
        raise _taken(target, "is not empty")


def _taken(target: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"{target} {why}: nothing was written.", hint="Name a new directory, or an empty one."
    )


def _unwritable(target: Path, error: OSError) -> ConfigurationError:
    obstacle = obstacle_of(error)
    if obstacle is not None:
        return ConfigurationError(
            f"{target} can't be written: {obstacle.what}. Nothing of it was kept.",
            hint=f"{obstacle.hint}, or choose another directory.",
        )
    return ConfigurationError(
        f"{target} can't be written: {error.strerror or error}. Nothing of it was kept.",
        hint="Choose another directory; the one that it is in has to exist.",
    )


def _new_file(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, _NEW, _FILE), "wb")
