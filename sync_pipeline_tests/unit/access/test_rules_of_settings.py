"""Rules about settings of a server, by what a server may say of them, true or not."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.definers import definer_routine
from sync_pipeline.access.findings.logins import (
    file_error,
    from_anywhere,
    without_password,
    without_tls,
)
from sync_pipeline.access.findings.passwords import weak_storage
from sync_pipeline.access.findings.review import review
from sync_pipeline.access.findings.rule import Rule
from sync_pipeline.access.findings.transport import tls_not_required
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.mysql_protocol.platform import provider_accounts
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.account import AccountKind, AccountState
from sync_pipeline.model.finding import Finding, FindingRules
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.server_fact import ServerFact, ServerFacts

NOW = datetime(2026, 11, 30, tzinfo=UTC)
PROVIDERS = [
    (platform, name)
    for platform in Platform
    for name in sorted(provider_accounts(platform))
    if name.startswith("'") and name.partition("@")[2] not in ("'localhost'", "'127.0.0.1'")
]


def found(
    engine: EngineName,
    rule: Rule,
    fact: ServerFact,
    *names: str,
    platform: Platform = Platform.SELF_RUN,
) -> list[Finding]:
    attributes = (("plugin", "caching_sha2_password"),)
    accounts = {
        name: AccountState(name, AccountKind.USER, True, attributes=attributes) for name in names
    }
    world = AccessWorld(
        *("db", engine, "9.7.0", accounts),
        asked_at=NOW,
        platform=platform,
        server=ServerFacts([fact]),
    )
    case = Case(Judged(world, ENGINES[engine].access_rules(world)))
    return list(review([case], FindingRules(), NOW.date(), [rule]).findings)


@pytest.mark.parametrize(
    ("value", "is_told"),
    [
        *(("md5", True), ("MD5 ", True), ("on", True)),
        *(("scram-sha-256", False), ("weird", False), ("", False), ("off", False)),
    ],
)
def test_how_new_passwords_are_kept(value: str, is_told: bool) -> None:
    """`on` was MD5 in old versions; a word that nobody knows is told of by nobody."""
    fact = ServerFact("password_encryption", value=value)
    assert bool(found(EngineName.POSTGRESQL, weak_storage, fact)) is is_told


@pytest.mark.parametrize(
    ("value", "is_told"), [("OFF", True), ("0", True), ("ON", False), ("weird", False)]
)
def test_whether_tls_is_required(value: str, is_told: bool) -> None:
    fact = ServerFact("require_secure_transport", value=value)
    items = found(EngineName.MYSQL, tls_not_required, fact, "'app'@'10.%'")
    assert bool(items) is is_told


@pytest.mark.parametrize(("platform", "name"), PROVIDERS)
def test_logins_of_a_provider_are_its_own(platform: Platform, name: str) -> None:
    fact = ServerFact("require_secure_transport", value="OFF")
    rule, engine = tls_not_required, EngineName.MYSQL
    assert not found(engine, rule, fact, name, platform=platform)
    (own,) = found(engine, rule, fact, name, "'app'@'10.%'", platform=platform)
    assert "1 of 1 accounts" in own.evidence
    assert name not in own.evidence


def test_lines_that_cant_be_read_are_the_providers_on_a_service() -> None:
    fact, engine = (
        ServerFact("login_rule_error", subject="000001", value="7"),
        EngineName.POSTGRESQL,
    )
    (item,) = found(engine, file_error, fact)
    assert "line 7." in item.evidence
    assert not found(engine, file_error, fact, platform=Platform.RDS)


@pytest.mark.parametrize("rule", [without_password, from_anywhere, without_tls])
def test_lines_of_a_service_are_its_providers(rule: Rule) -> None:
    line = {"line": 1, "type": "host", "databases": ["all"], "users": ["all"], "address": "all"}
    fact = ServerFact("login_rule", subject="000001", value=json.dumps({**line, "method": "trust"}))
    assert found(EngineName.POSTGRESQL, rule, fact)
    assert not found(EngineName.POSTGRESQL, rule, fact, platform=Platform.RDS)


def test_routines_of_a_provider_are_its_own() -> None:
    for owner, is_told in (("rdsadmin", False), ("shop", True)):
        routine = {"schema": "s", "name": "f", "arguments": "", "owner": owner, "everyone": True}
        fact = ServerFact("definer_routine", "shop", "s.f()", json.dumps(routine))
        items = found(EngineName.POSTGRESQL, definer_routine, fact, owner, platform=Platform.RDS)
        assert bool(items) is is_told
