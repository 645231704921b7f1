"""What is switched off and accepted, by the findings file and by commands, and numbers by it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from sync_pipeline.access.findings.accepted import Accepting
from sync_pipeline.access.findings.file import parse_findings
from sync_pipeline.access.findings.review import gathered
from sync_pipeline.model.acceptance import KeptAcceptances
from sync_pipeline.model.finding import Examined, Finding, FindingRules, Suppression
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.finding_totals import counts_of_findings
from sync_pipeline.model.pattern import like, literal
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.answers.rule_files import read_rule_file
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.unchanged import code_digest


def file_rules(settings: Settings) -> FindingRules:
    """Return what the findings file says; nothing where none is set.

    Raises:
        ConfigurationError: it can't be read or is not valid.
    """
    path = settings.findings_file
    if path is None:
        return FindingRules()
    text = read_rule_file(path, "SYNC_PIPELINE_FINDINGS_FILE")
    return parse_findings(text, str(path))


def finding_rules(deps: SyncDeps) -> FindingRules:
    """Return what the findings file says, and after it what commands accepted.

    Raises:
        ConfigurationError: the file can't be read or is not valid.
    """
    return _with(file_rules(deps.settings), deps.store.acceptances.kept())


def for_team(chosen: FindingRules, day: date) -> FindingRules:
    """Return it as those see it who may know of some instances alone.

    Nothing is said of acceptances that are over. Who gave one and why is said where it names one
    instance: another one may be about others, in somebody's words.
    """
    return replace(chosen, suppressions=tuple(map(_for_team, chosen.in_force(day))))


def _for_team(item: Suppression) -> Suppression:
    is_own = literal(item.instance) is not None
    return item if is_own else replace(item, reason="", given_by="", number=0)


def end_of(day: date, settings: Settings) -> datetime:
    """Return when a day is over where the fleet is (UTC)."""
    following = datetime.combine(day + timedelta(days=1), time(), ZoneInfo(settings.time_zone))
    return following.astimezone(UTC)


def _with(rules: FindingRules, kept: KeptAcceptances) -> FindingRules:
    return replace(rules, suppressions=(*rules.suppressions, *kept.suppressions))


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts the findings of instances by the rules of a day.

    `of_file` is what the file says, `kept` are the acceptances of the store.
    """

    of_file: FindingRules
    kept: KeptAcceptances
    day: date
    settings: Settings
    accepting: Accepting

    @classmethod
    def of(cls, deps: SyncDeps) -> Self:
        """Return it by the findings file and the acceptances as they are now.

        Raises:
            ConfigurationError: the file is not valid.
        """
        of_file, kept, day = file_rules(deps.settings), deps.store.acceptances.kept(), today(deps)
        live = _with(of_file, kept).in_force(day)
        return cls(of_file, kept, day, deps.settings, Accepting.by(live))

    @property
    def chosen(self) -> FindingRules:
        """Return the rules of both."""
        return _with(self.of_file, self.kept)

    def is_shown(self, finding: Finding) -> bool:
        """Return whether somebody asks for a finding: its rule is on, and nobody accepted it so."""
        is_on = finding.rule not in self.of_file.disabled
        return is_on and not self.accepting.accepts(finding)

    @property
    def basis(self) -> str:
        """Return a digest (hex) of all that numbers depend on beside the findings.

        But for what commands accepted: that is of some instances, and known of each.
        """
        live = sorted(
            (item.rule, item.instance, item.account, item.about, str(item.given_at))
            for item in self.of_file.in_force(self.day)
        )
        parts = code_digest(), sys.version, sorted(self.of_file.disabled), live
        return _hex(parts)

    def accepted_by(self, instance: str) -> str:
        """Return a digest (hex) of the acceptances that hold on an instance; empty: none does."""
        numbers = [item.number for item in self._live(instance)]
        return _hex(numbers) if numbers else ""

    def looks_back(self, instance: str) -> bool:
        """Return whether numbers of an instance depend on how bad its findings were before."""
        return any(
            item.given_at is not None and like(item.instance, instance)
            for item in self.chosen.in_force(self.day)
        )

    def counted(self, examined: Examined) -> CountedFindings:
        """Return the numbers of what was found on one instance by itself."""
        live = self._live(examined.instance)
        own = replace(self.of_file, suppressions=(*self.of_file.suppressions, *live))
        found = gathered([examined], own, self.day, ())
        ends = (end_of(item.until, self.settings) for item in live)
        return CountedFindings(
            self.basis,
            counts_of_findings(found.findings, found.suppressed),
            self.accepted_by(examined.instance),
            self.kept.turn,
            min(ends, default=None),
        )

    def _live(self, instance: str) -> list[Suppression]:
        return [
            item
            for item in self.kept.suppressions
            if self.day <= item.until and like(item.instance, instance)
        ]


def _hex(parts: object) -> str:
    data = repr(parts).encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=32).hexdigest()
