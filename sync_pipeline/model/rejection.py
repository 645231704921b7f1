"""That a server rejected a login, so that the same is not sent to it again and again. Pure."""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from sync_pipeline.model.secret import Secret

LEFT_ALONE = timedelta(hours=6)
"""So long what was rejected is not sent again: few policies lock an account at four a day."""
_COST = 2**12
"""Of scrypt (RFC 7914): some 10 ms, spent on instances alone that rejected a login."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """What was rejected, as nobody can read it, and when that was (UTC)."""

    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)
    rejected_at: datetime

    @classmethod
    def of(cls, username: str, secret: Secret, now: datetime) -> Self:
        """Return the rejection of an account's secret."""
        salt = os.urandom(16)
        return cls(salt, _digest(username, secret, salt), now)

    def holds_for(self, username: str, secret: Secret, now: datetime) -> bool:
        """Return whether it is the same that would be sent, and too soon for that."""
        if not self.rejected_at <= now < self.rejected_at + LEFT_ALONE:
            return False
        return hmac.compare_digest(self.digest, _digest(username, secret, self.salt))


def _digest(username: str, secret: Secret, salt: bytes) -> bytes:
    data = f"{len(username)}:{username}{secret.reveal()}".encode("utf-8", "surrogatepass")
    return hashlib.scrypt(data, salt=salt, n=_COST, r=8, p=1)
