"""A rule stands beside its reason, and what the engines own is theirs to say."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from importlib import resources

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.findings.rule import Rule, each, rule
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.finding import FindingRules, Severity, Suppression
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.privilege import Grant, Securable, SecurableKind
from sync_pipeline.model.server_fact import ServerFact, ServerFacts
from workbench.strategies.simple_access import PUBLIC, account, judged

TODAY = date(2026, 11, 29)
OWN = [
    (name, schema) for name, engine in ENGINES.items() for schema in sorted(engine.system_schemas)
]


def found(case: Case, one: Rule) -> list[str]:
    review_ = review([case], FindingRules(), TODAY, rules=[one])
    return [finding.rule for finding in review_.findings]


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.id)
def test_a_rule_has_a_reason_and_says_where_it_is_from(one: Rule) -> None:
    assert isinstance(one, Rule)
    assert one.title
    assert one.rationale.endswith(".")
    assert all(one.sources)
    assert isinstance(one.sources, tuple)


def test_rules_keep_their_names() -> None:
    """Suppressions and scripts name them."""
    assert {one.id for one in RULES} == {
        *(
            "superuser",
            "service-administrator",
            "grant-admin",
            "dangerous-privilege",
            *("tls-not-required", "login-without-password", "weak-login-method"),
            *("login-from-anywhere", "login-rule-without-tls", "superuser-from-elsewhere"),
            "login-file-error",
            *("definer-routine", "old-password", "weak-password-storage"),
            "password-hash-reader",
            "weak-authentication",
        ),
        *("anonymous-account", "open-database", "any-host-privileged", "everyone-can-write"),
        "grant-option",
        *("orphaned-user", "expired-active", "no-password-rules", "no-password-expiry"),
        *("never-used", "gone-database", "uneven-rights"),
        *("server-option", "mixed-authentication", "trustworthy-database", "ownership-chaining"),
        *("database-link", "known-administrator", "default-password", "guessed-without-end"),
        *("external-authentication", "contained-password", "guest-enters", "machine-group"),
        *("public-privilege", "public-package", "inactive-account", "unused-account"),
    }


def test_a_rule_is_made_of_one_function() -> None:
    @rule("toy", title="A toy", severity=Severity.LOW, rationale="It plays.", sources=("Me",))
    @each
    def toy(self: Rule, case: Case):  # type: ignore[no-untyped-def]
        for state in case.states():
            yield case.finding(self.id, self.severity, state.name, "It is here.")

    assert found(Case(judged(account("ann"), account("bob"))), toy) == ["toy", "toy"]


def test_a_finding_may_be_about_the_server_itself() -> None:
    """It has no account and no path; a suppression for any account means it."""

    @rule("toy", title="A toy", severity=Severity.LOW, rationale="It plays.", sources=("Me",))
    @each
    def toy(self: Rule, case: Case):  # type: ignore[no-untyped-def]
        if case.server.is_on("skip_tls"):
            yield case.finding(self.id, self.severity, "", "It has no TLS.")

    world = replace(
        judged(account("ann")).world, server=ServerFacts([ServerFact("skip_tls", value="ON")])
    )
    server = Case(Judged(world, judged(account("ann")).rules))
    (only,) = review([server], FindingRules(), TODAY, rules=[toy]).findings
    assert (only.account, only.path, only.instance) == ("", (), world.instance)
    accepted = Suppression("toy", "Known.", TODAY)
    hidden = review([server], FindingRules(suppressions=(accepted,)), TODAY, rules=[toy])
    assert (hidden.findings, hidden.suppressed) == ((), (only,))
    named = replace(accepted, account="ann")
    assert review([server], FindingRules(suppressions=(named,)), TODAY, rules=[toy]).findings
    assert found(Case(judged(account("ann"))), toy) == []


EVERYONE_WRITES = next(one for one in RULES if one.id == "everyone-can-write")


@pytest.mark.parametrize(("engine", "schema"), OWN)
def test_what_everybody_may_write_of_the_engines_is_its_own(
    engine: EngineName, schema: str
) -> None:
    own = Securable(SecurableKind.VIEW, "shop", schema, "v")
    for on, wanted in ((own, []), (replace(own, schema="sales"), [EVERYONE_WRITES.id])):
        everyone = account(PUBLIC, Grant(on, "UPDATE"), can_login=False)
        assert found(Case(judged(everyone, engine=engine)), EVERYONE_WRITES) == wanted


def test_the_schemas_of_one_engine_are_nobody_elses() -> None:
    """A schema `sys` of PostgreSQL is somebody's, and so is `pg_catalog` of SQL Server."""
    on = Securable(SecurableKind.VIEW, "shop", "sys", "v")
    everyone = account(PUBLIC, Grant(on, "UPDATE"), can_login=False)
    case = Case(judged(everyone, engine=EngineName.POSTGRESQL))
    assert found(case, EVERYONE_WRITES) == [EVERYONE_WRITES.id]


def test_no_rule_names_a_schema_of_an_engine() -> None:
    assert {engine for engine, _ in OWN} >= {EngineName.POSTGRESQL, EngineName.SQLSERVER}
    for file in resources.files("sync_pipeline.access.findings").iterdir():
        text = file.read_text() if file.name.endswith(".py") else ""
        assert not [schema for _, schema in OWN if f'"{schema}"' in text], file.name
