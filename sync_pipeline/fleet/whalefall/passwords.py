"""Passwords as WhaleFall keeps them: Fernet tokens under one key, in base64 once more."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.secret import Secret


class Passwords:
    """Decrypts with WhaleFall's PASSWORD_ENCRYPTION_KEY."""

    def __init__(self, key: Secret) -> None:
        """Take the key.

        Raises:
            ConfigurationError: it is no key.
        """
        try:
            self._cipher = Fernet(key.reveal().strip())
        except ValueError:
            raise ConfigurationError(
                "The key of WhaleFall is no Fernet key.",
                hint="It is the value of PASSWORD_ENCRYPTION_KEY there: 32 bytes in URL-safe "
                "base64. Without --key all but the secrets is taken. Nothing was changed.",
            ) from None

    def decrypted(self, stored: str) -> Secret | None:
        """Return a password; None: it is not one that this key encrypted."""
        try:
            token = base64.b64decode(stored.encode(), validate=True)
            plain = self._cipher.decrypt(token).decode()
        except (InvalidToken, binascii.Error, ValueError):
            return None
        return Secret(plain) if plain else None

    def require_any(self, stored: Sequence[str]) -> None:
        """Make sure that the key is that of these passwords.

        Raises:
            ConfigurationError: it decrypts none of them.
        """
        if stored and all(self.decrypted(item) is None for item in stored):
            raise ConfigurationError(
                "The key decrypts none of the passwords of this WhaleFall store.",
                hint="Give the one of its PASSWORD_ENCRYPTION_KEY, or leave --key away: all but "
                "the secrets is taken then. Nothing was changed.",
            )
