"""The files of a backup: written for their owner alone, and read once into a place of our own."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path

from sync_pipeline.errors import ConfigurationError, Phase, StoreDamaged
from sync_pipeline.files.private import FILE
from sync_pipeline.files.reading import read_file
from sync_pipeline.model.backup import LARGEST_MANIFEST, MANIFEST, Manifest, Piece

_CHUNK = 2**20
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ROOT = 0
_WRITABLE = stat.S_IWGRP | stat.S_IWOTH


def write_piece(path: Path, content: bytes) -> None:
    """Write a new file that nobody else can read at any moment.

    Raises:
        OSError: it can't be written, or is there.
    """
    descriptor = os.open(path, _NEW, FILE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def piece_of(path: Path) -> Piece:
    """Return the length and the digest of a file."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while part := file.read(_CHUNK):
            digest.update(part)
            size += len(part)
    return Piece(size, digest.hexdigest())


def read_manifest(backup: Path) -> Manifest:
    """Return what a backup says of itself.

    Raises:
        ConfigurationError: it is no backup, or others could have changed it.
    """
    try:
        _require_own(backup)
        _require_own(backup / MANIFEST)
        text, _ = read_file(backup / MANIFEST, LARGEST_MANIFEST)
        return Manifest.from_json(text.decode())
    except OSError as error:
        raise ConfigurationError(
            f"{backup} is no backup that can be read: {error.strerror or type(error).__name__}.",
            phase=Phase.CONFIGURE,
            hint="Name the directory that `sync-pipeline backup` made.",
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "it is no JSON" if type(error) is not ValueError else str(error)
        raise StoreDamaged(
            f"{backup / MANIFEST} is not what a backup says of itself: {reason}.",
            phase=Phase.STORE,
            hint="Nothing was changed. Use another backup.",
        ) from None


def take_piece(
    backup: Path, name: str, wanted: Piece, target: Path, most_bytes: int | None = None
) -> None:
    """Copy a file of a backup to a new one of our own, and make sure that it is whole.

    What is used afterwards is that copy: nobody can change it after it was looked at.

    Raises:
        StoreDamaged: it is another one than the manifest says.
        ConfigurationError: it can't be read or written, or others could have changed it.
    """
    digest, size = hashlib.sha256(), 0
    try:
        _require_own(backup / name)
        if most_bytes is not None and wanted.bytes > most_bytes:
            raise OSError(errno.EFBIG, f"it is larger than {most_bytes} bytes", str(backup / name))
        source = os.open(backup / name, _OLD)
        with (
            os.fdopen(source, "rb") as read,
            os.fdopen(os.open(target, _NEW, FILE), "wb") as written,
        ):
            while size <= wanted.bytes and (part := read.read(_CHUNK)):
                digest.update(part)
                size += len(part)
                written.write(part)
            written.flush()
            os.fsync(written.fileno())
    except OSError as error:
        place = error.filename or target
        raise ConfigurationError(
            f"{place} can't be used: {error.strerror or type(error).__name__}.",
            phase=Phase.CONFIGURE,
            hint="Nothing was changed.",
        ) from None
    if (size, digest.hexdigest()) != (wanted.bytes, wanted.sha256):
        raise StoreDamaged(
            f"{backup / name} is not the file that was made: it has another length or content.",
            phase=Phase.STORE,
            hint="Nothing was changed. Use another backup.",
        )


def _require_own(path: Path) -> None:
    """Refuse links and what others made or may change.

    Raises:
        OSError: it is one.
    """
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode):
        raise OSError(errno.ELOOP, "it is a symbolic link", str(path))
    if found.st_uid not in (_ROOT, os.geteuid()):
        raise OSError(errno.EPERM, f"it belongs to another user (id {found.st_uid})", str(path))
    if found.st_mode & _WRITABLE:
        raise OSError(errno.EPERM, "other users may change it (chmod go-w)", str(path))
    if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        raise OSError(errno.EINVAL, "it is no file", str(path))
