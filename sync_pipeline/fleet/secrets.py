"""Secrets: encrypted at rest, or references that are resolved when they are needed."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.fleet.keys import KeyFile
from sync_pipeline.fleet.references import References
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

SEALED = "fernet:"
SealedBefore = Callable[[], Iterable[str]]
"""Returns the stored secrets, sealed ones and references."""


def _nothing() -> None:
    """Object to nothing."""


class SecretVault:
    """Seals and resolves stored secrets. The key is read, or made, at first need."""

    def __init__(
        self, inline_keys: str, key_file: Path, settings: Callable[[], Settings] = Settings.load
    ) -> None:
        self._inline_keys = inline_keys
        self._key_file = KeyFile(key_file)
        self._references = References(settings)

    @classmethod
    def open(cls, settings: Settings) -> SecretVault:
        """Return the vault whose keys the settings name."""
        return cls(settings.secret_key, settings.effective_key_file, lambda: settings)

    def __repr__(self) -> str:
        return f"SecretVault(key_file={str(self._key_file.path)!r})"

    def seal(self, plain: Secret, sealed_before: SealedBefore = tuple) -> str:
        """Encrypt a secret with the newest key, making a key file where there never was one.

        Args:
            plain: The secret.
            sealed_before: Asked before a key is made, for the secrets that the store holds.

        Raises:
            ConfigurationError: the key file is missing although secrets were sealed with it,
                or can't be used.
        """
        if not self._inline_keys:
            self._key_file.begin(lambda: self._require_none(sealed_before()))
        return SEALED + self._cipher().encrypt(plain.reveal().encode()).decode()

    def resolve(self, stored: str) -> Secret:
        """Return the secret behind a stored value, wherever it is used.

        Raises:
            ConfigurationError: it can't be decrypted, or its reference leads nowhere.
        """
        return self.resolve_for(stored, Login()).secret

    def resolve_for(
        self, stored: str, login: Login, rejected: Secret | None = None
    ) -> ResolvedSecret:
        """Return the secret behind a stored value for a login, and the account that it is of.

        Its place is asked again where a server has `rejected` what it gave before.

        Raises:
            ConfigurationError: it can't be decrypted, or its reference leads nowhere.
        """
        if not stored.startswith(SEALED):
            return self._references.resolve(stored, login, rejected)
        plain = _decrypted(self._cipher(), stored)
        if plain is None:
            raise ConfigurationError(
                "The stored secret can't be decrypted with the present keys.",
                phase=Phase.CONFIGURE,
                hint="Restore the key file, or set the secret again: credentials rotate.",
            )
        return ResolvedSecret(Secret(plain))

    def rotate(self, stored: str) -> str:
        """Encrypt a sealed secret again with the newest key; a reference stays as it is."""
        if not stored.startswith(SEALED):
            return stored
        return self.seal(self.resolve(stored))

    def has_newest_key(self, stored: str) -> bool:
        """Return whether a secret needs no newer key: it has the newest, or is a reference."""
        if not stored.startswith(SEALED):
            return True
        return _decrypted(_cipher_of(self._valid_keys()[:1]), stored) is not None

    def unreadable(self, secrets: Iterable[str]) -> list[str]:
        """Return the sealed ones of these that no present key decrypts."""
        sealed = [item for item in secrets if item.startswith(SEALED)]
        if not sealed:
            return []
        cipher = self._cipher()
        return [item for item in sealed if _decrypted(cipher, item) is None]

    def add_key(self, check: Callable[[], None] = _nothing) -> None:
        """Put a new key in front of the key file; older keys still decrypt.

        Args:
            check: Called while no other process adds a key, before anything is written.

        Raises:
            ConfigurationError: the keys come from the environment, not from a file, or the
                file can't be used.
        """
        if self._inline_keys:
            raise ConfigurationError(
                "The keys come from SYNC_PIPELINE_SECRET_KEY, so no new one can be written.",
                hint="Put a new key in front of it there, and run the command again.",
            )
        self._key_file.add(check)

    def replace_lost_keys(self) -> None:
        """Make a key file although secrets were sealed with one that is gone.

        Raises:
            ConfigurationError: there is a key file, or the keys come from the environment.
        """
        if self._inline_keys or self._key_file.is_there:
            where = "SYNC_PIPELINE_SECRET_KEY" if self._inline_keys else self._key_file.path
            raise ConfigurationError(
                f"The keys are not lost: they are in {where}.", hint="Nothing was changed."
            )
        self._key_file.begin(_nothing)

    @property
    def has_inline_keys(self) -> bool:
        """Return whether the keys come from the environment."""
        return bool(self._inline_keys)

    @property
    def has_keys(self) -> bool:
        """Return whether there are keys, or something that has the name of their file."""
        return bool(self._inline_keys) or self._key_file.is_there

    def keys_for_backup(self) -> str:
        """Return the keys as a key file has them, for a file that nobody else can read.

        Raises:
            ConfigurationError: they can't be read, or are none.
        """
        return "".join(f"{key}\n" for key in self._valid_keys())

    def take_older_keys(self, text: str) -> int:
        """Put the keys of a backup behind the present ones; return how many were missing.

        Raises:
            ConfigurationError: the keys come from the environment, or the file can't be used.
        """
        if self._inline_keys:
            raise ConfigurationError(
                "The keys come from SYNC_PIPELINE_SECRET_KEY: that of the backup can't be added.",
                hint="Nothing was changed. Put it behind the present one there (see secret.key of "
                "the backup) and run the command again.",
            )
        return self._key_file.join(text.split())

    def seal_digest(self, digest: str) -> str:
        """Return what only the keys of this installation can make of the digest of a backup.

        Its keys are made of the present ones and encrypt nothing else: somebody's password, as it
        is stored, is never taken for a seal, whatever that password is.

        Raises:
            ConfigurationError: the keys can't be read, or are none.
        """
        return SEALED + self._sealer().encrypt(digest.encode()).decode()

    def sealed_digest(self, seal: str) -> str | None:
        """Return the digest in a seal; None where no present key made it.

        Raises:
            ConfigurationError: the keys can't be read.
        """
        return _decrypted(self._sealer(), seal) if seal.startswith(SEALED) else None

    def require_readable(self) -> None:
        """Make sure that the keys can be read, and are keys.

        Raises:
            ConfigurationError: they can't be, or are not, or others may read their file.
        """
        self._valid_keys()

    def require_keys(self, secrets: Iterable[str]) -> None:
        """Make sure that the key file is there, if secrets were sealed with it.

        Raises:
            ConfigurationError: it is missing.
        """
        if not self._inline_keys and not self._key_file.is_there:
            self._require_none(secrets)

    def _require_none(self, secrets: Iterable[str]) -> None:
        count = sum(item.startswith(SEALED) for item in secrets)
        if count:
            raise ConfigurationError(
                f"The key file {self._key_file.path} is missing, and {count} secrets of the "
                "store are encrypted with its keys.",
                phase=Phase.CONFIGURE,
                hint="Restore it, or name it with SYNC_PIPELINE_SECRET_KEY_FILE. If it is lost "
                "for good, make a new one: sync-pipeline credentials rotate --key --lost.",
            )

    def _cipher(self) -> MultiFernet:
        return _cipher_of(self._valid_keys())

    def _sealer(self) -> MultiFernet:
        return _cipher_of(map(_key_of_seals, self._valid_keys()))

    def _valid_keys(self) -> list[str]:
        keys = self._keys()
        try:
            _cipher_of(keys)
        except ValueError:
            raise ConfigurationError(
                "The encryption keys are not valid Fernet keys.",
                phase=Phase.CONFIGURE,
                hint="Each is 32 bytes in URL-safe base64.",
            ) from None
        return keys

    def _keys(self) -> list[str]:
        if self._inline_keys:
            return [key.strip() for key in self._inline_keys.split(",") if key.strip()]
        return self._key_file.read()


def _key_of_seals(key: str) -> str:
    """Return the key of seals by a Fernet key (RFC 5869, 2.3, with one block)."""
    made = hmac.digest(urlsafe_b64decode(key), b"sync_pipeline: seal of a backup\x01", "sha256")
    return urlsafe_b64encode(made).decode()


def _cipher_of(keys: Iterable[str]) -> MultiFernet:
    # Most commands see no secret, and the library costs them a tenth of their time.
    from cryptography.fernet import Fernet, MultiFernet  # noqa: PLC0415

    return MultiFernet([Fernet(key) for key in keys])


def _decrypted(cipher: MultiFernet, stored: str) -> str | None:
    from cryptography.fernet import InvalidToken  # noqa: PLC0415 - as above

    try:
        return cipher.decrypt(stored.removeprefix(SEALED).encode()).decode()
    except InvalidToken:
        return None


def kind_of(stored: str) -> str:
    """Say how a secret is kept, without showing it."""
    return "encrypted" if stored.startswith(SEALED) else stored
