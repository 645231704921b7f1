"""What is said of the use of accounts, against a ledger of every login of a server."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.model.use import (
    RESOLUTION,
    STALE,
    KnownUse,
    NewUse,
    Seen,
    Sighting,
    UseMarks,
    UseMeans,
    UseSample,
    seen_since,
)
from sync_pipeline.reconcile.use import LEAST_QUIET, MOST_NOTE, observed, unsampled

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LONG_AGO = BEGIN - timedelta(days=1000)
MONITOR = "mon"
PEOPLE = ("ann", "bob", "cid")
HOUR = timedelta(hours=1)


@dataclass
class Ledgered:
    """A server that counts logins as MySQL does, and who was logged in from when to when."""

    means: UseMeans = UseMeans.COUNTER
    now: datetime = BEGIN
    started: datetime = BEGIN - timedelta(days=30)
    flushed: datetime = BEGIN - timedelta(days=30)
    totals: dict[str, int] = field(default_factory=dict)
    last_logins: dict[str, datetime] = field(default_factory=dict)
    connections: int = 0
    commands: int = 0
    truncates: int = 0
    ledger: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    known: KnownUse = field(default_factory=KnownUse)

    def login(self, name: str, lasts: timedelta) -> None:
        self.ledger.append((name, self.now, self.now + lasts))
        self.totals[name] = self.totals.get(name, 0) + 1
        self.last_logins[name] = self.now
        self.connections += 1

    def change_user(self, name: str) -> None:
        """Take over a session, as COM_CHANGE_USER does: a login that is no new connection."""
        self.login(name, timedelta(minutes=1))
        self.connections -= 1
        self.commands += 1

    def open(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, begin, end in self.ledger:
            if begin <= self.now < end:
                found[name] = found.get(name, 0) + 1
        return found

    def restart(self) -> None:
        self.ledger = [(name, begin, min(end, self.now)) for name, begin, end in self.ledger]
        self.started = self.flushed = self.now
        self.totals = {}
        self.connections = self.commands = self.truncates = 0

    def flush(self) -> None:
        self.flushed = self.now
        self.commands = self.truncates = 0

    def truncate(self, *, counters: bool) -> None:
        self.truncates += 1
        if counters:
            self.totals = dict(self.open())

    def sample(self, *, is_refused: bool = False, is_read_only: bool = False) -> None:
        written = dict(self.last_logins)
        self.login(MONITOR, timedelta(minutes=1))
        if is_read_only:
            self.last_logins = written
        opened = self.open()
        if is_refused:
            self.keep(unsampled(self.known, "No.", self.now, have_moved=False))
            return
        names = sorted({*self.totals, *self.last_logins, *opened})
        is_counted = self.means is UseMeans.COUNTER
        is_noted = self.means is UseMeans.LAST_LOGIN
        sightings = tuple(
            Sighting(
                f"{name}@h",
                name,
                is_open=name in opened,
                total=self.totals.get(name, 0) if is_counted else None,
                login_at=self.last_logins.get(name) if is_noted else None,
            )
            for name in names
        )
        sample = UseSample(
            self.means,
            sightings,
            is_whole=self.now - self.started > timedelta(minutes=1),
            own=MONITOR,
            marks=UseMarks(
                str(self.started.timestamp()),
                str(self.flushed.timestamp()) if is_counted else "",
                self.connections,
                self.commands,
                self.truncates,
                sum(opened.values()),
                sum(self.totals.values()),
            ),
        )
        self.keep(observed(self.known, sample, self.now))

    def keep(self, new: NewUse | None) -> None:
        """Keep what the store would, to the second."""
        if new is None:
            return
        known = self.known
        self.known = KnownUse(
            new.coverage,
            known.accounts if new.accounts is None else new.accounts,
            known.counters if new.counters is None else new.counters,
            new.marks,
            new.has_moved,
        )

    def seen(self, name: str, since: datetime) -> Seen:
        return seen_since(self.known, name, since, self.now, LONG_AGO)

    def was_used(self, name: str, since: datetime) -> bool:
        return any(
            who == name and end > since and begin <= self.now for who, begin, end in self.ledger
        )


def steps() -> st.SearchStrategy[list[tuple[str, object]]]:
    names = st.sampled_from(PEOPLE)
    minutes = st.integers(1, 60 * 40)
    return st.lists(
        st.one_of(
            st.tuples(st.just("login"), st.tuples(names, minutes)),
            st.tuples(st.just("change_user"), names),
            st.tuples(st.just("wait"), minutes),
            st.tuples(st.just("wait"), st.integers(1, 90)),
            st.tuples(st.just("sample"), st.booleans()),
            st.tuples(st.just("sample"), st.just(False)),
            st.tuples(st.sampled_from(("restart", "flush")), st.none()),
            st.tuples(st.just("truncate"), st.booleans()),
        ),
        min_size=5,
        max_size=60,
    )


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(UseMeans), steps())
def test_nobody_who_was_used_is_ever_said_not_to_be(
    means: UseMeans, taken: list[tuple[str, object]]
) -> None:
    server = Ledgered(means)
    moments = [BEGIN]
    for step, value in taken:
        server.now += timedelta(seconds=5)
        take(server, step, value)
        if (step, value) == ("sample", False):
            moments.append(server.now)
            check(server, [*moments, *(item + 25 * HOUR for item in moments)])


def take(server: Ledgered, step: str, value: object) -> None:
    match step, value:
        case "login", (str(name), int(minutes)):
            server.login(name, timedelta(minutes=minutes))
        case "wait", int(minutes):
            server.now += timedelta(minutes=minutes)
        case "truncate", bool(counters):
            server.truncate(counters=counters)
        case "sample", bool(refused):
            server.sample(is_refused=refused)
        case "change_user", str(name):
            server.change_user(name)
        case _:
            server.restart() if step == "restart" else server.flush()


def check(server: Ledgered, moments: list[datetime]) -> None:
    for name in PEOPLE:
        for since in moments:
            if since <= server.now and server.seen(name, since) is Seen.NO:
                assert not is_used(server, name, since), (name, since)


def is_used(server: Ledgered, name: str, since: datetime) -> bool:
    """Return whether it was used; of one whose engine says when it logged in, logins alone count.

    Where samples began after such a session, nobody saw how long it lasted.
    """
    if server.means is UseMeans.LAST_LOGIN:
        return any(who == name and begin >= since for who, begin, _ in server.ledger)
    return server.was_used(name, since)


def watched(means: UseMeans, days: int, hours: int = 6) -> Ledgered:
    server = Ledgered(means)
    for _ in range(days * 24 // hours):
        server.sample()
        server.now += timedelta(hours=hours)
    server.sample()
    return server


def test_who_was_not_used_for_long_is_said_not_to_be_where_every_login_shows() -> None:
    for means, wanted in (
        (UseMeans.COUNTER, Seen.NO),
        (UseMeans.LAST_LOGIN, Seen.NO),
        (UseMeans.SESSION, Seen.NOT_IN_SAMPLES),
    ):
        server = watched(means, 100)
        assert server.seen("ann", server.now - timedelta(days=90)) is wanted
        assert server.seen("ann", server.now - timedelta(days=110)) is Seen.UNKNOWN
        assert server.seen(MONITOR, server.now - timedelta(days=90)) is Seen.YES


def test_nothing_is_known_of_a_time_that_began_after_the_last_sample() -> None:
    for means in UseMeans:
        server = watched(means, 100)
        if means is UseMeans.LAST_LOGIN:
            server.last_logins["ann"] = server.now - timedelta(days=60)
            server.sample()
        server.now += 20 * HOUR
        for hours in (19, 1, -24, -24 * 400):
            assert server.seen("ann", server.now - hours * HOUR) is Seen.UNKNOWN, (means, hours)


def test_where_not_even_our_own_login_is_written_down_nobody_is_unused() -> None:
    """A database that is open for reading alone; the engine does not say so."""
    server = Ledgered(UseMeans.LAST_LOGIN)
    server.login("ann", timedelta(minutes=1))
    for _ in range(100):
        server.sample()
        server.now += 24 * HOUR
    server.sample()
    since = server.now - timedelta(days=90)
    assert server.seen("ann", since) is Seen.NO
    assert server.seen("bob", since) is Seen.NO
    server.now += 2 * HOUR
    server.sample(is_read_only=True)
    assert server.known.coverage is not None
    assert "not even" in server.known.coverage.note
    assert server.seen("bob", since) is Seen.NOT_IN_SAMPLES
    server.now += HOUR
    server.sample()  # it is written to again; what was not written down stays unknown
    assert server.seen("ann", since) is Seen.UNKNOWN
    assert server.seen("bob", since) is not Seen.NO


def test_a_login_between_two_samples_shows_in_a_counter_alone() -> None:
    for means, wanted in ((UseMeans.COUNTER, Seen.YES), (UseMeans.SESSION, Seen.NOT_IN_SAMPLES)):
        server = watched(means, 5)
        since = server.now
        server.now += timedelta(minutes=10)
        server.login("ann", timedelta(minutes=1))
        for _ in range(5):
            server.now += 6 * HOUR
            server.sample()
        assert server.seen("ann", since) is wanted


def test_what_counts_is_since_when_all_was_seen() -> None:
    """A restart, and whatever may have emptied the counters, begins it anew."""
    for break_ in (Ledgered.restart, Ledgered.flush, lambda it: it.truncate(counters=True)):
        server = watched(UseMeans.COUNTER, 10)
        since = server.now - timedelta(days=8)
        assert server.seen("ann", since) is Seen.NO
        break_(server)
        server.now += HOUR
        server.sample()
        assert server.seen("ann", since) is Seen.NOT_IN_SAMPLES


def test_counters_that_were_emptied_and_grew_again_prove_nothing() -> None:
    server = watched(UseMeans.COUNTER, 10)
    since = server.now - timedelta(days=8)
    server.login("ann", timedelta(minutes=1))
    server.now += timedelta(minutes=5)
    server.truncate(counters=True)
    for _ in range(200):
        server.login("bob", timedelta(minutes=1))
    server.now += HOUR
    server.sample()
    assert server.seen("ann", since) is not Seen.NO
    assert server.known.of("ann").last_at is None, "nobody can know"
    assert server.seen("bob", since) is Seen.YES


def test_a_login_after_a_restart_shows_whatever_was_counted_before() -> None:
    server = Ledgered()
    server.login("ann", timedelta(minutes=1))
    for _ in range(2):
        server.now += HOUR
        server.sample()
    assert server.known.of("ann").last_at is None, "when it logged in is not known"
    server.restart()
    server.login("ann", timedelta(minutes=1))
    server.now += HOUR
    server.sample()
    assert server.known.of("ann").last_at == server.now


def test_statements_that_empty_other_tables_leave_the_counters_what_they_are() -> None:
    server = watched(UseMeans.COUNTER, 10)
    server.truncate(counters=False)
    server.now += HOUR
    server.sample()
    assert server.seen("ann", server.now - timedelta(days=8)) is Seen.NO


def test_nothing_is_said_of_now_where_samples_ended() -> None:
    server = watched(UseMeans.COUNTER, 10)
    server.now += STALE + HOUR
    assert server.seen("ann", BEGIN + timedelta(days=1)) is Seen.UNKNOWN


def test_an_account_that_was_seen_within_the_hour_is_not_written_again() -> None:
    server = Ledgered()
    server.sample()
    server.login("ann", timedelta(days=30))
    server.now += timedelta(minutes=30)
    server.sample()
    first = server.known.of("ann").last_at
    assert first == server.now
    server.now += RESOLUTION / 2
    server.sample()
    assert server.known.of("ann").last_at == first
    assert server.known.coverage is not None
    assert server.known.coverage.last_at == server.now, "the sample itself is"
    server.now += RESOLUTION
    server.sample()
    assert server.known.of("ann").last_at == server.now


def one(sighting: Sighting, means: UseMeans = UseMeans.COUNTER) -> UseSample:
    return UseSample(means, (sighting,), is_whole=True, marks=UseMarks("1", "1", total=1))


def test_who_may_have_been_used_is_not_said_to_be_unused() -> None:
    server = watched(UseMeans.COUNTER, 10)
    before, now = server.known, server.now + HOUR
    marks = replace(before.marks, total=before.marks.total + 1, connections=10**6)
    sighting = Sighting("x@h", maybe=("ann", "bob"), others=("cid",), total=5)
    sample = replace(one(sighting), marks=marks)
    since = now - timedelta(days=8)
    for moved, doubted in ((False, {"ann", "bob"}), (True, {"ann", "bob", "cid"})):
        server.known, server.now = before, now
        server.keep(observed(before, sample, now, have_moved=moved))
        found = {name for name in PEOPLE if server.seen(name, since) is Seen.UNKNOWN}
        assert found == doubted
        assert {name for name in PEOPLE if server.seen(name, since) is Seen.NO} == {
            *PEOPLE
        } - doubted


def test_an_account_that_is_there_again_was_not_there_before() -> None:
    server = watched(UseMeans.COUNTER, 10)
    now = server.now + HOUR
    sample = replace(one(Sighting("x@h", total=1)), marks=server.known.marks)
    server.keep(observed(server.known, sample, now, returned=("ann",)))
    server.now = now
    assert server.seen("ann", now - timedelta(days=8)) is Seen.UNKNOWN
    assert server.seen("bob", now - timedelta(days=8)) is Seen.NO


def test_findings_are_looked_at_again_only_where_they_may_be_others() -> None:
    young, old = watched(UseMeans.COUNTER, 10), watched(UseMeans.COUNTER, 60)
    assert not told(young, "ann", young.now + HOUR), "nobody counts as unused yet"
    assert told(old, "ann", old.now + HOUR), "the first time that it is seen"
    assert not told(old, MONITOR, old.now + HOUR)
    assert told(old, MONITOR, old.now + LEAST_QUIET + HOUR)
    old.restart()
    old.now += HOUR
    assert told(old, MONITOR, old.now, UseMarks("2", "2", total=1))


def told(server: Ledgered, name: str, at: datetime, marks: UseMarks | None = None) -> bool:
    counted = replace(server.known.marks, total=10**6, connections=10**6)
    sample = replace(one(Sighting(f"{name}@h", name, total=10**6)), marks=marks or counted)
    return observed(server.known, sample, at).is_told


def test_it_is_looked_at_again_when_all_was_seen_for_long() -> None:
    server = watched(UseMeans.COUNTER, 44)
    days = [server.now + timedelta(days=days) for days in (0, 1, 2, 3)]
    found = []
    for server.now in days:
        before = server.known
        server.sample()
        new = told_of(before, server)
        found.append(new)
    assert sum(found) == 1


def told_of(before: KnownUse, server: Ledgered) -> bool:
    sample = replace(one(Sighting("mon@h", MONITOR)), marks=server.known.marks)
    return observed(before, sample, server.now).is_told


def test_a_refusal_is_noted_once_a_day_and_ends_nothing_that_was_counted() -> None:
    server = watched(UseMeans.COUNTER, 10)
    first = unsampled(server.known, "x" * 5000, server.now + HOUR, have_moved=False)
    assert first is not None
    assert len(first.coverage.note) == MOST_NOTE
    server.keep(first)
    assert unsampled(server.known, "x" * 5000, server.now + 2 * HOUR, have_moved=False) is None
    moved = unsampled(server.known, "x" * 5000, server.now + 2 * HOUR, have_moved=True)
    assert moved is not None
    assert moved.has_moved
    server.now += 3 * HOUR
    server.sample()
    assert server.seen("ann", server.now - timedelta(days=8)) is Seen.NO
