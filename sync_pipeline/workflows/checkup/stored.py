"""The store, its key, and the clock beside the store's."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SEALED, SecretVault
from sync_pipeline.model.checkup import Check, fault, ok, warning
from sync_pipeline.model.store_look import StoreLook
from sync_pipeline.workflows.checkup.known import Asked, UnknownStore
from sync_pipeline.workflows.checkup.running import told

_MEBIBYTE = 2**20
_APART, _FAR_APART = 5.0, 60.0
_RESTORE = "Restore it from a backup: sync-pipeline restore (docs/backup.md)."


def look_at_store(asked: Asked) -> Iterator[Check]:
    """Yield how the store is."""
    try:
        found = asked.look_at_store()
    finally:
        asked.read_fleet()
    if not found.is_there:
        yield warning("store", f"{found.shown} is not there yet.", "sync-pipeline up makes it.")
        return
    if found.damage:
        yield fault("store", f"{found.shown} is damaged: {found.damage}.", _RESTORE)
        return
    yield _version(found)


def _version(found: StoreLook) -> Check:
    kind = "SQLite" if found.is_sqlite else "PostgreSQL"
    size = f", {(found.size_bytes or 0) / _MEBIBYTE:,.1f} MiB"
    what = f"{found.shown} answers ({kind} {found.server}{size})"
    if found.revision is None:
        return warning("store", f"{what}; it has no tables yet.", "sync-pipeline up makes them.")
    if found.revision > found.newest:
        return fault(
            "store",
            f"{what}; its tables have the revision {found.revision}, this version knows up to "
            f"{found.newest}.",
            "Install the version that made them, or restore an older backup (docs/upgrading.md).",
        )
    if found.revision < found.newest:
        return warning(
            "store",
            f"{what}; its tables have the revision {found.revision} of {found.newest}.",
            "Make a backup; the next start of sync-pipeline up upgrades them (docs/upgrading.md).",
        )
    if found.is_read_only:
        return fault("store", f"{what}; it is a standby.", "Name the primary server.")
    if not found.is_checked:
        return warning(
            "store",
            f"{what}; its own check did not come to an end in time.",
            "Give it longer: --seconds 300.",
        )
    checked = "its own check found nothing" if found.is_sqlite else "every index is valid"
    return ok("store", f"{what}; revision {found.revision}, {checked}.")


def look_at_key(asked: Asked) -> Iterator[Check]:
    """Yield how the key is, and whether it opens what the store has."""
    settings = asked.settings
    vault = SecretVault.open(settings)
    place = (
        "SYNC_PIPELINE_SECRET_KEY" if vault.has_inline_keys else str(settings.effective_key_file)
    )
    try:
        secrets = asked.store().secrets
    except UnknownStore:
        secrets = None
    sealed = [item for item in secrets or () if item.startswith(SEALED)]
    if not vault.has_inline_keys and not os.path.lexists(settings.effective_key_file):
        yield _missing(vault, place, sealed, is_known=secrets is not None)
        return
    try:
        vault.require_readable()
        closed = vault.unreadable(sealed)
    except ConfigurationError as error:
        yield told("key", error)
        return
    if closed:
        yield fault(
            "key",
            f"{place} opens {len(sealed) - len(closed)} of {len(sealed)} secrets of the store.",
            "Put the key of that time back as a further line, or set them again: "
            "sync-pipeline credentials rotate.",
        )
        return
    if secrets is None:
        yield warning(
            "key",
            f"{place} can be read; the store did not say what it has to open.",
            "Mend the store first.",
        )
        return
    yield _kept_apart(
        settings.effective_key_file, place, len(sealed), is_file=not vault.has_inline_keys
    )


def _missing(vault: SecretVault, place: str, sealed: list[str], *, is_known: bool) -> Check:
    try:
        vault.require_keys(sealed)
    except ConfigurationError as error:
        return told("key", error)
    if not is_known:
        return warning("key", f"{place} is not there.", "Mend the store first: it says more.")
    return ok("key", f"{place} is not there, and no secret is encrypted: it is made at first need.")


def _kept_apart(file: Path, place: str, count: int, *, is_file: bool) -> Check:
    what = f"{place} opens all {count} encrypted secrets of the store"
    if not is_file:
        return ok("key", f"{what}.")
    mode = f"{stat.S_IMODE(file.stat().st_mode):04o}"
    return ok("key", f"{what} (mode {mode}).", "Have a copy of it apart from the store's backups.")


def look_at_clock(asked: Asked) -> Iterator[Check]:
    """Yield how this machine's clock is beside the store's, or what the store noted last."""
    try:
        found = asked.store()
    except UnknownStore:
        yield ok("clock", f"It is {asked.clock():%Y-%m-%d %H:%M:%S} UTC here; nothing to compare.")
        return
    ahead, newest = found.clock_ahead_seconds, found.newest_at
    if newest is not None and newest - asked.clock() > timedelta(seconds=_FAR_APART):
        yield fault(
            "clock",
            f"It is {asked.clock():%Y-%m-%d %H:%M:%S} UTC here, and a session began at "
            f"{newest:%Y-%m-%d %H:%M:%S} UTC.",
            "Set the clock of this machine (chrony, systemd-timesyncd).",
        )
    elif ahead is None:
        now = f"{asked.clock():%Y-%m-%d %H:%M:%S}"
        yield ok("clock", f"It is {now} UTC, after all that the store has; SQLite has no other.")
    else:
        yield _compared(ahead, found.clock_error_seconds)


def _compared(ahead: float, error: float) -> Check:
    direction = "ahead of" if ahead >= 0 else "behind"
    what = (
        f"The clock of the store's server is {abs(ahead):.1f} s {direction} this one (give or "
        f"take {error:.1f} s)."
    )
    todo = "Let both follow the same time (chrony, systemd-timesyncd)."
    if abs(ahead) > _FAR_APART + error:
        return fault("clock", what, todo)
    return warning("clock", what, todo) if abs(ahead) > _APART + error else ok("clock", what)
