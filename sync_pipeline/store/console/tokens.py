"""Tokens of the console: written by the command, read by the console."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, null, select, update

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.viewer import ConsoleToken, Role
from sync_pipeline.store.console.schema import console_tokens as tokens
from sync_pipeline.store.database import Database

_BY_TOKEN = select(tokens).where(tokens.c.token_digest == bindparam("digest"))
_BY_COOKIE = select(tokens).where(tokens.c.cookie_digest == bindparam("digest"))
_ANY = select(tokens.c.name).limit(1)


class TokenStore:
    """The table of tokens."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, token: ConsoleToken) -> None:
        """Add a token; one of this name that was removed is replaced.

        Raises:
            ConfigurationError: there is one of this name.
        """
        row = {
            "name": token.name,
            "role": str(token.role),
            "tags": null() if token.tags is None else list(token.tags),
            "token_digest": token.token_digest,
            "cookie_digest": token.cookie_digest,
            "created_at": token.created_at,
            "expires_at": token.expires_at,
            "removed_at": None,
        }
        with self._database.write() as connection:
            self._database.lock(connection, tokens)
            known = connection.execute(select(tokens).where(tokens.c.name == token.name)).first()
            if known is not None and known.removed_at is None:
                raise ConfigurationError(
                    f"There is a token {token.name!r} already.",
                    hint="Remove it first, or choose another name.",
                )
            if known is None:
                connection.execute(tokens.insert().values(row))
            else:
                connection.execute(update(tokens).where(tokens.c.name == token.name).values(row))

    def remove(self, name: str, now: datetime) -> None:
        """Let nobody in with a token any more.

        Raises:
            ConfigurationError: there is none of this name.
        """
        with self._database.write() as connection:
            done = connection.execute(
                update(tokens)
                .where(tokens.c.name == name, tokens.c.removed_at.is_(None))
                .values(removed_at=now)
            )
        if not done.rowcount:
            raise ConfigurationError(
                f"There is no token {name!r}.", hint="See: sync-pipeline console tokens list."
            )

    def all(self) -> list[ConsoleToken]:
        """Return every token, removed ones too, by name."""
        with self._database.read_once() as connection:
            return [_token(row) for row in connection.execute(select(tokens).order_by("name"))]

    def is_any(self) -> bool:
        """Return whether there ever was a token."""
        with self._database.read_once() as connection:
            return connection.execute(_ANY).first() is not None

    def by_token(self, digest: str) -> ConsoleToken | None:
        """Return the token of a digest."""
        return self._found(_BY_TOKEN, digest)

    def by_cookie(self, digest: str) -> ConsoleToken | None:
        """Return the token of the digest of a cookie."""
        return self._found(_BY_COOKIE, digest)

    def _found(self, query: Any, digest: str) -> ConsoleToken | None:
        with self._database.read_once() as connection:
            row = connection.execute(query, {"digest": digest}).first()
            return _token(row) if row else None


def _token(row: Row[Any]) -> ConsoleToken:
    return ConsoleToken(
        name=row.name,
        role=Role(row.role),
        tags=None if row.tags is None else tuple(row.tags),
        token_digest=row.token_digest,
        cookie_digest=row.cookie_digest,
        created_at=row.created_at,
        expires_at=row.expires_at,
        removed_at=row.removed_at,
    )
