"""What the statements of a fix break, in words: who loses what. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from sync_pipeline.access.findings.case import Case, listed
from sync_pipeline.model.access import Hold
from sync_pipeline.model.account import AccountState

CLOSED = "Nobody can log in with it any more: people and programs that do so today stand still."
GONE = "Nothing: what it is on is not there."
DROPPED = "Who logs in with it no longer can, and its grants are gone with it."
ORPHANED = "Nothing that logs in: it has no login. Its grants are gone with it."
LOGIN_AGAIN = "Nothing: the login of its name comes in as this user again, with its rights."
OPTIONS = "Nothing today: it can no longer pass these rights on, and nobody loses one."
EXPIRES = (
    "Whoever logs in with it needs a new password before this one ends, and so does everybody "
    "whose limit the statement changes: a program stands still if nobody sets one."
)
POLICY = (
    "Nothing today: its next password has to be good enough, and wrong ones may lock it for a time."
)


def lost(case: Case, holds: Iterable[Hold]) -> Iterator[str]:
    """Yield a sentence for each account that loses something, with how many lose it too."""
    by_account: dict[str, list[Hold]] = defaultdict(list)
    for hold in holds:
        by_account[hold.account].append(hold)
    for account, own in by_account.items():
        taken = [hold for hold in own if not hold.is_option]
        yield _lost(case, account, taken) if taken else OPTIONS


def _lost(case: Case, account: str, holds: Sequence[Hold]) -> str:
    what = listed(list(dict.fromkeys(map(str, holds))))
    accounts, members = case.judged.world.accounts, case.members(account)
    state = accounts.get(account)
    gets_in = sum(_logs_in(accounts[name]) for name in members)
    if case.is_everyone(account):
        who = f"All accounts, of which {gets_in} can log in, lose"
    elif members:
        with_it = f"{len(members)} account{'s' if len(members) > 1 else ''}"
        that = "that have it as a role" if len(members) > 1 else "that has it as a role"
        who = f"{account} and the {with_it} {that}, {gets_in} of which can log in, lose"
    elif state is not None and _logs_in(state):
        who = f"{account} loses"
    else:
        return f"Nothing now: {account} loses {what}, but can't log in and is nobody's role."
    return f"{who} {what}: what is run by it fails."


def _logs_in(state: AccountState) -> bool:
    """Return whether an account can log in now; what the time decides is not asked."""
    return state.can_login and not state.is_locked
