"""What is known of the use of accounts: when each was seen logged in, and how it was watched.

An account is seen where a session of it is open, where a counter of its logins has grown, or where
the engine itself noted a login. That nobody was seen says something only where every login would
have shown: `Coverage.whole_since` is since when that is so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

RESOLUTION = timedelta(hours=1)
"""An account that was seen later than its stored date by less than this is not written again."""
OWN_RESOLUTION = timedelta(days=1)
"""The same of the account that syncs: each sync is a use of it."""
STALE = timedelta(days=1)
"""After so long without a sample nothing is said of now."""


UNUSED_AFTER = timedelta(days=90)
"""After so long without a login, an account counts as unused."""


class UseMeans(StrEnum):
    """How the use of an account is known."""

    LAST_LOGIN = "last login"
    COUNTER = "counter"
    SESSION = "session"

    @property
    def shows_every_login(self) -> bool:
        """Return whether a login between two samples shows in the later one."""
        return self is not UseMeans.SESSION


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one row of a sample says.

    `key` tells what is counted from sample to sample: who connected, as the server names that.
    `account` is whose it is, empty where that can't be told; `maybe` are those whose it may be.
    `others` would be, had the accounts been others meanwhile. `total` are the logins since the
    server's start (None: not counted), and `login_at` (UTC) is the last one as the engine says.
    """

    key: str
    account: str = ""
    maybe: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    is_open: bool = False
    total: int | None = None
    login_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class UseMarks:
    """What tells whether counters went on counting between two samples.

    `started` and `flushed` are the seconds (by the server's clock) at which it started and its
    status was last set back; empty where nothing is counted. `connections` were tried since, and
    `commands` may have changed who a session is. `truncates` are statements that could have emptied
    the counters. `opened` and `total` are the sums of the counters.
    """

    started: str = ""
    flushed: str = ""
    connections: int = 0
    commands: int = 0
    truncates: int = 0
    opened: int = 0
    total: int = 0

    def goes_on_from(self, before: UseMarks) -> bool:
        """Return whether the counters counted on since another sample.

        A statement that empties them is counted itself. Where other such statements ran, the sum
        decides: emptied counters can't have more than what was open and what came since.
        """
        if (self.started, self.flushed) != (before.started, before.flushed):
            return False
        came = self.connections - before.connections
        commands = self.commands - before.commands
        if came < 0 or commands < 0 or self.total < before.total:
            return False
        return self.truncates == before.truncates or self.total > before.opened + came + commands


@dataclass(frozen=True, slots=True)
class UseSample:
    """What one sync saw of the use of an instance's accounts.

    `is_whole`: each login since the sample before shows, if the counters went on. `doubted` are
    accounts of which not every login shows all the same. `own` is the account of the sync itself.
    `note` is what is missing, for people.
    """

    means: UseMeans
    sightings: tuple[Sighting, ...] = ()
    is_whole: bool = False
    doubted: tuple[str, ...] = ()
    own: str = ""
    marks: UseMarks = UseMarks()
    note: str = ""


