"""Secrets: encrypted at rest, or references that are resolved when they are needed."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.secret import Secret
from sync_pipeline.settings import Settings

SEALED = "fernet:"
ENTRY_POINTS = "sync_pipeline.secrets"
Resolver = Callable[[str], str]
"""Given what follows the scheme of a reference, returns the secret."""


class SecretVault:
    """Seals and resolves stored secrets. The key is read, or made, at first need."""

    def __init__(self, inline_keys: str, key_file: Path) -> None:
        self._inline_keys = inline_keys
        self._key_file = key_file

    @classmethod
    def open(cls, settings: Settings) -> SecretVault:
        """Return the vault whose keys the settings name."""
        return cls(settings.secret_key, settings.effective_key_file)

    def __repr__(self) -> str:
        return f"SecretVault(key_file={str(self._key_file)!r})"

    def seal(self, plain: Secret) -> str:
        """Encrypt a secret with the newest key, making a key file where there is none."""
        if not self._inline_keys and not self._key_file.exists():
            self._write_keys([Fernet.generate_key().decode()])
        return SEALED + self._cipher().encrypt(plain.reveal().encode()).decode()

    def resolve(self, stored: str) -> Secret:
        """Return the secret behind a stored value.

        Raises:
            ConfigurationError: it can't be decrypted, or its reference leads nowhere.
        """
        scheme, _, rest = stored.partition(":")
        if stored.startswith(SEALED):
            try:
                return Secret(self._cipher().decrypt(rest.encode()).decode())
            except InvalidToken:
                raise ConfigurationError(
                    "The stored secret can't be decrypted with the present keys.",
                    phase=Phase.CONFIGURE,
                    hint="Restore the key file, or set the secret again: credentials rotate.",
                ) from None
        try:
            return Secret(_resolver(scheme)(rest))
        except ConfigurationError:
            raise
        except Exception as error:  # noqa: BLE001 - an installed package may raise anything
            raise ConfigurationError(
                f"The resolver of {scheme!r} secrets failed with {type(error).__name__}.",
                phase=Phase.CONFIGURE,
                hint="See the documentation of the package that offers it.",
            ) from None

    def rotate(self, stored: str) -> str:
        """Encrypt a sealed secret again with the newest key; a reference stays as it is."""
        if not stored.startswith(SEALED):
            return stored
        return self.seal(self.resolve(stored))

    def add_key(self) -> None:
        """Put a new key in front of the key file; older keys still decrypt.

        Raises:
            ConfigurationError: the keys come from the environment, not from a file.
        """
        if self._inline_keys:
            raise ConfigurationError(
                "The keys come from SYNC_PIPELINE_SECRET_KEY, so no new one can be written.",
                hint="Put a new key in front of it there, and run the command again.",
            )
        older = self._keys() if self._key_file.exists() else []
        self._write_keys([Fernet.generate_key().decode(), *older])

    @property
    def has_inline_keys(self) -> bool:
        """Return whether the keys come from the environment."""
        return bool(self._inline_keys)

    def _cipher(self) -> MultiFernet:
        try:
            return MultiFernet([Fernet(key) for key in self._keys()])
        except ValueError:
            raise ConfigurationError(
                "The encryption keys are not valid Fernet keys.",
                phase=Phase.CONFIGURE,
                hint="Each is 32 bytes in URL-safe base64.",
            ) from None

    def _keys(self) -> list[str]:
        if self._inline_keys:
            return [key.strip() for key in self._inline_keys.split(",") if key.strip()]
        try:
            return self._key_file.read_text().split()
        except OSError as error:
            raise ConfigurationError(
                f"The key file {self._key_file} can't be read ({error.strerror}).",
                phase=Phase.CONFIGURE,
                hint="Restore it, or name it with SYNC_PIPELINE_SECRET_KEY_FILE.",
            ) from None

    def _write_keys(self, keys: list[str]) -> None:
        """Replace the key file at once; nobody else may ever read it."""
        self._key_file.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._key_file.with_name(f"{self._key_file.name}.{os.getpid()}")
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(keys) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._key_file)


def check_reference(reference: str) -> None:
    """Raise ConfigurationError when a reference has no known scheme."""
    scheme, separator, rest = reference.partition(":")
    if not separator or not rest:
        raise ConfigurationError(
            "A reference is a scheme and a name.", hint="Write env:NAME or file:/path."
        )
    _resolver(scheme)


def kind_of(stored: str) -> str:
    """Say how a secret is kept, without showing it."""
    return "encrypted" if stored.startswith(SEALED) else stored


def _resolver(scheme: str) -> Resolver:
    built_in: dict[str, Resolver] = {"env": _from_environment, "file": _from_file}
    if scheme in built_in:
        return built_in[scheme]
    for entry in entry_points(group=ENTRY_POINTS, name=scheme):
        loaded: Resolver = entry.load()
        return loaded
    raise ConfigurationError(
        f"No resolver is installed for secrets of the scheme {scheme!r}.",
        phase=Phase.CONFIGURE,
        hint=f"Known are env, file and the entry points of {ENTRY_POINTS}.",
    )


def _from_environment(name: str) -> str:
    value = os.environ.get(name)
    if value is None:
        raise ConfigurationError(
            f"The environment variable {name} of the secret is not set.",
            phase=Phase.CONFIGURE,
            hint="Set it for every process that syncs.",
        )
    return value


def _from_file(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The secret's file {path} can't be read ({type(error).__name__}).",
            phase=Phase.CONFIGURE,
            hint="Check that it exists and that the user who syncs may read it.",
        ) from None
