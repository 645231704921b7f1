"""A rule of an access review: what it looks for, why, and who says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from sync_pipeline.access.findings.case import Case
from sync_pipeline.model.finding import Finding, Severity
from sync_pipeline.model.privilege import SectionName

Check = Callable[["Rule", Sequence[Case]], Iterable[Finding]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `id` never changes: suppressions and scripts name it.

    `severity` is that of a plain case; accounts that the engine itself made are shown as
    info where that is what a rule expects of them. `sources` say where the reason is from.
    A rule `of_fleet` says something of several instances together.

    `reads` are the sections that it needs: where one was not read, finding nothing says nothing.
    Empty: all that hold accounts and grants. Which controls of benchmarks a rule looks after, these
    say (`access/benchmarks`); `no_control` says why none does.
    """

    id: str
    title: str
    severity: Severity
    rationale: str
    sources: tuple[str, ...]
    check: Check
    of_fleet: bool = False
    reads: tuple[SectionName, ...] = ()
    no_control: str = ""

    def findings(self, cases: Sequence[Case]) -> Iterable[Finding]:
        """Return what the rule finds on these instances."""
        return self.check(self, cases)


def rule(
    id: str,  # noqa: A002 - as the field
    *,
    title: str,
    severity: Severity,
    rationale: str,
    sources: Sequence[str],
    of_fleet: bool = False,
    reads: Sequence[SectionName] = (),
    no_control: str = "",
) -> Callable[[Check], Rule]:
    """Make a rule of the function below it, so that what is looked for and why stand together."""

    def made(check: Check) -> Rule:
        own = (id, title, severity, rationale, tuple(sources), check, of_fleet)
        return Rule(*own, tuple(reads), no_control)

    return made


def each(check: Callable[[Rule, Case], Iterable[Finding]]) -> Check:
    """Return a check that looks at one instance after the other."""

    def look(rule: Rule, cases: Sequence[Case]) -> Iterable[Finding]:
        return (finding for case in cases for finding in check(rule, case))

    return look


def severity_for(rule: Rule, case: Case, account: str) -> Severity:
    """Return the rule's severity, or info for an account of which that is expected."""
    return Severity.INFO if case.is_expected(account) else rule.severity
