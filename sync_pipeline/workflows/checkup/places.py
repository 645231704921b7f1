"""The home directory, and the room on the disks that something of ours is on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy.engine import make_url

from sync_pipeline.files.private import is_open_home
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.workflows.checkup.known import Asked

LEAST_BYTES, LITTLE_BYTES = 64 * 2**20, 2**30
LEAST_FILES = 1000
_MEBIBYTE = 2**20


def look_at_home(asked: Asked) -> Iterator[Check]:
    """Yield how the home directory is."""
    home = asked.settings.home
    try:
        is_open = is_open_home(home)
    except (FileNotFoundError, NotADirectoryError):
        yield warning("home", f"{home} is not there.", "sync-pipeline up makes it.")
        return
    if not home.is_dir():
        yield fault("home", f"{home} is no directory.", "Choose one with SYNC_PIPELINE_HOME.")
    elif not os.access(home, os.R_OK | os.W_OK | os.X_OK):
        yield fault("home", f"This user may not use {home}.", f"Give this user {home}.")
    elif is_open:
        yield warning("home", f"{home} is open to other users.", f"chmod -R go= {home}")
    else:
        yield ok("home", f"{home} is this user's alone.")


def look_at_disks(asked: Asked) -> Iterator[Check]:
    """Yield how much room there is, once for each file system."""
    for uses, place in _file_systems(_places(asked)):
        yield _room(uses, place)


def _places(asked: Asked) -> Mapping[str, Path]:
    settings = asked.settings
    # Not by `tempfile`, which tries by writing a file.
    temporary = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - where others write too
    found = {"home": settings.home, "Dagster's storage": settings.dagster_home}
    url = make_url(asked.url)
    if url.get_backend_name() == "sqlite" and url.database and "uri" not in url.query:
        found["store"] = Path(url.database).parent
    return {**found, "key": settings.effective_key_file.parent, "temporary files": temporary}


def _file_systems(places: Mapping[str, Path]) -> Iterator[tuple[list[str], Path]]:
    found: dict[int, tuple[list[str], Path]] = {}
    for use, place in places.items():
        there = _nearest(place.absolute())
        uses, _ = found.setdefault(there.stat().st_dev, ([], there))
        uses.append(use)
    yield from found.values()


def _nearest(place: Path) -> Path:
    """Return the directory in which something will be made."""
    return next((item for item in (place, *place.parents) if item.is_dir()), Path("/"))


def _room(uses: list[str], place: Path) -> Check:
    name, found = f"disk {uses[0]}", os.statvfs(place)
    room = found.f_bavail * found.f_frsize
    what = f"{place} ({', '.join(uses)}) has {room // _MEBIBYTE:,} MiB free."
    if found.f_flag & os.ST_RDONLY:
        return fault(name, f"{place} ({', '.join(uses)}) is read-only.", "Mount it for writing.")
    if room < LEAST_BYTES:
        return fault(name, what, "Make room: syncs and the daemon fail without.")
    if found.f_files and found.f_favail < LEAST_FILES:
        return warning(name, f"{what} It can take {found.f_favail} more files.", "Make room.")
    if room < LITTLE_BYTES:
        return warning(name, what, "Make room: an upgrade and a backup need as much as the store.")
    return ok(name, what)
