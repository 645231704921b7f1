"""The state of an account as DBA_USERS.ACCOUNT_STATUS words it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sync_pipeline.engines.oracle.accounts.traits import LOCK_TIME, READ_ONLY
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountState, AttributeValue

TIMED = "LOCKED(TIMED)"
MOST_DAYS = 24855
"""The longest lock that a date can hold (from memory: profiles keep seconds in 31 bits)."""


@dataclass(frozen=True, slots=True)
class AccountStatus:
    """The parts of a status such as `EXPIRED(GRACE) & LOCKED(TIMED)`.

    Database Reference, DBA_USERS: an account is open or any combination of expired,
    locked, and (since 21c) in a password rollover, in which its old password works too.
    """

    locked: str = ""
    expired: str = ""
    is_in_rollover: bool = False

    @property
    def must_change_password(self) -> bool:
        """Return whether the next login only lets the person choose a new password."""
        return self.expired == "EXPIRED"


def status_of(state: AccountState) -> AccountStatus:
    """Return the state of an account; all empty where the snapshot does not say."""
    words = [word.strip() for word in str(attribute(state, "account_status") or "").split("&")]
    return AccountStatus(
        locked=next((word for word in words if word.startswith("LOCKED")), ""),
        expired=next((word for word in words if word.startswith("EXPIRED")), ""),
        is_in_rollover="IN ROLLOVER" in words,
    )


LONGEST_OFFSET = timedelta(days=1)
"""How far the server's clock, whose zone is not kept, may be from UTC."""


def lock_of(state: AccountState, world: AccessWorld | None = None) -> str:
    """Say how an account is locked; empty: it is not, or no longer.

    Database Reference, DBA_USERS: LOCKED(TIMED) is by wrong passwords, and ends by itself
    after PASSWORD_LOCK_TIME (days) of the profile. The state stays until the next login.
    """
    locked = status_of(state).locked
    if not locked and state.is_locked:
        return "LOCKED"
    began, days = _moment(attribute(state, "lock_date")), _days(attribute(state, LOCK_TIME))
    if locked != TIMED or (began is None and days is None):
        return locked
    ends = _end(began, days)
    if ends is None:
        return f"{locked}, temporarily, until PASSWORD_LOCK_TIME of its profile is over"
    if world is not None and _is_over(ends, world):
        return ""
    return f"{locked}, temporarily, until {ends.replace(microsecond=0)} by the server's clock"


def is_temporarily_locked(state: AccountState) -> bool:
    """Return whether the account is locked by wrong passwords, for a time."""
    return status_of(state).locked == TIMED


def is_read_only(world: AccessWorld, account: str) -> bool:
    """Return whether the account is a user who may not write (CREATE USER, READ ONLY, 23ai)."""
    state = world.accounts.get(account)
    return state is not None and any(item.name == READ_ONLY for item in state.settings)


def _is_over(ends: datetime, world: AccessWorld) -> bool:
    """Return whether an end by the server's clock is over, in whichever zone that clock is."""
    try:
        after = ends.replace(tzinfo=UTC) + LONGEST_OFFSET + datetime.resolution
    except OverflowError:
        return False
    return world.has_come(after) is True


def _end(began: datetime | None, days: float | None) -> datetime | None:
    """Return when a lock ends by the server's clock; None: that can't be said."""
    if began is None or days is None:
        return None
    try:
        return began + timedelta(days=days)
    except OverflowError:
        return None


def _moment(value: AttributeValue) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value)).replace(tzinfo=None) if value else None
    except ValueError:
        return None


def _days(value: AttributeValue) -> float | None:
    """Return a number of days as a profile has it; UNLIMITED and what is none have no end."""
    try:
        days = float(str(value)) if value is not None else -1.0
    except ValueError:
        return None
    return days if 0 <= days <= MOST_DAYS else None


_STATES = frozenset({"OPEN", "EXPIRED", "EXPIRED(GRACE)", "LOCKED", "LOCKED(TIMED)", "IN ROLLOVER"})
_AUTHENTICATION = frozenset({"", "NONE", "PASSWORD", "EXTERNAL", "GLOBAL", "APPLICATION"})


def unknown_words(state: AccountState) -> Iterator[str]:
    """Yield the states and ways of authentication that DBA_USERS and DBA_ROLES had not had.

    Database Reference, DBA_USERS (ACCOUNT_STATUS, AUTHENTICATION_TYPE) and DBA_ROLES.
    """
    status = str(attribute(state, "account_status") or "OPEN").upper()
    for word in (part.strip() for part in status.split("&")):
        if word not in _STATES:
            yield f"account status {word}"
    if authentication_of(state) not in _AUTHENTICATION:
        yield f"authentication type {authentication_of(state)}"


def attribute(state: AccountState, name: str) -> AttributeValue:
    """Return an attribute of an account, None where the snapshot has none."""
    return next((value for key, value in state.attributes if key == name), None)


def authentication_of(state: AccountState) -> str:
    """Return DBA_USERS or DBA_ROLES.AUTHENTICATION_TYPE in upper case; empty: not known."""
    return str(attribute(state, "authentication_type") or "").upper()
