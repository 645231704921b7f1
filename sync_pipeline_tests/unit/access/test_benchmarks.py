"""Benchmarks name rules that there are, and say of each control what is known of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from sync_pipeline.access.benchmarks.registry import BENCHMARKS, benchmark_named, controls_of
from sync_pipeline.access.benchmarks.results import results_of
from sync_pipeline.access.findings.review import RULES
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.benchmark import (
    Benchmark,
    Control,
    ControlResult,
    ControlStatus,
    status_counts,
)
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus

CONTROLS = [(item, control) for item in BENCHMARKS for control in item.controls]
PASSES, FAILS = ControlStatus.PASS, ControlStatus.FAIL
UNKNOWN, NOT_CHECKED = ControlStatus.UNKNOWN, ControlStatus.NOT_CHECKED
READ = SectionReport(SectionStatus.READ)
WHOLE = {SectionKey(name): READ for name in SectionName}
DENIED = SectionReport(SectionStatus.DENIED, "No. It needs: GRANT x TO y;")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_names_its_controls_or_says_why_none_has_it(rule: Rule) -> None:
    assert bool(list(controls_of(rule.id))) != bool(rule.no_control)


@pytest.mark.parametrize(
    ("benchmark", "control"), CONTROLS, ids=lambda one: getattr(one, "number", "")
)
def test_a_control_has_rules_that_there_are_or_a_reason(
    benchmark: Benchmark, control: Control
) -> None:
    assert bool(control.checks) != bool(control.not_checked)
    assert set(control.rules) <= {rule.id for rule in RULES}
    assert control.title
    assert not control.title.endswith(".")
    for text in (control.not_checked, control.limits):
        assert not text or text.endswith(".")
    assert not (control.limits and control.not_checked)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda one: one.id)
def test_a_control_is_there_once_and_in_its_order(benchmark: Benchmark) -> None:
    numbers = [
        tuple((part.zfill(4) if part.isdecimal() else part) for part in item.number.split("."))
        for item in benchmark.controls
    ]
    assert numbers == sorted(set(numbers))


def test_benchmarks_are_found_by_their_name() -> None:
    assert len({item.id for item in BENCHMARKS}) == len(BENCHMARKS)
    assert benchmark_named("cis-mysql").engine is EngineName.MYSQL
    with pytest.raises(ConfigurationError, match="no benchmark 'cis'"):
        benchmark_named("cis")


def finding(rule: str, instance: str = "db", severity: Severity = Severity.HIGH) -> Finding:
    name, _, about = rule.partition(":")
    return Finding(instance, EngineName.MYSQL, "app", name, severity, "It is so.", about=about)


def result(
    control: Control,
    *found: Finding,
    accepted: tuple[Finding, ...] = (),
    disabled: tuple[str, ...] = (),
    sections: Mapping[str, Mapping[SectionKey, SectionReport]] | None = None,
) -> ControlResult:
    whole = {"db": WHOLE} if sections is None else sections
    benchmark = Benchmark("toy", "A toy", EngineName.MYSQL, (control,))
    (only,) = results_of(benchmark, Review(found, accepted), RULES, disabled, whole)
    return only


FILE = Control("1", "FILE", ("superuser", "dangerous-privilege:FILE"), limits="Not all.")


def test_what_no_finding_breaks_passes_and_says_what_that_leaves_out() -> None:
    assert (result(FILE).status, result(FILE).reason) == (PASSES, "Not all.")


def test_a_finding_of_its_rule_fails_it() -> None:
    both = finding("dangerous-privilege:FILE, PROCESS"), finding("superuser")
    assert (result(FILE, *both).status, result(FILE, *both).findings) == (FAILS, 2)
    assert result(FILE, finding("weak-authentication")).status is PASSES


def test_a_privilege_is_one_of_several_and_no_part_of_a_word() -> None:
    assert result(FILE, finding("dangerous-privilege:PROCESS")).status is PASSES
    assert result(FILE, finding("dangerous-privilege:NOFILE, FILES")).status is PASSES


def test_a_control_about_everybody_counts_what_everybody_has() -> None:
    control = Control("1", "Everybody", ("superuser@PUBLIC",))
    for account, wanted in (("PUBLIC", FAILS), ("PDB.PUBLIC", FAILS), ("NOPUBLIC", PASSES)):
        found = replace(finding("superuser"), account=account)
        assert result(control, found).status is wanted
    assert control.rules == ("superuser",)


def test_what_is_expected_or_of_another_engine_breaks_nothing() -> None:
    assert result(FILE, finding("superuser", severity=Severity.INFO)).status is PASSES
    assert result(FILE, finding("superuser", instance="other")).status is PASSES


def test_what_was_accepted_is_counted_and_breaks_nothing() -> None:
    found = result(FILE, accepted=(finding("superuser"),))
    assert (found.status, found.findings, found.accepted) == (PASSES, 0, 1)


def test_a_rule_that_is_off_was_not_checked() -> None:
    found = result(FILE, finding("dangerous-privilege:FILE"), disabled=("superuser",))
    assert (found.status, found.reason) == (NOT_CHECKED, "Switched off: superuser.")
    assert result(FILE, sections={}).status is NOT_CHECKED
    why = Control("1", "A thing", not_checked="Because.")
    assert (result(why).status, result(why).reason) == (NOT_CHECKED, "Because.")


def test_what_was_not_read_is_unknown_with_the_grant_that_it_needs() -> None:
    unread = {**WHOLE, SectionKey(SectionName.SERVER): DENIED}
    found = result(FILE, sections={"db": WHOLE, "b": unread, "c": unread})
    assert found.status is UNKNOWN
    assert found.reason.startswith("On b, c: grants.server was not read (denied).")
    assert "It needs: GRANT x TO y;" in found.reason
    both = result(FILE, finding("superuser"), sections={"db": unread})
    assert (both.status, both.findings) == (FAILS, 1)
    assert "grants.server" in both.reason
    assert result(FILE, sections={"db": {}}).reason == "On db: it was never synced."


def test_what_a_rule_does_not_look_at_may_be_unread() -> None:
    control = Control("1", "Passwords", ("no-password-expiry",))
    unread = {key: DENIED for key in WHOLE if key.name is not SectionName.ACCOUNTS}
    assert result(control, sections={"db": {**WHOLE, **unread}}).status is PASSES
    of_server = {SectionKey(name): DENIED for name in OF_SERVER}
    whole = {**WHOLE, **of_server}
    assert result(Control("1", "All", ("grant-option",)), sections={"db": whole}).status is PASSES


def test_a_section_of_the_providers_is_nobodys_to_read() -> None:
    closed = {SectionKey(SectionName.TABLE, "rdsadmin"): SectionReport(SectionStatus.PROVIDERS)}
    control = Control("1", "All", ("grant-option",))
    assert result(control, sections={"db": {**WHOLE, **closed}}).status is PASSES


def test_statuses_are_counted() -> None:
    counts = status_counts([result(FILE), result(FILE, finding("superuser")), result(FILE)])
    assert counts == {FAILS: 1, UNKNOWN: 0, PASSES: 2, NOT_CHECKED: 0}