@dataclass(frozen=True, slots=True)
class AccountUse:
    """When an account was seen first and last (UTC), and how the last is known.

    Both are None where it never was, but may have been: `maybe_at` is when that was last so.
    A counter says that there was a login since the sample before: `last_at` is the latest that it
    can have been. `sample` is the number of the sample that saw it last.
    """

    first_at: datetime | None = None
    last_at: datetime | None = None
    by: UseMeans | None = None
    maybe_at: datetime | None = None
    sample: int = 0

    @property
    def latest(self) -> datetime | None:
        """Return when it was used last, or may have been."""
        return max(filter(None, (self.last_at, self.maybe_at)), default=None)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How well the use of an instance's accounts was watched. Times are UTC.

    `samples` were taken from `since_at` until `last_at`; `gaps` are those that were more than a day
    apart, the last of them until `gap_at`. Since `whole_since` every login shows (None: not every
    one does), and no two samples were further apart than `longest_gap`. Queries that failed are
    `failures`, the last of them at `failed_at`. `note` says what is missing.
    """

    since_at: datetime
    means: UseMeans | None = None
    samples: int = 0
    last_at: datetime | None = None
    whole_since: datetime | None = None
    longest_gap: timedelta = timedelta()
    gaps: int = 0
    gap_at: datetime | None = None
    restarts: int = 0
    failures: int = 0
    failed_at: datetime | None = None
    note: str = ""

    def carries(self, since: datetime, until: datetime) -> bool:
        """Return whether an account with no sign of use was not used from `since` on.

        `until` is now: what was not sampled for long says nothing of it, and of a time that began
        after the last sample no sample tells.
        """
        return (
            self.whole_since is not None
            and self.last_at is not None
            and self.whole_since <= since <= self.last_at
            and until - self.last_at <= STALE
        )

    def remembers(self, use: AccountUse, since: datetime, until: datetime) -> bool:
        """Return whether the engine itself says when an account logged in last, whatever we saw."""
        return (
            self.means is UseMeans.LAST_LOGIN
            and use.last_at is not None
            and self.whole_since is not None
            and self.last_at is not None
            and since <= self.last_at
            and until - self.last_at <= STALE
        )

    def is_watched(self, since: datetime, until: datetime) -> bool:
        """Return whether samples were taken from `since` until now, none more than a day apart."""
        return (
            self.last_at is not None
            and self.since_at <= since <= self.last_at
            and (self.gap_at is None or self.gap_at <= since)
            and until - self.last_at <= STALE
        )

    def is_quiet(self, use: AccountUse, since: datetime) -> bool:
        """Return whether an account shows no sign of use from `since` on.

        A session that was open at one sample may have ended just before the next one, and what was
        seen within the resolution is not written.
        """
        latest = use.latest
        gap = self.longest_gap if self.whole_since is not None else STALE
        return latest is None or latest + gap + OWN_RESOLUTION <= since


@dataclass(frozen=True, slots=True)
class InstanceUse:
    """All that is kept of the use of an instance's accounts."""

    coverage: Coverage | None = None
    accounts: Mapping[str, AccountUse] = field(default_factory=dict)

    def of(self, account: str) -> AccountUse:
        """Return what is known of an account."""
        return self.accounts.get(account, AccountUse())


@dataclass(frozen=True, slots=True)
class WatchedUse(InstanceUse):
    """The same with when syncs first saw each account (UTC), where anybody may count as unused."""

    first_known: Mapping[str, datetime] = field(default_factory=dict)

    @property
    def sampled_at(self) -> datetime | None:
        """Return when the last sample was taken, where every login shows."""
        is_whole = self.coverage is not None and self.coverage.whole_since is not None
        return self.coverage.last_at if self.coverage is not None and is_whole else None

    def unused_at(self, account: str) -> datetime | None:
        """Return when an account counts as unused, if no sample until then shows it; None: never.

        It was not used in the `UNUSED_AFTER` before that moment.
        """
        coverage, known = self.coverage, self.first_known.get(account)
        if coverage is None or coverage.whole_since is None or known is None:
            return None
        latest = self.of(account).latest
        quiet = None if latest is None else latest + coverage.longest_gap + OWN_RESOLUTION
        begin = max(filter(None, (coverage.whole_since, known, quiet)))
        return begin + UNUSED_AFTER


@dataclass(frozen=True, slots=True)
class KnownUse(InstanceUse):
    """The same with what only the next sample needs: the counters of the one written last.

    `has_moved`: accounts came or went since then, and no sample was taken.
    """

    counters: Mapping[str, int] = field(default_factory=dict)
    marks: UseMarks = UseMarks()
    has_moved: bool = False


@dataclass(frozen=True, slots=True)
class NewUse:
    """What a sync leaves. `accounts` and `counters` are None where none of them is written.

    `is_told`: findings may be others by it.
    """

    coverage: Coverage
    marks: UseMarks
    accounts: Mapping[str, AccountUse] | None = None
    counters: Mapping[str, int] | None = None
    has_moved: bool = False
    is_told: bool = False


class Seen(StrEnum):
    """What is known of whether an account was seen since a moment."""

    YES = "seen"
    NO = "not seen"
    NOT_IN_SAMPLES = "not seen in samples"
    UNKNOWN = "not known"


def seen_since(
    use: InstanceUse, account: str, since: datetime, now: datetime, first_known: datetime
) -> Seen:
    """Return whether an account was seen since a moment, as of the last sample.

    `first_known` is when a sync saw that the account exists: of one that is younger than `since`
    nothing is said, as nobody can have used it then.
    """
    coverage, own = use.coverage, use.of(account)
    first_known = min(first_known, own.first_at or first_known)
    if own.last_at is not None and own.last_at >= since:
        return Seen.YES
    if coverage is None or first_known > since or not coverage.is_quiet(own, since):
        return Seen.UNKNOWN
    if coverage.carries(since, now) or coverage.remembers(own, since, now):
        return Seen.NO
    return Seen.NOT_IN_SAMPLES if coverage.is_watched(since, now) else Seen.UNKNOWN
