"""Which findings are accepted, however many acceptances there are."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.access.findings.accepted import Accepting, is_meant
from sync_pipeline.model.finding import Finding, Severity, SeverityStep, Suppression
from sync_pipeline.model.finding_life import (
    MOST_STEPS,
    Seen,
    Spell,
    read_steps,
    seen_after,
    steps_text,
)
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.pattern import escaped, like, literal

UNTIL = date(2026, 12, 31)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = st.text("a%_\\é", max_size=5)
RULES = st.sampled_from(["superuser", "super%", "grant-admin", "%"])


def finding(instance: str, rule: str, account: str, about: str) -> Finding:
    return Finding(
        instance, EngineName.MYSQL, account, rule, Severity.LOW, "It is so.", about=about
    )


@given(
    st.lists(st.builds(Suppression, RULES, st.just("r"), st.just(UNTIL), NAMES, NAMES, NAMES)),
    NAMES,
    st.sampled_from(["superuser", "grant-admin"]),
    NAMES,
    NAMES,
)
def test_the_first_that_names_a_finding_accepts_it(
    given_ones: list[Suppression], instance: str, rule: str, account: str, about: str
) -> None:
    found = Accepting.by(given_ones).judged(finding(instance, rule, account, about))
    meant = [one for one in given_ones if is_meant(rule, instance, account, about, one)]
    assert found.acceptance == (meant[0] if meant else None)
    assert not found.is_worse


@given(NAMES, NAMES)
def test_an_escaped_name_is_that_name_alone(name: str, other: str) -> None:
    assert like(escaped(name), other) == (name == other)
    assert literal(escaped(name)) == name


@given(NAMES, NAMES)
def test_a_literal_pattern_matches_its_name_alone(pattern: str, name: str) -> None:
    only = literal(pattern)
    if only is not None:
        assert like(pattern, name) == (name == only)


@given(st.lists(st.sampled_from(Severity), min_size=1, max_size=MOST_STEPS * 2))
def test_of_what_is_forgotten_nothing_is_told_as_worse_than_it_was(seen: list[Severity]) -> None:
    spell, moment = Spell(seen[0], Seen(START)), START
    known = {START: seen[0]}
    for severity in seen[1:]:
        moment += timedelta(minutes=1)
        known[moment] = severity
        spell = Spell(severity, seen_after(spell, None, severity, moment))
    assert len(spell.seen.steps) <= MOST_STEPS
    assert read_steps(steps_text(spell.seen.steps)) == spell.seen.steps
    plain = finding("i", "superuser", "a", "")
    item = replace(plain, severity=seen[-1], steps=spell.seen.steps)
    for then, severity in known.items():
        told = item.severity_at(then)
        assert told.rank >= severity.rank
        if len(set(map(str, seen))) == 1 or len(spell.seen.steps) < MOST_STEPS:
            assert told is severity


def test_what_comes_again_goes_on_with_its_steps() -> None:
    later = START + timedelta(days=1)
    old = Spell(Severity.LOW, Seen(START))
    assert seen_after(None, old, Severity.LOW, later) == Seen(later)
    steps = (SeverityStep(START, Severity.LOW), SeverityStep(later, Severity.HIGH))
    assert seen_after(None, old, Severity.HIGH, later) == Seen(later, steps)
