"""Classes of accounts that users define, and how many accounts were in each on a day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Capability(StrEnum):
    """What an account is or can do, as class rules name it."""

    SUPERUSER = "superuser"
    GRANT_ADMIN = "grant admin"
    DANGEROUS = "dangerous privilege"
    CAN_LOGIN = "can login"
    LOCKED = "locked"
    EXPIRED = "expired"
    NEVER_EXPIRES = "never expires"
    NO_PASSWORD_RULES = "no password rules"  # noqa: S105 - a word, no password
    NEVER_USED = "never used"
    WEAK_AUTHENTICATION = "weak authentication"
    ANONYMOUS = "anonymous"
    ANY_HOST = "any host"
    ORPHANED = "orphaned"
    EVERYONE = "everyone"
    SYSTEM = "system"
    ADMINISTRATOR = "administrator"
    PROVIDER = "provider"


@dataclass(frozen=True, slots=True)
class AccountRule:
    """Which accounts are meant: what is given has to hold, and values of one are alternatives.

    `roles` are names, had through any chain. `with_own`: also what the engines made themselves.
    """

    class_name: str = ""
    capabilities: tuple[Capability, ...] = ()
    roles: tuple[str, ...] = ()
    with_own: bool = False

    @property
    def is_any(self) -> bool:
        """Return whether no class, capability or role is asked for."""
        return not (self.class_name or self.capabilities or self.roles)


@dataclass(frozen=True, slots=True)
class DayCounts:
    """How many active accounts of one instance are in each class on a date.

    The date is in the fleet's time zone; the day's last sync counts.
    """

    day: date
    accounts: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ClassCount:
    """How many accounts of a class there were on a date, on the instances counted that day.

    For the present, `day` is the oldest of the newest days of the instances.
    """

    name: str
    day: date
    accounts: int
    instances: int
