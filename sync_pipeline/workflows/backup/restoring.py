"""The way back: everything is looked at before anything is replaced."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir

from sync_pipeline.errors import (
    ConfigurationError,
    LeaseHeld,
    Phase,
    StoreDamaged,
    StoreUnavailable,
)
from sync_pipeline.files.private import make_private
from sync_pipeline.files.reading import LARGEST_SECRET
from sync_pipeline.files.whole_directory import partial_directory
from sync_pipeline.fleet.secrets import SEALED, SecretVault
from sync_pipeline.model.backup import KEY, Keeper, Kept, Manifest
from sync_pipeline.model.daemon_lease import Watch
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.backup.pieces import read_manifest, take_piece

SECONDS_BETWEEN_LOOKS = 0.5


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody allows, and wants.

    `replace`: also a store that holds something. `unsealed`: a backup is believed that the present
    key has not sealed. `is_check` changes nothing and says whether it could be done.
    """

    replace: bool = False
    unsealed: bool = False
    is_check: bool = False


@dataclass(frozen=True, slots=True)
class Restored:
    """What was restored, with how many encrypted secrets.

    So many keys were added, and the store that was there is now at `before`.
    """

    manifest: Manifest
    sealed: int
    keys_added: int = 0
    before: str = ""


def restore_backup(
    settings: Settings, backup: Path, wanted: Wanted, clock: Callable[[], float] = time.monotonic
) -> Restored:
    """Put the store of a backup in the place of the present one, whole or not at all.

    Raises:
        ConfigurationError: it is no backup of such a store, a newer version made it, no key opens
            its secrets, or there is a store that may not be replaced.
        StoreDamaged: the backup is not what was made.
        LeaseHeld: somebody uses the store.
        StoreUnavailable: the store can't be written; it is as it was.
    """
    manifest = read_manifest(backup)
    with closing(Store.keeper(settings.effective_store_url)) as keeper:
        done = _restored(settings, backup, manifest, keeper, wanted, clock)
    if not wanted.is_check:
        Store.open(settings.effective_store_url).close()  # older tables are upgraded
    return done


def _restored(
    settings: Settings,
    backup: Path,
    manifest: Manifest,
    keeper: Keeper,
    wanted: Wanted,
    clock: Callable[[], float],
) -> Restored:
    if manifest.store != keeper.kind or keeper.file not in manifest.pieces:
        raise ConfigurationError(
            f"The backup is of a store in {manifest.store}; SYNC_PIPELINE_STORE_URL names one in "
            f"{keeper.kind}.",
            hint="Nothing was changed. Name a store of the same kind.",
        )
    with partial_directory(_beside(settings)) as partial:
        vault, key = _vault_for(settings, backup, manifest, partial, unsealed=wanted.unsealed)
        # Before anything reads what somebody else may have written.
        if not wanted.unsealed:
            _require_sealed(vault, manifest)
        copy = partial / keeper.file
        take_piece(backup, keeper.file, manifest.pieces[keeper.file], copy)
        kept = keeper.verify(copy)
        _require_opens(vault, kept)
        if not wanted.replace and not keeper.is_empty():
            raise ConfigurationError(
                "There is a store that is not empty.",
                hint="Nothing was changed. --replace puts the backup in its place.",
            )
        _require_nobody_at_work(settings, clock)
        sealed = sum(item.startswith(SEALED) for item in kept.secrets)
        if wanted.is_check:
            return Restored(manifest, sealed)
        # The key comes first: with more keys than it needs the old store is as readable as it was.
        added = SecretVault.open(settings).take_older_keys(key) if key else 0
        return Restored(manifest, sealed, added, keeper.replace(copy))


def _beside(settings: Settings) -> Path:
    """Return beside what the copy is prepared: a file of the store's directory, to be renamed."""
    path = Store.file_of(settings.effective_store_url)
    if path is None:
        return Path(gettempdir()) / "sync_pipeline.restore"
    make_private(path.parent)
    return path


def _vault_for(
    settings: Settings, backup: Path, manifest: Manifest, partial: Path, *, unsealed: bool
) -> tuple[SecretVault, str]:
    """Return the vault that opens the backup, and the keys of the backup where those do.

    Those of the installation go before: they are not in the hands of whoever has the backup.
    """
    present = SecretVault.open(settings)
    is_ours = present.has_keys and present.sealed_digest(manifest.seal) is not None
    if is_ours or not manifest.has_key:
        return present, ""
    if present.has_keys and not unsealed:
        raise _not_ours()
    take_piece(backup, KEY, manifest.pieces[KEY], partial / KEY, LARGEST_SECRET)
    brought = SecretVault("", partial / KEY)
    return brought, brought.keys_for_backup()


def _require_sealed(vault: SecretVault, manifest: Manifest) -> None:
    """Refuse what somebody without the key may have made.

    Where there is no key at all, nothing is encrypted, or it is refused later.
    """
    if not manifest.seal:
        if vault.has_keys:
            raise ConfigurationError(
                "No key has sealed this backup, so nobody can tell who made it.",
                phase=Phase.CONFIGURE,
                hint="Nothing was changed. Where you know that it is yours, give --unsealed.",
            )
        return
    found = vault.sealed_digest(manifest.seal) if vault.has_keys else None
    if found is None:
        raise _not_ours()
    if found != manifest.digest:
        raise StoreDamaged(
            "The backup was changed after it was made: its seal is of another one.",
            phase=Phase.STORE,
            hint="Nothing was changed. Use another backup.",
        )


def _not_ours() -> ConfigurationError:
    return ConfigurationError(
        "The present key did not seal this backup.",
        phase=Phase.CONFIGURE,
        hint="Nothing was changed. Put the key file of that time in its place, or as further lines "
        "of the present one. Where the backup has the key of its own, and you know that it is "
        "yours, give --unsealed.",
    )


def _require_opens(vault: SecretVault, kept: Kept) -> None:
    vault.require_keys(kept.secrets)
    closed = len(vault.unreadable(kept.secrets))
    if closed:
        raise ConfigurationError(
            f"The key does not open {closed} secrets of the backup.",
            phase=Phase.CONFIGURE,
            hint="Nothing was changed. Put the key file of that time as further lines into the "
            "present one.",
        )


def _require_nobody_at_work(settings: Settings, clock: Callable[[], float]) -> None:
    """Refuse where a daemon is at work: one that gives no sign for as long as its lease is gone.

    Raises:
        LeaseHeld: a daemon gave a sign.
    """
    try:
        store = Store.open_to_read(settings.effective_store_url)
    except (ConfigurationError, StoreUnavailable):
        return  # no store, a broken one, or one of another version: who has it open is asked later
    try:
        watch: Watch | None = None
        while True:
            lease = store.daemon_lease.read()
            before, watch = watch, Watch.of(watch, lease, clock())
            if watch.may_take(lease, clock()):
                return
            if before is not None and before is not watch:
                raise LeaseHeld(
                    f"A daemon is at work for this store: {lease.who}.",
                    phase=Phase.STORE,
                    hint="Nothing was changed. Stop it and run the command again.",
                )
            time.sleep(SECONDS_BETWEEN_LOOKS)
    finally:
        store.close()
