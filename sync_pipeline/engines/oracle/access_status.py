"""The state of an account as DBA_USERS.ACCOUNT_STATUS words it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sync_pipeline.model.account import AccountState, AttributeValue


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
