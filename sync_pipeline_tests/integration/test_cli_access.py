"""`sync-pipeline access`, `findings` and `accounts classes`, over stored accounts.

The rules are the small ones of `strategies.simple_access`, so that each answer is known.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from sync_pipeline.cli import context, long_json
from sync_pipeline.engines.postgresql.engine import PostgreSql
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.classification import DayCounts
from sync_pipeline.model.privilege import Grant, Membership, SectionKey, SectionName
from sync_pipeline.model.snapshot import SectionReport, SectionStatus
from sync_pipeline.store.schema import instance_worlds
from workbench.benches.command import Command, Said
from workbench.benches.store_bench import DONE, StoreBench
from workbench.strategies.simple_access import (
    PUBLIC,
    SERVER,
    access_rules,
    account,
    table,
)

SELECT = Grant(table("orders"), "SELECT", grantable=True)
BILLING = (
    account("alice", roles=["readers"]),
    account("boss", superuser=True),
    account("bob", roles=[Membership("readers", default=False)], never_expires=True),
    account("readers", SELECT, kind=AccountKind.ROLE, can_login=False),
    account(PUBLIC, can_login=False),
)
SHOP = (account("alice", SELECT), account("hr", Grant(SERVER, "CREATE USER")))
DENIED = {SectionKey(SectionName.TABLE): SectionReport(SectionStatus.DENIED, "Grant it.")}
CLASSES = """
classes:
  admins: {description: who may do all, match: {capability: [superuser, grant admin]}}
  readers: {match: {privilege: SELECT, "on": shop.orders, not: {kind: role}}}
