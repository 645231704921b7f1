"""References to secrets: what is kept of them, for whom, and when they are asked for again."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet import references
from sync_pipeline.fleet.references import References, check_reference
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings

BILLING, ORDERS = Login("db1", 5432, "monitor", "billing"), Login("db2", 5432, "monitor")


@dataclass
class Place:
    """A place of secrets that counts, and gives another one each time."""

    is_of_login: bool = False
    good_for_seconds: float = 60
    changes: bool = True
    fails: bool = False
    asked: list[tuple[str, Login, bool]] = field(default_factory=list)
    entered: threading.Event = field(default_factory=threading.Event)
    may_leave: threading.Event = field(default_factory=threading.Event)

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:
        self.asked.append((rest, login, is_rejected))
        self.entered.set()
        assert self.may_leave.wait(30)
        if self.fails:
            raise ConfigurationError("The place is away.")
        number = len(self.asked) if self.changes else 0
        return ResolvedSecret(Secret(f"s{number}"), f"u{number}", self.good_for_seconds)


class Clock:
    now = 1000.0
    looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.now


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    made = Place()
    made.may_leave.set()

    class Kind:
        def __new__(cls, _settings: Settings) -> Place:  # type: ignore[misc]
            return made

    monkeypatch.setattr(references, "_installed", lambda _scheme: Kind)
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def known(place: Place, clock: Clock) -> References:
    return References(Settings, clock)


def test_what_may_be_kept_is_asked_for_once_until_its_time_is_over(
    known: References, place: Place, clock: Clock
) -> None:
    first = known.resolve("p:a", BILLING)
    assert known.resolve("p:a", ORDERS) is first
    assert (first.secret, first.username) == (Secret("s1"), "u1")
    clock.now += 60
    assert known.resolve("p:a", BILLING).secret == Secret("s2")
    assert known.resolve("p:b", BILLING).secret == Secret("s3")
    assert [rest for rest, _, _ in place.asked] == ["a", "a", "b"]


def test_what_is_of_a_login_is_kept_for_that_alone(known: References, place: Place) -> None:
    place.is_of_login = True
    assert known.resolve("p:eu", BILLING) is known.resolve("p:eu", BILLING)
    known.resolve("p:eu", ORDERS)
    assert [login for _, login, _ in place.asked] == [BILLING, ORDERS]


def test_what_was_rejected_is_fetched_once_by_all_who_were_rejected(
    known: References, place: Place
) -> None:
    old = known.resolve("p:a").secret
    fresh = [known.resolve("p:a", BILLING, old).secret for _ in range(3)]
    assert fresh == [Secret("s2")] * 3
    assert [is_rejected for _, _, is_rejected in place.asked] == [False, True]


def test_many_threads_wait_for_the_one_who_asks(known: References, place: Place) -> None:
    place.may_leave.clear()
    found: list[Secret] = []
    threads = [
        threading.Thread(target=lambda: found.append(known.resolve("p:a").secret)) for _ in range(9)
    ]
    for thread in threads:
        thread.start()
    assert place.entered.wait(30)
    place.may_leave.set()
    for thread in threads:
        thread.join(30)
    assert found == [Secret("s1")] * 9
    assert len(place.asked) == 1


def test_who_waited_for_a_place_that_failed_does_not_ask_it_again(
    known: References, place: Place, clock: Clock
) -> None:
    place.may_leave.clear()
    place.fails = True
    found: list[ConfigurationError] = []

    def ask() -> None:
        with pytest.raises(ConfigurationError) as raised:
            known.resolve("p:a")
        found.append(raised.value)

    threads = [threading.Thread(target=ask) for _ in range(9)]
    for thread in threads:
        thread.start()
    assert place.entered.wait(30)
    until = time.monotonic() + 30
    while clock.looks < 2 + len(threads) and time.monotonic() < until:
        time.sleep(0.01)  # the one who asks has looked three times, the others once
    clock.now += 10
    place.may_leave.set()
    for thread in threads:
        thread.join(30)
    assert [str(item) for item in found] == ["The place is away."] * 9
    assert len(set(map(id, found))) == 9  # each gets its own instance
    assert len(place.asked) == 1
    place.fails = False
    clock.now += 1
    assert known.resolve("p:a").secret == Secret("s2")


@pytest.mark.parametrize(("seconds", "is_retryable"), [(10, True), (1, True), (10, False)])
def test_a_place_that_hangs_is_waited_for_once_whatever_is_asked_of_it(
    known: References, place: Place, clock: Clock, seconds: float, *, is_retryable: bool
) -> None:
    def hang(rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:
        place.asked.append((rest, login, is_rejected))
        clock.now += seconds
        raise ConfigurationError(f"None of {rest}.", hint="Look.", retryable=is_retryable)

    gives, place.fetch = place.fetch, hang  # type: ignore[method-assign]
    found = []
    for rest in "abcd":
        with pytest.raises(ConfigurationError) as raised:
            known.resolve(f"p:{rest}")
        assert raised.value.retryable is is_retryable
        found.append(str(raised.value))
    hangs = is_retryable and seconds == 10
    assert len(place.asked) == (1 if hangs else 4)
    if hangs:
        assert "0 seconds ago, and was not asked again. Look." in found[-1]
    place.fetch = gives  # type: ignore[method-assign]
    clock.now += references.LEFT_ALONE_SECONDS
    assert known.resolve("p:b").secret.reveal().startswith("s")


def test_a_place_that_never_comes_back_is_left_behind(
    known: References, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "LONGEST_SECONDS", 0.1)
    place.may_leave.clear()
    with pytest.raises(ConfigurationError, match=r"did not answer within 0\.1 seconds") as raised:
        known.resolve("p:a")
    assert raised.value.retryable
    place.may_leave.set()


def test_what_may_not_be_kept_is_asked_for_each_time(known: References, place: Place) -> None:
    place.good_for_seconds = 0
    assert [known.resolve("p:a").secret for _ in range(2)] == [Secret("s1"), Secret("s2")]


def test_an_extra_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lacking.py").write_text("import surely_not_installed\n")
    info = tmp_path / "lacking-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lacking\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sync_pipeline.secrets]\nlacking = lacking:Place\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigurationError, match=r"package surely_not_installed.*docs/secrets\.md"):
        check_reference("lacking:x")
