"""A secret in memory that does not print, log or pickle itself, and what it is asked for with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn


class Secret:
    """Holds one secret value; only `reveal` returns it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the plain value, for the driver's connect call alone."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret must not be pickled")


@dataclass(frozen=True, slots=True)
class Login:
    """Where a secret is used: the address of an instance, and the account of its credential.

    `database` is the one that is connected to first; it and `username` may be empty.
    """

    host: str = ""
    port: int = 0
    username: str = ""
    database: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedSecret:
    """A secret as its place gave it, and the account that it is of; empty: the credential's.

    It may be kept for `good_for_seconds`, and is not to be used for a new connection after that.
    """

    secret: Secret
    username: str = ""
    good_for_seconds: float = 0.0
