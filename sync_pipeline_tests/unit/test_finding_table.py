"""The table of findings: counts first, groups worst first, nothing twice, and within bounds."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest
from rich.cells import cell_len

from sync_pipeline.access.findings.review import RULES
from sync_pipeline.cli.context import PLAIN_WIDTH, shown_width
from sync_pipeline.cli.finding_table import FindingTable
from sync_pipeline.model.finding import Finding, Review, Severity
from sync_pipeline.model.grouping import By
from sync_pipeline.model.instance import EngineName

SINCE = datetime(2026, 11, 29, tzinfo=UTC)
TAGS = {"one": ("prod", "team=a"), "two": ("prod",), "three": ()}
TITLES = {item.id: item.title for item in RULES}


@pytest.fixture(autouse=True)
def plain_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a file: xdist tells its workers a narrow one."""
    monkeypatch.setenv("COLUMNS", str(PLAIN_WIDTH))


def finding(
    instance: str, account: str, rule: str, severity: Severity = Severity.HIGH, **more: str
) -> Finding:
    values = {"cause": f"{rule}: {account}", "evidence": f"Seen of {account}.", **more}
    return Finding(instance, EngineName.MYSQL, account, rule, severity, first_seen=SINCE, **values)  # type: ignore[arg-type]


def take(instance: str, account: str, rule: str, severity: Severity = Severity.HIGH) -> Finding:
    return finding(
        instance,
        account,
        rule,
        severity,
        fix=f"REVOKE {rule} FROM {account};",
        undo=f"GRANT {rule} TO {account};",
        breaks=f"{account} loses it.",
    )


REVIEW = Review(
    findings=(
        take("one", "ann", "superuser", Severity.CRITICAL),
        take("one", "bob", "superuser"),
        take("two", "ann", "superuser"),
        take("two", "ann", "never-used", Severity.LOW),
        finding("three", "", "new-rule", Severity.MEDIUM, left="Set require_ssl."),
    ),
    suppressed=(take("one", "old", "superuser"),),
)


def lines(review: Review = REVIEW, by: By = By.RULE, **more: object) -> list[str]:
    least = more.pop("least", None)
    table = FindingTable(TAGS, TITLES, by, **more)  # type: ignore[arg-type]
    return list(table.lines(review, least))  # type: ignore[arg-type]


def heads(by: By) -> list[str]:
    return [line for line in lines(by=by)[1:] if line and not line.startswith(" ")]


def test_counts_come_before_details() -> None:
    assert lines()[0] == (
        "1 critical, 2 high, 1 medium, 1 low; 1 accepted. "
        "These are 5 causes of 5 findings, of 3 accounts on 3 instances."
    )
    assert lines(Review()) == ["There is no finding; 0 accepted."]


def test_by_rule_the_worst_first_then_by_instance_with_its_tags() -> None:
    assert heads(By.RULE) == [
        (
            "superuser: Account that may do everything: 1 critical, 2 high, 3 accounts, "
            "on 2 instances [prod, team=a]"
        ),
        "new-rule: 1 medium, on 1 instance",
        "never-used: Account that has never been used: 1 low, 1 account, on 1 instance [prod]",
    ]
    text = lines()
    assert text[3:12] == [
        "  one [prod, team=a]",
        "    critical: ann, since 2026-11-29",
        "      Seen of ann.",
        "      Fix:",
        "        REVOKE superuser FROM ann;",
        "      Breaks: ann loses it.",
        "      Undo:",
        "        GRANT superuser TO ann;",
        "    high: bob, since 2026-11-29",
    ]
    assert "  two [prod]" in text


def test_what_is_found_of_an_instance_has_a_line_of_its_own() -> None:
    text = lines()
    assert "    medium: (the instance itself), since 2026-11-29" in text
    assert "      Left: Set require_ssl." in text
    assert any(line.startswith("account (the instance itself): ") for line in lines(by=By.ACCOUNT))


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (By.INSTANCE, ["instance one [prod, team=a]: 1 critical, 1 high, 2 accounts",
                       "instance two [prod]: 1 high, 1 low, 1 account",
                       "instance three: 1 medium"]),
        (By.TAG, ["tag prod: 1 critical, 2 high, 1 low, 3 accounts, on 2 instances",
                  "tag team=a: 1 critical, 1 high, 2 accounts, on 1 instance",
                  "tag (no tag): 1 medium, on 1 instance"]),
        (By.ACCOUNT, ["account ann: 1 critical, 1 high, 1 low, on 2 instances [prod, team=a]",
                      "account bob: 1 high, on 1 instance [prod, team=a]",
                      "account (the instance itself): 1 medium, on 1 instance"]),
    ],
)  # fmt: skip
def test_the_other_groups(by: By, expected: list[str]) -> None:
    assert heads(by) == expected


