"""What the findings file says, and the numbers of findings by it."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass
from datetime import date
from typing import Self

from sync_pipeline.access.findings.file import parse_findings
from sync_pipeline.access.findings.review import gathered, is_suppressed
from sync_pipeline.model.finding import Examined, Finding, FindingRules
from sync_pipeline.model.finding_count import CountedFindings
from sync_pipeline.model.finding_totals import counts_of_findings
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.answers.rule_files import read_rule_file
from sync_pipeline.workflows.dates import today
from sync_pipeline.workflows.dependencies import SyncDeps
from sync_pipeline.workflows.syncing.unchanged import code_digest


def finding_rules(settings: Settings) -> FindingRules:
    """Return what the findings file says; nothing where none is set.

    Raises:
        ConfigurationError: it can't be read or is not valid.
    """
    path = settings.findings_file
    if path is None:
        return FindingRules()
    text = read_rule_file(path, "SYNC_PIPELINE_FINDINGS_FILE")
    return parse_findings(text, str(path))


@dataclass(frozen=True, slots=True)
class Counting:
    """Counts the findings of instances by the rules of a day."""

    chosen: FindingRules
    day: date

    @classmethod
    def of(cls, deps: SyncDeps) -> Self:
        """Return it by the findings file as it is now.

        Raises:
            ConfigurationError: the file is not valid.
        """
        return cls(finding_rules(deps.settings), today(deps))

    def is_shown(self, finding: Finding) -> bool:
        """Return whether somebody asks for a finding: its rule is on, and nobody accepted it."""
        live = self.chosen.in_force(self.day)
        return finding.rule not in self.chosen.disabled and not any(
            is_suppressed(finding, item) for item in live
        )

    @property
    def basis(self) -> str:
        """Return a digest (hex) of all that numbers depend on beside the findings."""
        live = sorted(
            (item.rule, item.instance, item.account) for item in self.chosen.in_force(self.day)
        )
        parts = code_digest(), sys.version, sorted(self.chosen.disabled), live
        data = repr(parts).encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=32).hexdigest()

    def counted(self, examined: Examined) -> CountedFindings:
        """Return the numbers of what was found on one instance by itself."""
        found = gathered([examined], self.chosen, self.day, ())
        return CountedFindings(self.basis, counts_of_findings(found.findings, found.suppressed))
