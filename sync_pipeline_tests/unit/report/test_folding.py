"""Events of one thing are one line, whatever came and went, and no name in it acts."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.model.event import Event, EventKind, StoredEvent
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.route import Outgoing
from sync_pipeline.report.alerts import news_alert
from sync_pipeline.report.folding import family_of, fold
from sync_pipeline.report.stories import LONGEST_STATE, sentence

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOT_FRESHNESS = [kind for kind in EventKind if family_of(kind) is not EventKind.OVERDUE]
GAINED, LOST = EventKind.POWER_GAINED, EventKind.POWER_LOST

events = st.builds(
    Event,
    st.sampled_from(EventKind),
    st.sampled_from(Severity),
    st.integers(1, 2),
    st.just("db"),
    st.integers(0, 9).map(lambda hours: START + timedelta(hours=hours)),
    account=st.sampled_from(["", "alice", "bob"]),
    subject=st.sampled_from(["superuser", "shop"]),
)
texts = st.text(max_size=300)
odd_events = st.builds(
    Event,
    st.sampled_from(EventKind),
    st.sampled_from(Severity),
    st.just(1),
    texts,
    st.just(START),
    texts,
    texts,
    texts,
    texts,
    st.lists(texts, max_size=8).map(tuple),
)


def stored(*found: Event) -> tuple[StoredEvent, ...]:
    return tuple(StoredEvent(number, event) for number, event in enumerate(found))


def power(kind: EventKind, hour: int, before: str = "", after: str = "") -> Event:
    moment = START + timedelta(hours=hour)
    return Event(kind, Severity.HIGH, 1, "shop-db", moment, "'bob'@'%'", "superuser", before, after)


def message(*found: Event, total: int | None = None, late: int = 0) -> Outgoing:
    since = START if late else None
    count = len(found) if total is None else total
    return Outgoing(7, "k" * 32, "ops", START, stored(*found), count, late, since)


@given(st.lists(events, max_size=40))
def test_every_event_is_in_one_story_in_its_order(found: list[Event]) -> None:
    stories = fold(stored(*found))
    assert Counter(event for story in stories for event in story.events) == Counter(found)
    keys = [
        (item.first.instance_id, item.first.account, item.first.subject, family_of(item.first.kind))
        for item in stories
    ]
    assert len(keys) == len(set(keys))
    for story in stories:
        places = [found.index(event) for event in dict.fromkeys(story.events)]
        assert places == sorted(places)
        assert story.severity.rank == min(event.severity.rank for event in story.events)


@given(st.lists(events, max_size=60), st.integers(1, 30), st.integers(0, 5), st.integers(0, 5))
def test_a_message_counts_what_it_does_not_say(
    found: list[Event], most: int, unread: int, late: int
) -> None:
    asked = message(*found, total=len(found) + unread, late=late)
    alert = news_alert(asked, most)
    stories = len(fold(asked.events))
    shown = alert.text.count("\n- ") + alert.text.startswith("- ")
    assert shown == min(stories, most)
    rest = sum(
        int(line.split()[2]) for line in alert.text.splitlines() if line.startswith("… and ")
    )
    assert rest == max(0, stories - most) + unread
    assert (f"{late} older events were not told in time" in alert.text) is (late > 0)
    payload = alert.payload
    counted = payload["overdue_count"] + payload["recovered_count"] + payload["events_count"]
    assert counted == stories
    listed = len(payload["overdue"]) + len(payload["recovered"]) + len(payload["events"])
    assert listed == min(stories, most)
    assert news_alert(asked, most) == alert


def test_what_came_and_went_is_one_line() -> None:
    found = (
        power(GAINED, 0, "no", "yes"),
        power(LOST, 1, "yes", "no"),
        power(GAINED, 2, "no", "yes"),
    )
    alert = news_alert(message(*found))
    assert alert.subject == "sync_pipeline: 1 other event, worst is high"
    lines = alert.text.splitlines()
    assert lines[0] == "What happened (1):"
    assert lines[1] == (
        "- [high] shop-db, 'bob'@'%': gained superuser, then lost, then gained (no → yes), "
        "2026-03-01 12:00Z to 2026-03-01 14:00Z"
    )
    (event,) = alert.payload["events"]
    assert event["kinds"] == ["power_gained", "power_lost", "power_gained"]
    assert (event["before"], event["after"], event["times"]) == ("no", "yes", 3)


def test_much_to_and_fro_is_a_line_of_bounded_length() -> None:
    found = [power(LOST if number % 2 else GAINED, number // 60) for number in range(999)]
    (story,) = fold(stored(*found))
    line = sentence(story, START)
    assert "… 999 changes in all, gained at last" in line
    assert len(line) < 300


@pytest.mark.parametrize("names", [("bob", "dba (member)"), ("bob", "a" * 200)])
def test_a_way_is_told_once(names: tuple[str, ...]) -> None:
    evidence = f"superuser at login through superuser: {' → '.join(names)}."
    gained = replace(power(GAINED, 0, after=evidence), path=names)
    (story,) = fold(stored(gained))
    line = sentence(story, START)
    assert line.count(names[1][:100]) == 1
    assert (" by " in line) is (len(evidence) > LONGEST_STATE)
    plain = replace(gained, after="yes")
    (story,) = fold(stored(plain))
    assert f" by bob > {names[1][:20]}" in sentence(story, START)


def test_the_same_again_is_counted() -> None:
    refused = [
        Event(EventKind.SYNC_REFUSED, Severity.HIGH, 1, "db", START, subject="account")
        for _ in range(3)
    ]
    (story,) = fold(stored(*refused))
    assert "a sync was refused as suspicious: account (3 times)" in sentence(story, START)


def test_the_worst_comes_first_so_that_the_cut_keeps_it() -> None:
    low = [
        Event(EventKind.LIMIT_NEAR, Severity.LOW, 1, "db", START, subject=f"db{number}")
        for number in range(30)
    ]
    worst = Event(EventKind.POWER_GAINED, Severity.CRITICAL, 1, "db", START, "eve", "superuser")
    alert = news_alert(message(*low, worst), 5)
    assert alert.text.splitlines()[1].startswith("- [critical] db, eve: gained superuser")
    assert "… and 26 more" in alert.text


@given(st.lists(odd_events, min_size=1, max_size=10))
def test_no_name_acts(found: list[Event]) -> None:
    alert = news_alert(message(*found))
    assert alert.subject.isascii()
    assert alert.subject.isprintable()
    for line in alert.text.split("\n"):
        assert all(not 0xD800 <= ord(char) <= 0xDFFF for char in line)
        assert not set(line) & set("\r\x1b\u202e\u200b\u2028\x00\x85")
    heads = [line for line in alert.text.split("\n") if line and not line.startswith("- ")]
    titles = ("Overdue: ", "What happened (", "Up to date again (", "… and ", "See: ")
    assert all(line.startswith(titles) for line in heads)
