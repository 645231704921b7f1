"""The YAML files that people write: what is wrong is said with file, line and entry."""

from __future__ import annotations

import re
from datetime import date

import pytest

from sync_pipeline.access.classification.file import parse_classes
from sync_pipeline.access.findings.file import parse_findings
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.finding import FindingRules, Suppression
from sync_pipeline.settings import project_root


def test_a_findings_file() -> None:
    text = """
disabled_rules: [never-used, never-used]
suppressions:
  - rule: superuser
    instance: billing-%
    account: migrator
    reason: moves the data
    until: 2026-12-31
  - {rule: "no-%", reason: vault, until: "2027-01-31"}
"""
    assert parse_findings(text, "f.yaml") == FindingRules(
        ("never-used",),
        (
            Suppression("superuser", "moves the data", date(2026, 12, 31), "billing-%", "migrator"),
            Suppression("no-%", "vault", date(2027, 1, 31)),
        ),
    )


def test_an_entry_may_say_when_it_was_given_and_what_it_is_about() -> None:
    entry = "{rule: superuser, reason: r, until: 2026-12-31, given: 2026-10-01, about: db%}"
    (found,) = parse_findings(f"suppressions:\n- {entry}", "f.yaml").suppressions
    assert found.about == "db%"
    assert found.given_at is not None
    assert found.given_at.isoformat() == "2026-10-01T23:59:59.999999+00:00"
    with pytest.raises(ConfigurationError, match="given: a date is written as"):
        parse_findings(f"suppressions:\n- {entry.replace('2026-10-01', '20261001')}", "f.yaml")


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "{}"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert parse_findings(text, "f.yaml") == FindingRules()
    assert parse_classes(text, "f.yaml") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", r"f\.yaml, line 1 is not valid YAML"),
        ("a: &a [*a]", r"f\.yaml is not valid.*a: Extra inputs"),
        ("when: 2026-99-99", r"line 1, when: Extra inputs"),
        (
            "suppressions:\n- {rule: superuser, reason: r, until: 20261231}",
            r"line 2, suppressions\[1\]\.until: a date is written as 2026-01-31",
        ),
        ("- rule: x", r"line 1, the file: .*dictionary"),
        ("disabled_rules: [no-such]", r"line 1, disabled_rules: 'no-such' is no rule"),
        ("~: 1\nnull: 2", r"line 2: 'null' is there twice"),
        ("disabled_rules: []\ndisabled_rules: []", r"line 2: 'disabled_rules' is there twice"),
        ("suppression: []", r"line 1, suppression: Extra inputs"),
        (
            "suppressions:\n- {rule: superuser, reason: r, until: soon}",
            r"line 2, suppressions\[1\]\.until: .*date",
        ),
        (
            "suppressions:\n- {rule: superuser, reason: r, until: 2026-01-01}\n- {rule: superuser}",
            r"line 3, suppressions\[2\]\.reason: Field required; .*until: Field required",
        ),
        (
            "suppressions:\n- {rule: superusers, reason: r, until: 2026-01-01}",
            r"suppressions\[1\]\.rule: 'superusers' matches no rule",
        ),
        (
            "suppressions:\n- {rule: superuser, reason: '  ', until: 2026-01-01}",
            r"suppressions\[1\]\.reason: .*at least 1",
        ),
    ],
)
def test_a_findings_file_that_is_wrong(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=re.compile(message, re.DOTALL)):
        parse_findings(text, "f.yaml")


@pytest.mark.parametrize(
    ("match", "message"),
    [
        ("{}", "a condition has to ask something"),
        ("superuser", "a condition is a mapping"),
        ("{capability: super}", r"capability\[1\]: Input should be 'superuser'"),
        ("{engine: db2}", r"engine\[1\]: Input should be 'mysql'"),
        ("{kind: person}", r"kind\[1\]: Input should be"),
        ("{nme: x}", "nme: Extra inputs"),
        ("{and: []}", "and: .*at least 1"),
        ("{or: {name: x}}", "or: "),
        ("{not: [{name: x}]}", "not: a condition is a mapping"),
        ("{on: shop.orders}", "`on` goes with `privilege`"),
        ("{name: []}", "name: .*at least 1"),
        ("{name: }", "name"),
        ("{or: [{name: a}, {capability: x}]}", r"or\[2\]\.capability\[1\]"),
    ],
)
def test_a_class_that_is_wrong(match: str, message: str) -> None:
    text = f"classes:\n  fine:\n    match: {{name: a}}\n  odd:\n    match: {match}\n"
    with pytest.raises(ConfigurationError, match=rf"line 5, classes\.odd\.match.*{message}"):
        parse_classes(text, "c.yaml")


def test_two_classes_of_one_name_are_not_one() -> None:
    text = "classes:\n  a: {match: {name: x}}\n  a: {match: {name: y}}\n"
    with pytest.raises(ConfigurationError, match=r"c\.yaml, line 3: 'a' is there twice"):
        parse_classes(text, "c.yaml")


@pytest.mark.parametrize("name", ["''", "' a'", "x" * 101])
def test_a_class_needs_a_name(name: str) -> None:
    name = name if name.startswith("'") else f"? {name}\n "
    with pytest.raises(ConfigurationError, match=r"c\.yaml"):
        parse_classes(f"classes:\n  {name}: {{match: {{name: x}}}}\n", "c.yaml")


def test_the_examples_of_the_manual_are_valid() -> None:
    manual = (project_root() / "docs" / "operations.md").read_text()
    findings, classes = re.findall(r"```yaml\n(.*?)```", manual, re.DOTALL)
    assert parse_findings(findings, "f.yaml").suppressions[0].account == "migrator"
    assert [item.name for item in parse_classes(classes, "c.yaml")] == [
        "break-glass",
        "order-writers",
    ]


def test_no_other_place_reads_yaml() -> None:
    """PyYAML's own loaders take the last of two values, and make numbers and truths of texts."""
    loads = re.compile(r"\byaml\.\w*(load|compose|parse|scan)\w*\(|\byaml\.\w*Loader\b|get_single_")
    package = project_root() / "sync_pipeline"
    found = {path.name for path in package.rglob("*.py") if loads.search(path.read_text())}
    assert found == {"written_yaml.py"}