"""


@pytest.fixture
def fleet(command: Command) -> Command:
    """Two instances that were synced, and one that never was."""
    command.patch.setattr(PostgreSql, "access_rules", access_rules, raising=False)
    store = command.store()
    bench = StoreBench(store)
    for instance, accounts in zip(
        bench.fleet("billing", "shop", "unsynced"), (BILLING, SHOP), strict=False
    ):
        bench.apply(instance, *accounts)
    store.close()
    return command


def apply_sections(command: Command, *accounts: AccountState, **options: Any) -> None:
    """Sync `billing` again, with other sections or counts."""
    store = command.store()
    bench = StoreBench(store)
    (billing,) = bench.fleet("billing")
    claim = bench.claim(bench.open([billing]), billing)
    result = bench.reconciled(billing, *accounts, observed_at=bench.now)
    result.sections.update(options.get("sections", {}))  # type: ignore[attr-defined]
    store.accounts.apply(
        billing.id, result, claim, DONE, bench.now, "18.0", bench.now, options.get("counts")
    )
    store.close()


def rows_of(said: Said) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(said.out)))


def test_who_can_names_the_path_and_what_is_not_known(fleet: Command) -> None:
    said = fleet.ok("access", "who-can", "select", "table:shop.orders", "--json").json
    assert said["privilege"] == "SELECT"
    assert [(item["instance"], item["account"], item["verdict"]) for item in said["holders"]] == [
        ("billing", "alice", "yes"),
        ("billing", "bob", "after set role"),
        ("billing", "boss", "yes"),
        ("billing", "readers", "yes"),
        ("shop", "alice", "yes"),
    ]
    (held,) = said["holders"][0]["held"]
    assert held["path"] == [
        {"account": "alice", "how": ""},
        {"account": "readers", "how": "member"},
    ]
    assert (held["grantable"], held["availability"]) == (True, "at login")
    assert said["is_complete"] is False
    assert said["not_known"] == ["unsynced was never synced: nothing is known of it."]
    table_ = fleet.ok("access", "who-can", "SELECT", "shop.orders").out
    assert "alice → readers (member)" in table_
    assert "Note: unsynced was never synced" in table_
    one = fleet.ok("access", "who-can", "SELECT", "shop.orders", "--instance", "shop", "--json")
    assert one.json["is_complete"] is True
    assert [item["account"] for item in one.json["holders"]] == ["alice"]


def test_a_long_answer_is_the_same(fleet: Command) -> None:
    """One that is kept in a file until all is found, and a table that is written line by line."""
    asked = ("access", "who-can", "SELECT", "shop.orders")
    said, shown = fleet.ok(*asked, "--json").json, fleet.ok(*asked).out
    fleet.patch.setattr(long_json, "_IN_MEMORY", 100)
    fleet.patch.setattr(long_json, "_AT_ONCE", 2)
    fleet.patch.setattr(context, "MANY_ROWS", 0)
    assert fleet.ok(*asked, "--json").json == said
    assert fleet.ok(*asked).out == shown
    nobody = fleet.ok("access", "who-can", "DELETE", "shop.orders", "--instance", "shop", "--json")
    assert nobody.json["holders"] == []


@pytest.mark.parametrize("form", ["json", "csv", "table"])
def test_a_damaged_instance_is_left_out_of_an_answer(fleet: Command, form: str) -> None:
    others = ("access", "who-can", "SELECT", "shop.orders", "--format", form)
    whole = fleet.run(*others, "--instance", "billing", "--instance", "unsynced")
    store = fleet.store()
    with store._database.write() as connection:
        last = select(func.max(instance_worlds.c.instance_id)).scalar_subquery()
        damaged = update(instance_worlds).where(instance_worlds.c.instance_id == last)
        connection.execute(damaged.values(grants=b""))
    store.close()
    said = fleet.run(*others)
    assert said.status == 0
    if form == "json":
        assert said.json["holders"] == whole.json["holders"]
        assert any("What the store keeps" in text for text in said.json["not_known"])
    else:
        assert whole.out.split("\n")[0] in said.out
        assert "shop: accounts was not read (failed). What the store keeps" in (
            said.err if form == "csv" else said.out
        )


def test_who_can_as_csv_keeps_its_notes_apart(fleet: Command) -> None:
    said = fleet.run("access", "who-can", "SELECT", "shop.orders", "--csv")
    assert said.status == 0
    assert [row["account"] for row in rows_of(said)] == [
        "alice", "bob", "boss", "readers", "alice",
    ]  # fmt: skip
    assert said.err == "unsynced was never synced: nothing is known of it.\n"


def test_all_paths_are_shown_when_asked_for(fleet: Command) -> None:
    both = account("both", SELECT, roles=["readers"])
    apply_sections(fleet, *BILLING, both)

    def paths(*options: str) -> list[str]:
        said = fleet.run(
            "access", "who-can", "SELECT", "shop.orders", "--instance", "billing", "--csv", *options
        )
        return [row["path"] for row in rows_of(said) if row["account"] == "both"]

    assert paths() == ["both"]
    assert paths("--all-paths") == ["both", "both → readers (member)"]


def test_a_section_that_was_not_read_makes_an_answer_unsure(fleet: Command) -> None:
    apply_sections(fleet, *BILLING, account("new"), sections=DENIED)
    said = fleet.ok("access", "who-can", "SELECT", "shop.orders", "--instance", "billing", "--json")
    verdicts = {item["account"]: item["verdict"] for item in said.json["holders"]}
    assert (verdicts["new"], verdicts["alice"]) == ("unknown", "yes")
    assert said.json["not_known"] == [
        "billing: grants.table was not read, and could change the answer. Grant it."
    ]
    of = fleet.ok("access", "of", "new", "--instance", "billing").out
    assert "may do nothing on billing, as far as is known" in of
    assert "Note: billing: grants.table was not read (denied). Grant it." in of


def test_all_that_an_account_may_do(fleet: Command) -> None:
    said = fleet.ok("access", "of", "boss", "--instance", "billing", "--json").json
    assert [item["privilege"] for item in said["privileges"]] == ["ALL"]
    assert [item["kind"] for item in said["powers"]] == ["superuser"]
    assert said["is_complete"] is True
    text = fleet.ok("access", "of", "bob", "--instance", "billing").out
    assert "after set role" in text
    assert fleet.ok("access", "of", "boss", "--instance", "billing").out.startswith(
        "superuser (at login) by superuser: boss"
    )
    rows = rows_of(fleet.ok("access", "of", "bob", "--instance", "billing", "--csv"))
    assert [(row["privilege"], row["object"]) for row in rows] == [("SELECT", "table shop.orders")]


def test_two_accounts_are_compared_across_instances(fleet: Command) -> None:
    same = fleet.ok(
        "access", "diff", "alice", "alice", "--instance", "billing", "--other-instance", "shop",
        "--json",
    ).json  # fmt: skip
    assert (same["is_equal"], same["differences"]) == (True, [])
    other = fleet.ok("access", "diff", "alice", "boss", "--instance", "billing").out
    assert "superuser" in other
    assert "ALL" in other
    rows = rows_of(fleet.ok("access", "diff", "hr", "alice", "--instance", "shop", "--csv"))
    assert [(row["privilege"], row["first"], row["second"]) for row in rows] == [
        ("grant admin", "at login: hr", "no"),
        ("CREATE USER", f"at login: hr by {Grant(SERVER, 'CREATE USER')}", "no"),
        ("SELECT", "no", f"at login, grantable: alice by {SELECT}"),
    ]
    equal = fleet.ok("access", "diff", "alice", "alice", "--instance", "shop").out
    assert "alice and alice may do the same" in equal


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("access", "who-can", "SELECT", "shop.none"), "'shop.none' names nothing"),
        (("access", "who-can", "SELECT", 'shop."x'), "quote is not closed"),
        (("access", "who-can", "SELECT", "shop.orders", "--instance", "x"), "'x' does not exist"),
        (("access", "of", "nobody", "--instance", "shop"), "no active account 'nobody'"),
        (("access", "diff", "alice", "x", "--instance", "shop"), "no active account 'x'"),
        (("access", "of", "hr", "--instance", "shop", "--json", "--csv"), "one format"),
        (("findings", "--rule", "x"), "There is no rule 'x'"),
        (("findings", "--instance", "x"), "'x' does not exist"),
        (("findings", "--benchmark", "x"), "There is no benchmark 'x'"),
        (("findings", "--json", "--csv"), "one format"),
        (("findings", "--severity", "awful"), "awful"),
        (("accounts", "list", "--class", "x"), "There is no class 'x'. No class is defined."),
    ],
)
def test_bad_input_is_one_sentence(
    fleet: Command, arguments: tuple[str, ...], message: str
) -> None:
    assert message in fleet.wrong(*arguments)


def test_without_an_instance_there_is_nothing_to_ask(command: Command) -> None:
    assert "There is no active instance" in command.wrong("findings")
    assert "There is no active instance" in command.wrong("access", "who-can", "SELECT", "x")


def found(said: Said) -> list[tuple[str, str, str]]:
    return [(item["severity"], item["account"], item["rule"]) for item in said.json["findings"]]


def test_findings_are_shown_worst_first(fleet: Command) -> None:
    said = fleet.ok("findings", "--json")
    assert found(said) == [
        ("high", "boss", "superuser"),
        ("high", "hr", "grant-admin"),
        ("medium", "readers", "grant-option"),
        ("medium", "alice", "grant-option"),
        ("low", "alice", "uneven-rights"),
        ("low", "bob", "no-password-expiry"),
    ]
    assert said.json["counts"] == {"critical": 0, "high": 2, "medium": 2, "low": 2, "info": 0}
    assert any("unsynced was never synced" in note for note in said.json["notes"])
    boss = said.json["findings"][0]
    assert (boss["fix"], boss["engine"]) == ("DISABLE boss;", "postgresql")
    assert found(fleet.ok("findings", "--json", "--severity", "high")) == found(said)[:2]
    assert found(fleet.ok("findings", "--json", "--rule", "grant-admin")) == found(said)[1:2]
    assert len(found(fleet.ok("findings", "--json", "--instance", "shop"))) == 2
    text = fleet.ok("findings").out
    assert "2 high, 2 medium, 2 low; 0 accepted." in text
    csv_said = fleet.run("findings", "--csv", "--rule", "superuser")
    assert [row["fix"] for row in rows_of(csv_said)] == ["DISABLE boss;"]
    assert "never synced" in csv_said.err
    # What a fix does not end is said in each form.
    (left,) = (row["left"] for row in rows_of(csv_said))
    assert left == boss["left"]
    assert left.startswith("superuser through superuser stays: ")
    assert "Nobody can log in with it then" in left
    assert "Left: superuser through superuser stays" in " ".join(text.split())
    assert boss["undo"] == ""


def test_findings_say_their_cause_and_what_breaks_in_each_form(fleet: Command) -> None:
    said = fleet.ok("findings", "--json").json
    assert said["causes"] == {"critical": 0, "high": 2, "medium": 2, "low": 2, "info": 0}
    for item in said["findings"]:
        assert item["cause"].startswith(item["rule"])
        assert bool(item["fix"]) == bool(item["breaks"])
        assert item["implied"] == ""
    rows = rows_of(fleet.run("findings", "--csv"))
    assert [row["cause"] for row in rows] == [item["cause"] for item in said["findings"]]
    assert [row["breaks"] for row in rows] == [item["breaks"] for item in said["findings"]]
    text = fleet.ok("findings").out
    assert text.startswith("2 high, 2 medium, 2 low; ")
    assert "\nsuperuser: Account that may do everything: 1 high, 1 account, on 1 instance" in text
    assert "\n        DISABLE boss;\n      Breaks: Nobody can log in with it any more" in text
    assert "\naccount alice: 1 medium, 1 low" in fleet.ok("findings", "--by", "account").out
    assert "\ninstance shop" in fleet.ok("findings", "--by", "instance", "--all").out
    assert "'rules' is not one of" in fleet.wrong("findings", "--by", "rules")


def findings_file(fleet: Command, tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.yaml"
    path.write_text(text)
    fleet.patch.setenv("SYNC_PIPELINE_FINDINGS_FILE", str(path))


def test_accepted_findings_are_counted_and_come_back(fleet: Command, tmp_path: Path) -> None:
    findings_file(
        fleet,
        tmp_path,
        "disabled_rules: [uneven-rights]\n"
        "suppressions:\n"
        "- {rule: superuser, instance: bill%, account: boss, reason: DBA, until: 2999-01-01}\n"
        "- {rule: grant-admin, reason: until the audit, until: 2020-01-01}\n",
    )
    said = fleet.ok("findings", "--json")
    assert ("high", "boss", "superuser") not in found(said)
    assert ("high", "hr", "grant-admin") in found(said)
    assert "uneven-rights" not in {rule for _, _, rule in found(said)}
    assert [item["account"] for item in said.json["accepted"]] == ["boss"]
    notes = "\n".join(said.json["notes"])
    assert "suppression of grant-admin for % on % expired on 2020-01-01" in notes
    assert "The rule uneven-rights is switched off." in notes
    assert "uneven-rights (low, switched off)" in fleet.ok("findings", "rules").out


def test_findings_are_accepted_by_a_command(fleet: Command) -> None:
    before = fleet.ok("findings", "--json").json
    boss = before["findings"][0]
    names = ("--rule", boss["rule"], "--instance", boss["instance"], "--account", boss["account"])
    rest = ("--until", "2999-12-31", "--reason", "=known\x1b[2J", "--by", "dba", "--exact")
    wrong = fleet.wrong("findings", "accept", *names[:4], "--account", "nobody", *rest)
    assert "Nothing is found now" in wrong
    assert "2000-01-01 is over" in fleet.wrong(
        "findings", "accept", *names, "--until", "2000-01-01", "--reason", "r"
    )
    said = fleet.ok("findings", "accept", *names, *rest).out
    assert "Acceptance 1 holds until 2999-12-31: 1 " in said
    after = fleet.ok("findings", "--json").json
    (accepted,) = after["accepted"]
    assert accepted["acceptance"]["given_by"] == "dba"
    assert accepted["account"] == boss["account"]
    assert len(after["findings"]) == len(before["findings"]) - 1
    assert "; 1 accepted." in " ".join(fleet.ok("findings").out.split())
    (row,) = rows_of(fleet.run("findings", "accepted", "--csv"))
    assert (row["number"], row["state"], row["by"]) == ("1", "holds", "dba")
    assert "\x1b" not in fleet.ok("findings", "accepted").out
    (only,) = fleet.ok("findings", "accepted", "--json").json
    assert only["reason"] == "=known\x1b[2J"
    histories = fleet.ok("findings", "history", "--json").json
    kinds = {
        event["kind"]
        for item in histories
        if (item["account"], item["rule"]) == (boss["account"], boss["rule"])
        for event in item["events"]
    }
    assert kinds == {"found by the first review", "accepted"}
    assert "accepted" in fleet.ok("findings", "history", "--rule", boss["rule"]).out
    assert "There is no rule" in fleet.wrong("findings", "history", "--rule", "x")
    assert "was taken back" in fleet.ok("findings", "unaccept", "1").out
    assert "taken back" in fleet.wrong("findings", "unaccept", "1")
    assert fleet.ok("findings", "accepted", "--json").json == []
    assert fleet.ok("findings", "accepted", "--all", "--json").json[0]["state"] == "taken back"
    assert found(fleet.ok("findings", "--json")) == found(fleet.ok("findings", "--json"))
    # Nothing came since the first reviews, whenever they were.
    assert fleet.ok("findings", "--new", "--json").json["findings"] == []
    assert fleet.ok("findings", "--since", "2000-01-01", "--json").json["findings"] == []


def test_a_broken_findings_file_is_named(fleet: Command, tmp_path: Path) -> None:
    findings_file(fleet, tmp_path, "suppressions:\n- {rule: superuser}\n")
    for command in (("findings",), ("findings", "rules")):
        message = fleet.wrong(*command)
        assert "findings.yaml is not valid. line 2, suppressions[1].reason" in message
    fleet.patch.setenv("SYNC_PIPELINE_FINDINGS_FILE", str(tmp_path / "none.yaml"))
    message = fleet.wrong("findings")
    assert "none.yaml can't be read: No such file or directory" in message
    assert "SYNC_PIPELINE_FINDINGS_FILE names it" in message


def test_every_rule_is_explained(fleet: Command) -> None:
    rules = fleet.ok("findings", "rules", "--json").json
    assert all(rule["rationale"] and rule["sources"] and rule["is_on"] for rule in rules)
    text = fleet.ok("findings", "rules").out
    assert all(f"{rule['id']} ({rule['severity']})" in text for rule in rules)
    assert all(rule["controls"] or rule["id"] in text for rule in rules)
    assert "cis-mysql 5.4" in text


@pytest.fixture
def classified(fleet: Command, tmp_path: Path) -> Callable[[str], None]:
    def write(text: str) -> None:
        path = tmp_path / "classes.yaml"
        path.write_text(text)
        fleet.patch.setenv("SYNC_PIPELINE_CLASSIFICATION_FILE", str(path))

    write(CLASSES)
    return write


def test_accounts_of_a_class_are_listed(fleet: Command, classified: Callable[[str], None]) -> None:
    def names(*options: str) -> list[tuple[str, str]]:
        said = fleet.ok("accounts", "list", "--json", *options).json
        return [(item["instance"], item["state"]["name"]) for item in said]

    assert names("--class", "admins") == [("billing", "boss"), ("shop", "hr")]
    assert names("--class", "admins", "--instance", "shop") == [("shop", "hr")]
    assert names("--class", "readers", "--limit", "3") == [
        ("billing", "alice"), ("billing", "bob"), ("billing", "boss"),
    ]  # fmt: skip
    assert names("--class", "readers", "--limit", "1", "--name", "b%") == [("billing", "bob")]
    message = fleet.wrong("accounts", "list", "--class", "nobody")
    assert "There is no class 'nobody'. Known are: admins, readers." in message
    classified("classes: {a: {match: {nme: x}}}")
    assert "classes.a.match.nme" in fleet.wrong("accounts", "list", "--class", "a")


def test_classes_are_counted_now_and_by_day(
    fleet: Command, classified: Callable[[str], None]
) -> None:
    assert "not counted yet" in fleet.ok("accounts", "classes").out
    day = date(2026, 3, 1)
    apply_sections(fleet, *BILLING, counts=DayCounts(day, {"admins": 4, "old": 2}))
    said = fleet.ok("accounts", "classes", "--json", "--days", "3700").json
    assert [(item["class"], item["is_defined"]) for item in said] == [
        ("admins", True), ("readers", True), ("old", False),
    ]  # fmt: skip
    assert said[0]["now"] == {
        "name": "admins", "day": "2026-03-01", "accounts": 4, "instances": 1,
    }  # fmt: skip
    assert said[0]["daily"] == [said[0]["now"]]
    assert (said[1]["now"], said[1]["daily"]) == (None, [])
    text = fleet.ok("accounts", "classes", "--days", "3700").out
    assert "who may do all" in text
    assert "no longer defined" in text


def test_without_classes_the_command_says_how_to_define_some(fleet: Command) -> None:
    assert "SYNC_PIPELINE_CLASSIFICATION_FILE" in fleet.ok("accounts", "classes").out


def test_the_report_has_the_findings(fleet: Command, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    fleet.ok("report", "--output", str(page))
    text = page.read_text()
    assert "2 high, 2 medium, 2 low" in text
    assert "<h3>superuser <small>1 high</small></h3>" in text
    assert "DISABLE boss;" in text
    assert "Breaks: Nobody can log in with it any more" in text
    findings_file(fleet, tmp_path, "nonsense: 1")
    fleet.ok("report", "--output", str(page))
    assert "The findings were not evaluated" in page.read_text()


def test_the_controls_of_a_benchmark(fleet: Command) -> None:
    said = fleet.ok("findings", "--benchmark", "cis-postgresql", "--json").json
    assert (said["benchmark"], said["instances"]) == ("cis-postgresql", 3)
    assert said["engine"] == "postgresql"
    by_number = {item["number"]: item for item in said["controls"]}
    assert (by_number["4.3"]["status"], by_number["4.3"]["findings"]) == ("fail", 2)
    assert "unsynced: it was never synced." in by_number["4.3"]["reason"]
    assert by_number["4.4"]["status"] == "unknown"
    assert by_number["4.2"]["status"] == "not checked"
    assert by_number["4.2"]["reason"]
    assert sum(said["counts"].values()) == len(said["controls"])
    own = ("findings", "--benchmark", "cis-postgresql", "--instance", "billing")
    passed = {row["control"]: row for row in rows_of(fleet.ok(*own, "--csv"))}
    assert (passed["4.4"]["status"], passed["4.4"]["findings"]) == ("pass", "0")
    assert "no date of a last login" in passed["4.4"]["reason"]
    shown = fleet.ok(*own)
    assert "CIS PostgreSQL 17" in shown.out
    other = fleet.ok("findings", "--benchmark", "cis-mysql", "--json").json
    assert {item["status"] for item in other["controls"]} == {"not checked"}
