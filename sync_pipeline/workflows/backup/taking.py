"""Making a backup while everything goes on."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.files.whole_directory import whole_directory
from sync_pipeline.fleet.secrets import SEALED, SecretVault
from sync_pipeline.model.backup import KEY, MANIFEST, Kept, Manifest
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.backup.pieces import piece_of, write_piece


@dataclass(frozen=True, slots=True)
class Taken:
    """A backup that was made: what it says of itself, and how many secrets need the key."""

    manifest: Manifest
    sealed: int


def take_backup(settings: Settings, directory: Path, now: datetime, *, with_key: bool) -> Taken:
    """Make a new directory with a copy of the store; it is there whole, or not at all.

    Raises:
        ConfigurationError: the directory is there or can't be made, or the key does not open what
            the store has: such a backup would be of no use.
        StoreUnavailable: the store can't be read.
        StoreDamaged: it is not whole.
    """
    vault = SecretVault.open(settings)
    final = directory.absolute()
    try:
        with (
            closing(Store.keeper(settings.effective_store_url)) as keeper,
            whole_directory(final) as partial,
        ):
            kept = keeper.copy(partial / keeper.file)
            _require_key(vault, kept, with_key=with_key)
            if with_key:
                write_piece(partial / KEY, vault.keys_for_backup().encode())
            pieces = {path.name: piece_of(path) for path in sorted(partial.iterdir())}
            made = Manifest(now, version("sync_pipeline"), keeper.kind, kept.revision, pieces)
            if vault.has_keys:
                made = replace(made, seal=vault.seal_digest(made.digest))
            write_piece(partial / MANIFEST, made.to_json().encode())
    except OSError as error:
        raise ConfigurationError(
            f"{error.filename or final} can't be made: {error.strerror or type(error).__name__}.",
            phase=Phase.CONFIGURE,
            hint="Name a directory that is not there yet, on a disk with room for the store.",
        ) from None
    return Taken(made, sum(item.startswith(SEALED) for item in kept.secrets))


def _require_key(vault: SecretVault, kept: Kept, *, with_key: bool) -> None:
    vault.require_keys(kept.secrets)
    if with_key and not vault.has_keys:
        raise ConfigurationError(
            "There is no key yet that could be put into the backup.", hint="Leave --with-key out."
        )
    closed = len(vault.unreadable(kept.secrets))
    if closed:
        raise ConfigurationError(
            f"The present key does not open {closed} secrets of the store: a backup would be of "
            "no use.",
            phase=Phase.CONFIGURE,
            hint="See what is wrong: sync-pipeline doctor.",
        )
