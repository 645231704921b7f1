"""What nobody but its owner may read: the home directory and all that is in it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sync_pipeline.errors import ConfigurationError, Phase

FILE, DIRECTORY, OTHERS = 0o600, 0o700, 0o077
PRIVATE_UMASK = 0o077
"""Of processes that make files without asking us: those of Dagster."""
_ROOT = 0
OURS = ("sync_pipeline.db", "secret.key", "dagster", "limits")
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def secure_home(home: Path, *, thoroughly: bool = False) -> None:
    """Take from others what they may do in the home directory; one that is missing stays so.

    Of what is no directory the store says that it does not answer.

    Everything in it is looked at where the directory was open to others, or `thoroughly`;
    else what lies in it directly: nobody comes to the rest. Where it is the home of the user
    too, other things are in it: it stays as open as it is, and only what is ours is closed.

    Raises:
        ConfigurationError: it or a link to it is another user's, it is one for everybody, or
            it can't be mended.
    """
    try:
        link, found = home.lstat(), home.stat()
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _refused(home, f"can't be looked at ({error.strerror})", "Choose another") from None
    _require_own(home, link, found)
    if found.st_uid != os.geteuid() or not stat.S_ISDIR(found.st_mode):
        return
    is_open = bool(found.st_mode & OTHERS)
    home = home.resolve()
    try:
        if _is_of_the_user(home):
            _mend_files(home, [item.name for item in home.iterdir() if item.name.startswith(OURS)])
        elif is_open or thoroughly:
            home.chmod(DIRECTORY)
            _mend_tree(home)
        else:
            _mend_files(home, list(_open_names(home)))
    except OSError as error:
        raise _refused(
            home, f"is open to others and can't be closed ({error.strerror})", "Mend or choose"
        ) from None


def is_open_home(home: Path) -> bool:
    """Return whether others may do something in the home directory, and leave it as it is.

    Raises:
        ConfigurationError: it is one that `secure_home` refuses.
        OSError: it can't be looked at.
    """
    link, found = home.lstat(), home.stat()
    _require_own(home, link, found)
    return bool(found.st_mode & OTHERS) and not _is_of_the_user(home)


def make_private(directory: Path) -> None:
    """Make a directory, and those above it that are missing, for its owner alone.

    Raises:
        OSError: it can't be made.
    """
    if directory.is_dir():
        return
    missing = [path for path in (directory, *directory.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=DIRECTORY, exist_ok=True)
        with suppress(PermissionError):  # another process of another user made it just now
            path.chmod(DIRECTORY)


def make_private_file(path: Path) -> None:
    """Make an empty file for its owner alone, where there is none, so that others fill it.

    Raises:
        OSError: it can't be made, or something stands there that is no file, or a link
            that another user made.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE))
        path.chmod(FILE)
        return
    except FileExistsError:
        found = path.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (_ROOT, os.geteuid()):
        raise PermissionError(f"{path} is a symbolic link of another user")
    if not stat.S_ISREG(path.stat().st_mode):
        raise PermissionError(f"{path} is no file")


def _require_own(home: Path, link: os.stat_result, found: os.stat_result) -> None:
    """Refuse what others made or may change; `link` is what the name itself stands for."""
    for item in (link, found):
        if item.st_uid not in (os.geteuid(), _ROOT):
            what = "is a symbolic link of" if stat.S_ISLNK(item.st_mode) else "belongs to"
            raise _refused(
                home,
                f"{what} another user (id {item.st_uid})",
                "Run the command as that user, or choose another",
            )
    is_for_all = found.st_mode & stat.S_ISVTX and found.st_mode & stat.S_IWOTH
    if is_for_all or home.absolute() == Path(home.absolute().anchor):
        raise _refused(home, "is a directory for everybody", "Choose one inside it")
    # Root's directory that was mounted for us, as by Kubernetes: its mode is not ours to change.
    if found.st_uid != os.geteuid() and found.st_mode & stat.S_IWOTH:
        raise _refused(home, "is root's and everybody may write to it", "Choose one inside it")


def _refused(home: Path, what: str, hint: str) -> ConfigurationError:
    return ConfigurationError(
        f"The home directory {home} {what}.",
        phase=Phase.CONFIGURE,
        hint=f"{hint} with SYNC_PIPELINE_HOME.",
    )


def _mend_tree(home: Path) -> None:
    for _, folders, files, descriptor in os.fwalk(home, follow_symlinks=False):
        for name in (*folders, *files):
            _mend(name, descriptor)


def _is_of_the_user(home: Path) -> bool:
    try:
        return home.samefile(Path.home())
    except (OSError, RuntimeError):  # the user has none
        return False


def _mend_files(home: Path, names: list[str]) -> None:
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            _mend(name, descriptor)
    finally:
        os.close(descriptor)


def _open_names(home: Path) -> Iterator[str]:
    with os.scandir(home) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):
                if entry.stat(follow_symlinks=False).st_mode & OTHERS:
                    yield entry.name


def _mend(name: str, directory: int) -> None:
    """Close one entry to others; a link, or what is another's, stays as it is."""
    with suppress(FileNotFoundError):
        before = os.lstat(name, dir_fd=directory)
        wanted = {stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY}.get(stat.S_IFMT(before.st_mode))
        is_ours = before.st_uid == os.geteuid()
        if wanted is None or not is_ours or not before.st_mode & OTHERS:
            return
        descriptor = os.open(name, _LOOK, dir_fd=directory)
        try:
            # What is there by now: a name can come to mean another file.
            found = os.fstat(descriptor)
            if stat.S_IFMT(found.st_mode) == stat.S_IFMT(before.st_mode):
                os.fchmod(descriptor, found.st_mode & 0o700)
        finally:
            os.close(descriptor)
