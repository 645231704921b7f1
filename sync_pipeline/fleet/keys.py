"""The key file: made once, changed whole, and read only where nobody else can read it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.files.atomic import partials_of, replaced
from sync_pipeline.files.locks import locked_directory
from sync_pipeline.files.private import make_private
from sync_pipeline.files.reading import LARGEST_SECRET, read_file
from sync_pipeline.files.trust import open_to_others

SECONDS_TO_WAIT = 60.0
_ROOT = 0


class KeyFile:
    """A file of Fernet keys, one a line, newest first. Safe between threads and processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_there(self) -> bool:
        """Return whether something has the file's name, be it a link that leads nowhere."""
        return os.path.lexists(self.path)

    def read(self) -> list[str]:
        """Return the keys.

        Raises:
            ConfigurationError: it can't be read, or others may read or change it.
        """
        try:
            _require_own_link(self.path)
            text, found = read_file(self.path, LARGEST_SECRET)
        except OSError as error:
            raise ConfigurationError(
                f"The key file {self.path} can't be read ({error.strerror}).",
                phase=Phase.CONFIGURE,
                hint="Restore it, or name it with SYNC_PIPELINE_SECRET_KEY_FILE.",
            ) from None
        _require_private(self.path, found)
        return text.decode("ascii", errors="replace").split()

    def begin(self, check: Callable[[], None]) -> None:
        """Make the file with one key, where there is none and `check` does not raise.

        Of several processes that come at once, one makes it and the others use it.
        """
        if self.is_there:
            return
        with self._alone():
            if not self.is_there:
                check()
                self._write([_new_key()])

    def add(self, check: Callable[[], None]) -> None:
        """Put a new key in front, when `check` does not raise; nobody else adds one meanwhile.

        Raises:
            ConfigurationError: it is a symbolic link, or can't be read or written.
        """
        with self._alone():
            self._require_no_link()
            older = self.read() if self.is_there else []
            check()
            self._write([_new_key(), *older])

    def join(self, keys: Sequence[str]) -> int:
        """Put those keys behind the present ones that are not among them; return how many.

        Raises:
            ConfigurationError: it is a symbolic link, or can't be read or written.
        """
        with self._alone():
            self._require_no_link()
            there = self.read() if self.is_there else []
            missing = [key for key in keys if key not in there]
            if missing:
                self._write([*there, *missing])
            return len(missing)

    def _require_no_link(self) -> None:
        if self.path.is_symlink():
            raise ConfigurationError(
                f"The key file {self.path} is a symbolic link, which is not replaced.",
                hint=f"Set SYNC_PIPELINE_SECRET_KEY_FILE={self.path.resolve()} and run the "
                "command again.",
            )

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            make_private(self.path.parent)
            with locked_directory(self.path.parent, SECONDS_TO_WAIT):
                yield
        except OSError as error:
            raise ConfigurationError(
                f"The key file {self.path} can't be written: {error.strerror}.",
                phase=Phase.CONFIGURE,
                hint="Nothing was changed; let sync_pipeline write its directory.",
            ) from None

    def _write(self, keys: list[str]) -> None:
        # What a process that was killed here left holds keys as well.
        for left in partials_of(self.path):
            left.unlink(missing_ok=True)
        with replaced(self.path, is_private=True) as file:
            if self.is_there:
                # Root may do this for the user who syncs and has to read the file.
                before = self.path.lstat()
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(file.fileno(), before.st_uid, before.st_gid)
            file.write("".join(f"{key}\n" for key in keys).encode())


def _new_key() -> str:
    from cryptography.fernet import Fernet  # noqa: PLC0415 - as in `secrets`

    return Fernet.generate_key().decode()


def _require_own_link(path: Path) -> None:
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (_ROOT, os.geteuid()):
        raise ConfigurationError(
            f"The key file {path} is a symbolic link of another user (id {found.st_uid}).",
            phase=Phase.CONFIGURE,
            hint="Nothing was read; put the key file there yourself.",
        )


def _require_private(path: Path, found: os.stat_result) -> None:
    if os.geteuid() not in (_ROOT, found.st_uid) and found.st_uid != _ROOT:
        raise ConfigurationError(
            f"The key file {path} belongs to another user (id {found.st_uid}).",
            phase=Phase.CONFIGURE,
            hint="Run the command as that user, or have a key file of your own.",
        )
    mode = open_to_others(found)
    if mode is not None:
        raise ConfigurationError(
            f"The key file {path} is open to other users.",
            phase=Phase.CONFIGURE,
            hint=f"Mend it: chmod {mode} {path}. If others may have read it, make a new key "
            "then: sync-pipeline credentials rotate --key.",
        )
