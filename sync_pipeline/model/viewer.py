"""Who looks at the console, and which instances they may see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

EVERY_TAG = "*"
"""In place of a tag: all instances."""


class Role(StrEnum):
    """What a viewer may do. The console changes nothing, so there is one."""

    VIEWER = "viewer"


@dataclass(frozen=True, slots=True)
class Reach:
    """The instances that a question may be about: those with any of these tags; None: all."""

    tags: tuple[str, ...] | None = None

    @property
    def is_everything(self) -> bool:
        """Return whether no instance is left out."""
        return self.tags is None


EVERYTHING = Reach()


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who was let in, until when (UTC; None: for as long as the process lives)."""

    name: str
    role: Role = Role.VIEWER
    reach: Reach = EVERYTHING
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ConsoleToken:
    """A token as the store holds it: digests (hex) of it and of its cookie, never the token."""

    name: str
    role: Role
    tags: tuple[str, ...] | None
    token_digest: str
    cookie_digest: str
    created_at: datetime
    expires_at: datetime
    removed_at: datetime | None = None

    def is_valid_at(self, now: datetime) -> bool:
        """Return whether it lets anybody in at a moment."""
        return self.removed_at is None and now < self.expires_at

    @property
    def viewer(self) -> Viewer:
        """Return who comes with it."""
        return Viewer(self.name, self.role, Reach(self.tags), self.expires_at)
