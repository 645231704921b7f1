"""Findings over time and what was accepted of them, against a ledger that is kept by hand."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.secrets import SecretVault
from sync_pipeline.model.finding import Examined, Finding, Review, Severity
from sync_pipeline.model.instance import EngineName, Instance
from sync_pipeline.model.page import InstanceQuestion, Place
from sync_pipeline.model.pattern import escaped
from sync_pipeline.model.review import FindingDay, NewReview, ReviewMarks
from sync_pipeline.model.viewer import EVERYTHING
from sync_pipeline.report.metrics import render_metrics
from sync_pipeline.settings import Settings
from sync_pipeline.store.store import Store
from sync_pipeline.workflows.answers import accepting
from sync_pipeline.workflows.answers.accepting import Wanted
from sync_pipeline.workflows.answers.burndown import burndown
from sync_pipeline.workflows.answers.finding_history import (
    HistoryQuestion,
    LifeKind,
    finding_history,
)
from sync_pipeline.workflows.answers.finding_rules import Counting, finding_rules, for_team
from sync_pipeline.workflows.answers.findings import newer, review_of, trend
from sync_pipeline.workflows.answers.metrics import fleet_metrics
from sync_pipeline.workflows.answers.reviewing import Reviewer
from sync_pipeline.workflows.console import findings as pages
from sync_pipeline.workflows.console.findings import FindingAnswers, FindingsQuestion
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from workbench.benches.store_bench import CREDENTIAL, START

ZONE_HOUR = 8
"""Asia/Shanghai is so far ahead of UTC, all year."""
RULES = ("superuser", "grant-admin", "never-used")
ACCOUNTS = ("ann", "b%b", "c_c")
LEVELS = (Severity.CRITICAL, Severity.HIGH, Severity.LOW)
Key = tuple[str, str, str, str]
"""An instance, a rule, an account, and what of it."""


@dataclass
class Given:
    """An acceptance as the ledger has it."""

    number: int
    instance: str
    rule: str
    account: str
    given_at: datetime
    until: date
    removed_at: datetime | None = None

    def means(self, key: Key) -> bool:
        wanted = zip((self.instance, self.rule, self.account), key, strict=False)
        return all(pattern in ("%", own) for pattern, own in wanted)


@dataclass
class Ledger:
    """What happened, word by word: each look at an instance, and each acceptance."""

    looks: list[tuple[datetime, str, dict[Key, Severity]]] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)

    def at(self, moment: datetime, *, until_then: bool = False) -> dict[Key, Severity]:
        """Return what there is at a moment, or just before it."""
        found: dict[Key, Severity] = {}
        for when, instance, seen in self.looks:
            if when < moment or (when == moment and not until_then):
                found = {key: one for key, one in found.items() if key[0] != instance}
                found.update(seen)
        return found

    def severity_then(self, key: Key, moment: datetime) -> Severity:
        """Return how bad a finding was at a moment or before, or when it was found first."""
        known = [(when, seen[key]) for when, _, seen in self.looks if key in seen]
        before = [severity for when, severity in known if when <= moment]
        return before[-1] if before else known[0][1]

    def is_accepted(self, key: Key, severity: Severity, moment: datetime, day: date) -> bool:
        return any(
            one.means(key)
            and one.given_at <= moment
            and day <= one.until
            and (one.removed_at is None or moment < one.removed_at)
            and severity.rank >= self.severity_then(key, one.given_at).rank
            for one in self.given
        )

    def days(self, first: date, last: date) -> list[FindingDay]:
        """Return each day by looking at its begin, at each look of it, and at its end."""
        found = []
        day = first
        while day <= last:
            moves: Counter[tuple[str, Severity]] = Counter()
            known = self.at(_begin(day), until_then=True)
            seen_before = {one for when, one, _ in self.looks if when < _begin(day)}
            for when, instance, seen in self.looks:
                if not _begin(day) <= when < _begin(day + timedelta(1)):
                    continue
                before = {key: one for key, one in known.items() if key[0] == instance}
                for key in {*before, *seen}:
                    old, new = before.get(key), seen.get(key)
                    if old is None and new is not None:
                        name = "new" if instance in seen_before else "baseline"
                        moves[name, new] += 1
                    elif old is not None and new is None:
                        moves["resolved", old] += 1
                    elif old is not None and new is not None and old is not new:
                        name = "worsened" if new.rank < old.rank else "eased"
                        moves[name, new] += 1
                    known.pop(key, None)
                known.update(seen)
                seen_before.add(instance)
            # No acceptance ends within the last moment of a day.
            end = _begin(day + timedelta(1)) - timedelta(microseconds=1)
            accepted = Counter(
                one for key, one in known.items() if self.is_accepted(key, one, end, day)
            )
            left = Counter(known.values())
            found += [
                FindingDay(
                    day, one, moves["new", one], moves["resolved", one], left[one],
                    moves["worsened", one], moves["eased", one], accepted[one],
                    moves["baseline", one],
                )
                for one in Severity
            ]  # fmt: skip
            day += timedelta(1)
        return found


def _begin(day: date) -> datetime:
    """Return when a day begins where the fleet is."""
    return datetime(day.year, day.month, day.day, tzinfo=START.tzinfo) - timedelta(hours=ZONE_HOUR)


@dataclass
class Lives:
    """A fleet whose reviews are written as somebody wants them, and the ledger beside it."""

    store: Store
    home: Path
    patch: pytest.MonkeyPatch
    now: datetime = START
    ledger: Ledger = field(default_factory=Ledger)

    def __post_init__(self) -> None:
        self.settings = Settings(home=self.home, time_zone="Asia/Shanghai")
        self.store.registry.put_credential(CREDENTIAL, self.now)
        engine = EngineName.POSTGRESQL
        names = ("i1", "i2", "i3")
        self.store.registry.put_instances(
            [Instance(0, one, engine, "127.0.0.1", 5432, CREDENTIAL.name) for one in names],
            self.now,
        )

    @property
    def deps(self) -> SyncDeps:
        vault = SecretVault.open(self.settings)
        return SyncDeps(self.store, vault, self.settings, lambda: self.now)

    @property
    def fleet(self) -> list[Instance]:
        return self.store.registry.instances()

    def look(self, instance: Instance, seen: dict[Key, Severity]) -> None:
        """Keep that a review finds just this now."""
        deps = self.deps
        items = tuple(
            Finding(instance.name, instance.engine, account, rule, severity, "It is so.", about=of)
            for (_, rule, account, of), severity in seen.items()
        )
        examined = Examined(instance.name, instance.engine, items)
        (kept,) = self.store.reviews.each([instance.id])
        marks = ReviewMarks(Reviewer.of(deps).basis(instance), "", kept.rows_now)
        then = self.store.reviews.seen_then(instance.id, items, self.now)
        known = zip(items, then, strict=True)
        dated = replace(examined, findings=tuple(replace(i, steps=o.steps) for i, o in known))
        counted = Counting.of(deps).counted(dated)
        new = NewReview(examined, kept.accounts_now, marks, self.now, counted)
        assert self.store.reviews.keep(instance.id, kept.turn, new) is not None
        self.ledger.looks.append((self.now, instance.name, seen))

    def look_first(self) -> None:
        """Note that who asks of all instances reviews those of which no review is kept."""
        seen = {name for _, name, _ in self.ledger.looks}
        self.ledger.looks += [(self.now, i.name, {}) for i in self.fleet if i.name not in seen]

    def accept(self, instance: str, rule: str, account: str, days: int = 3) -> int:
        self.look_first()
        until = today(self.deps) + timedelta(days)
        pattern = account if account == "%" else escaped(account)
        wanted = Wanted(rule, instance, pattern, until, "Known.")
        given = accepting.accept(self.deps, wanted, "dba", is_ahead=True)
        number = given.acceptance.number
        self.ledger.given.append(Given(number, instance, rule, account, self.now, until))
        return number

    def take_back(self, number: int) -> None:
        accepting.take_back(self.deps, number, "dba")
        for one in self.ledger.given:
            if one.number == number:
                one.removed_at = self.now

    def metrics(self) -> dict[str, Counter[tuple[str, ...]]]:
        text = render_metrics(fleet_metrics(self.deps))
        found: dict[str, Counter[tuple[str, ...]]] = {}
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                name = one.name.removeprefix("sync_pipeline_findings_")
                labels = tuple(one.labels.get(key, "") for key in ("rule", "severity"))
                found.setdefault(name, Counter())[labels] = round(one.value)
        return found

    def check(self, *, with_pages: bool = True) -> None:
        """Compare every answer with the ledger, and with each other."""
        self.look_first()
        deps, there = self.deps, self.ledger.at(self.now)
        day = today(deps)
        accepted = {
            key for key, one in there.items() if self.ledger.is_accepted(key, one, self.now, day)
        }
        found = review_of(deps, self.fleet)
        assert {_key(item) for item in found.suppressed} == accepted
        assert {_key(item) for item in found.findings} == there.keys() - accepted
        assert all(item.severity is there[_key(item)] for item in found.findings)
        metrics = self.metrics()
        for name, items in (("open", found.findings), ("accepted", found.suppressed)):
            wanted = Counter((item.rule, str(item.severity)) for item in items)
            assert +metrics.get(name, Counter()) == wanted, name
        days = (day - START.date()).days + 2
        whole = burndown(deps, self.fleet, days)
        assert whole == self.ledger.days(day - timedelta(days - 1), day)
        for name, total in (("new", "opened"), ("worsened", "worsened"), ("resolved", "resolved")):
            told = metrics.get(f"{total}_total", Counter())
            by_severity: Counter[str] = Counter()
            for (_, severity), number in told.items():
                by_severity[severity] += number
            summed = Counter[str]()
            for item in whole:
                summed[str(item.severity)] += getattr(item, name)
            assert +by_severity == +summed, name
        if with_pages:
            self.check_pages(found)

    def check_pages(self, found: Review) -> None:
        """Compare the pages of few instances, and those by numbers, with the command."""
        since = self.now - timedelta(hours=24)
        items = (*found.findings, *found.suppressed)
        new = {_key(item) for item in newer(self.deps, self.fleet, items, since)}
        for most, is_accepted in product((50, 0), (False, True)):
            own = found.suppressed if is_accepted else found.findings
            self.patch.setattr(pages, "MOST_AT_ONCE", most)
            asked = FindingsQuestion(InstanceQuestion(), is_accepted=is_accepted)
            answers = FindingAnswers(self.deps, EVERYTHING)
            page = answers.each(asked, Place(500)).page
            assert Counter(map(_key, page.items)) == Counter(map(_key, own))
            assert page.total == len(own)
            assert [item.acceptance for item in page.items] == [item.acceptance for item in own]
            page = answers.each(replace(asked, since=since), Place(500)).page
            assert {_key(item) for item in page.items} == {_key(item) for item in own} & new


def _key(item: Finding) -> Key:
    return item.instance, item.rule, item.account, item.about


@pytest.fixture
def lives(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lives:
    return Lives(store, tmp_path, monkeypatch)


@pytest.mark.parametrize("seed", [0, 2])
def test_a_random_history_is_that_of_the_ledger(lives: Lives, seed: int) -> None:
    chance = random.Random(seed)
    numbers: list[int] = []
    for step in range(16):
        lives.now += timedelta(hours=chance.choice([1, 5, 13, 30]), seconds=step)
        kind = chance.random()
        if kind < 0.55:
            instance = chance.choice(lives.fleet)
            seen = {
                (instance.name, rule, account, of): chance.choice(LEVELS)
                for rule in RULES
                for account in ACCOUNTS
                for of in ("", "db\n\\x")[: 1 + (rule == "never-used")]
                if chance.random() < 0.7
            }
            lives.look(instance, seen)
        elif kind < 0.85 or not numbers:
            instance_name = chance.choice(["%", "i1", "i2"])
            rule, account = chance.choice(["%", *RULES]), chance.choice(["%", *ACCOUNTS])
            numbers.append(lives.accept(instance_name, rule, account, chance.randint(0, 9)))
        else:
            lives.take_back(numbers.pop(chance.randrange(len(numbers))))
        lives.check(with_pages=step % 5 == 0)


def test_what_got_worse_is_told_and_what_was_so_before_is_not(lives: Lives) -> None:
    (one, *_), key = lives.fleet, ("i1", "superuser", "ann", "")
    lives.look(one, {key: Severity.LOW})
    number = lives.accept("i1", "superuser", "ann")
    assert review_of(lives.deps, [one]).findings == ()
    lives.now += timedelta(hours=1)
    lives.look(one, {key: Severity.HIGH})
    found = review_of(lives.deps, [one])
    (item,) = found.findings
    assert item.is_worse
    assert item.acceptance is not None
    assert item.acceptance.number == number
    assert item.worsened is not None
    assert (item.worsened.severity, item.worsened.since) == (Severity.LOW, lives.now)
    assert "superuser of ann on i1 was accepted and is told again: it was low" in found.notes[0]
    # Gone and back it is still worse than what was accepted, and a new acceptance holds.
    lives.now += timedelta(hours=1)
    lives.look(one, {})
    lives.now += timedelta(hours=1)
    lives.look(one, {key: Severity.HIGH})
    assert review_of(lives.deps, [one]).findings
    lives.accept("i1", "superuser", "ann")
    assert review_of(lives.deps, [one]).findings == ()
    lives.check()


def test_the_life_of_a_finding_is_one_history(lives: Lives) -> None:
    (one, *_), key = lives.fleet, ("i1", "superuser", "ann", "")
    lives.look(one, {})
    moments = []
    for seen in (Severity.LOW, Severity.CRITICAL, None, Severity.HIGH):
        lives.now += timedelta(days=1)
        moments.append(lives.now)
        lives.look(one, {key: seen} if seen else {})
        if seen is Severity.LOW:
            lives.accept("i1", "%", "%", 0)
    lives.now += timedelta(hours=1)
    asked = HistoryQuestion(START, lives.now + timedelta(seconds=1))
    (found,) = finding_history(lives.deps, lives.fleet, asked)
    kinds = [(item.kind, item.severity) for item in found.events]
    assert kinds == [
        (LifeKind.OPENED, Severity.LOW),
        (LifeKind.ACCEPTED, Severity.LOW),
        (LifeKind.NOT_ACCEPTED, Severity.LOW),
        (LifeKind.WORSENED, Severity.CRITICAL),
        (LifeKind.RESOLVED, Severity.CRITICAL),
        (LifeKind.REOPENED, Severity.HIGH),
    ]
    assert (found.is_open, found.age_seconds) == (True, 3600.0)
    assert found.events[1].by == "dba"
    later = HistoryQuestion(moments[-1], lives.now)
    assert list(finding_history(lives.deps, lives.fleet, later)) == [found]
    assert list(finding_history(lives.deps, lives.fleet, replace(later, rule="grant-admin"))) == []


def test_an_acceptance_needs_something_and_ends(lives: Lives) -> None:
    (one, two, *_), key = lives.fleet, ("i1", "superuser", "b%b", "")
    lives.look(one, {key: Severity.LOW})
    deps, day = lives.deps, today(lives.deps)
    wanted = Wanted("superuser", "i1", "b%b", day, "Known.", is_exact=True)
    for wrong, why in (
        (replace(wanted, account="bxb"), "Nothing is found now"),
        (replace(wanted, rule="superusers"), "matches no rule"),
        (replace(wanted, until=day - timedelta(1)), "is over"),
        (replace(wanted, reason=" "), "may not be empty"),
    ):
        with pytest.raises(ConfigurationError, match=why):
            accepting.accept(deps, wrong, "dba")
    given = accepting.accept(deps, wanted, "dba")
    assert given.counts[Severity.LOW] == 1
    assert given.acceptance.account == "b\\%b"
    lives.now += timedelta(days=1)
    found = review_of(lives.deps, [one])
    assert len(found.findings) == 1
    assert f"Acceptance {given.acceptance.number} of superuser" in found.notes[0]
    assert "which dba gave, expired" in found.notes[0]
    assert (
        review_of(lives.deps, [two], is_limited=True).notes
        == review_of(
            replace(lives.deps, settings=Settings(home=lives.home)), [two], is_limited=True
        ).notes
    )
    accepting.take_back(lives.deps, given.acceptance.number, "boss")
    assert all("Acceptance" not in note for note in review_of(lives.deps, [one]).notes)
    with pytest.raises(ConfigurationError, match="taken back"):
        accepting.take_back(lives.deps, given.acceptance.number, "boss")
    (kept,) = accepting.accepted_list(lives.deps).given
    assert (kept.removed_by, kept.state_on(day)) == ("boss", "taken back")


def test_a_team_reads_the_reasons_of_its_own_acceptances(lives: Lives) -> None:
    (one, *_), key = lives.fleet, ("i1", "superuser", "ann", "")
    lives.look(one, {key: Severity.LOW, ("i1", "grant-admin", "ann", ""): Severity.LOW})
    lives.accept("i1", "superuser", "ann")
    lives.accept("%", "grant-admin", "ann")
    found = review_of(lives.deps, [one], is_limited=True)
    told = {item.rule: item.acceptance for item in found.suppressed}
    assert {rule: one and one.reason for rule, one in told.items()} == {
        "superuser": "Known.",
        "grant-admin": "",
    }
    rules = for_team(finding_rules(lives.deps), today(lives.deps))
    assert [item.given_by for item in rules.suppressions] == ["dba", ""]


def test_days_without_anything_are_no_trend(lives: Lives) -> None:
    (one, *_), key = lives.fleet, ("i1", "superuser", "ann", "")
    lives.look(one, {key: Severity.LOW})
    first = today(lives.deps)
    lives.now += timedelta(days=3)
    lives.accept("i1", "%", "%", 1)
    lives.now += timedelta(days=4)
    found = trend(lives.deps, lives.fleet, 10)
    assert [(item.day, item.baseline, item.accepted) for item in found] == [
        (first, 1, 0),
        (first + timedelta(3), 0, 1),
        (first + timedelta(5), 0, 0),
    ]


def test_numbers_by_other_acceptances_are_not_kept(lives: Lives) -> None:
    """Who counted before something was accepted, and writes after it, writes nothing."""
    (one, *_), key = lives.fleet, ("i1", "superuser", "ann", "")
    lives.look(one, {key: Severity.LOW})
    (kept,) = lives.store.reviews.each([one.id])
    counting = Counting.of(lives.deps)
    _, examined = lives.store.reviews.examined([one])[one.id]
    old = counting.counted(examined)
    lives.accept("i1", "%", "%")
    lives.store.reviews.keep_counts([(kept, old)])
    (after,) = lives.store.reviews.each([one.id])
    assert after.counted_by == ""
    assert lives.metrics()["uncounted_instances"][("", "")] == 1
    lives.check()
    assert lives.metrics()["uncounted_instances"][("", "")] == 0


def test_the_oldest_that_is_not_accepted_is_told(lives: Lives) -> None:
    one, two, _ = lives.fleet
    lives.look(one, {("i1", "superuser", "ann", ""): Severity.HIGH})
    lives.now += timedelta(hours=1)
    lives.look(two, {("i2", "superuser", "ann", ""): Severity.HIGH})
    lives.now += timedelta(hours=1)
    assert lives.metrics()["oldest_age_seconds"] == {("", "high"): 7200}
    lives.accept("i1", "%", "%")
    assert lives.metrics()["oldest_age_seconds"] == {("", "high"): 3600}