def test_only_what_is_bad_enough() -> None:
    text = lines(least=Severity.HIGH)
    assert text[0].startswith("1 critical, 2 high; ")
    assert not any("never-used" in line or "tls-not" in line for line in text)


def test_a_cause_is_one_line_and_one_fix() -> None:
    found = tuple(
        finding("one", f"a{number:02}", "never-used", fix="LOCK ALL;", undo="UNLOCK ALL;",
                breaks="Nothing.", cause="c", evidence="Never.")
        for number in range(14)
    )  # fmt: skip
    text = lines(Review(found))
    assert "    high: a00, a01, a02 and 11 more, since 2026-11-29" in text
    assert text.count("        LOCK ALL;") == 1
    assert "    high: " + ", ".join(f"a{n:02}" for n in range(14)) in " ".join(
        lines(Review(found), is_whole=True)
    )


def test_a_statement_stands_once_in_a_group() -> None:
    found = (
        finding("one", "ann", "a", fix="A;\nB;", undo="X;", breaks="."),
        finding("one", "ann", "b", fix="B;", undo="X;", breaks="."),
        finding("one", "ann", "c", fix="B;\nC;", undo="Y;", breaks="."),
    )
    text = lines(Review(found), By.INSTANCE)
    assert [text.count(f"        {name};") for name in "ABCXY"] == [1] * 5
    assert "      Fix: as above" in text
    assert "      Fix: (and 1 above)" in text
    assert "      Undo: as above" in text


def test_what_is_left_of_each_instance_alike_is_told_once() -> None:
    found = tuple(
        finding(f"i{n}", "", "new-rule", left="Set require_ssl, for all.") for n in range(3)
    )
    text = lines(Review(found))
    assert text.count("      Left: Set require_ssl, for all.") == 1
    assert text.count("      Left: as above") == 2


def test_large_groups_are_cut_and_say_so() -> None:
    found = tuple(take(f"i{n:04}", "ann", "superuser") for n in range(1000))
    text = lines(Review(found))
    assert len(text) < 80
    assert text[-1] == "  and 992 more causes (--all)"
    by_instance = lines(Review(found), By.INSTANCE)
    assert by_instance[-1] == "and 960 more groups (--all)"
    assert len(lines(Review(found), is_whole=True)) > 8 * 1000
    many = finding("one", "x", "superuser", fix="\n".join(f"S{n};" for n in range(24)), breaks=".")
    assert "        and 19 more lines (--all)" in lines(Review((many,)))


@pytest.mark.parametrize(
    "name",
    ["a\n        DROP USER x;", "\x1b[2Jx", "ü" * 300, "漢字" * 150, "x " * 200 + "Fix: DROP x;"],
)
def test_no_name_looks_like_a_line_of_ours_or_is_wider_than_the_output(name: str) -> None:
    found = (
        finding(name, name, "superuser", evidence=f"Seen of {name}.", left=name),
        finding("one", name, "never-used", fix="F;", breaks=name),
    )
    for by in By:
        for line in lines(Review(found), by):
            assert cell_len(line) <= shown_width()
            assert not re.match(r" {0,8}(DROP|Fix: DROP)", line), line
            assert "\x1b" not in line
            assert "\n" not in line


def test_a_statement_that_is_new_says_again_where_and_by_whom_it_is_run() -> None:
    def place(name: str) -> str:
        return f"ALTER SESSION SET CONTAINER = {name};"

    by_bob = "-- As BOB, who granted it."
    found = (
        finding("one", "a", "a", fix=f"{place('A')}\n1;\n{place('B')}\n{by_bob}\n2;", breaks="."),
        finding("one", "b", "b", fix=f"{place('A')}\n3;\n{place('B')}\n{by_bob}\n4;", breaks="."),
        finding("one", "c", "c", fix=f"{place('B')}\n1;\n{by_bob}\n2;", breaks="."),
    )
    text = [line.strip() for line in lines(Review(found), By.INSTANCE)]
    third = text.index("3;")
    assert text[third - 1 : third + 4] == [place("A"), "3;", place("B"), by_bob, "4;"]
    # The same statement in another place is another one, and only what was told is left out.
    last = text.index("Fix: (and 1 above)")
    assert text[last + 1 : last + 3] == [place("B"), "1;"]


def test_a_statement_whose_name_has_a_line_end_is_one_line() -> None:
    (line,) = (
        line
        for line in lines(Review((finding("one", "x", "a", fix='DROP USER "a\nb;\nc";'),)))
        if "DROP" in line
    )
    assert line == '        DROP USER "a\\nb;\\nc";'
