"""Credentials as the store keeps them: never a plain secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A user name and its stored secret.

    `secret` is either an encrypted value (`fernet:` and a token) or a reference such as
    `env:NAME` or `file:/path`. Neither is shown in a repr.
    """

    name: str
    username: str
    secret: str = field(repr=False)
    created_at: datetime | None = None
    rotated_at: datetime | None = None
