"""What an engine tells a review by itself: for a rule that there is, whatever a server says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_pipeline.access.findings.case import Case
from sync_pipeline.access.findings.review import RULES, review
from sync_pipeline.access.judged import Judged
from sync_pipeline.engines.access.concerns import concerns
from sync_pipeline.engines.registry import ENGINES
from sync_pipeline.model.access import AccessWorld
from sync_pipeline.model.finding import FindingRules
from sync_pipeline.model.server_fact import ServerFact, ServerFacts
from workbench.strategies import oracle_accounts as oracle
from workbench.strategies.sqlserver_worlds import world

SQLSERVER = world(
    "login sa; member sa sysadmin; login ted; user sales.ted ted; own DATABASE sales by sa"
    "; grant EXECUTE to sales.public; grant VIEW SERVER STATE to public"
)
ORACLE = oracle.world(
    oracle.user("APP", "SELECT ANY TABLE"), oracle.public("EXECUTE on PROCEDURE APP.PAY")
)
NAMES = (
    *("xp_cmdshell", "clr enabled", "clr strict security", "remote access", "MachineName"),
    *("is_trustworthy_on", "is_db_chaining_on", "IsIntegratedSecurityOnly", "definer"),
    *("default password", "database link", "os_roles", "cross db ownership chaining"),
)
WORDS = ("", "1", "0", "TRUE", "sales", "APP", "PUBLIC.X", "[dbo].[pay]", "dbo", "OPEN", "no\nline")
texts = st.sampled_from(WORDS) | st.text(max_size=5)
facts = st.lists(st.builds(ServerFact, st.sampled_from(NAMES), texts, texts, texts), max_size=8)


@pytest.mark.parametrize("of", [SQLSERVER, ORACLE], ids=lambda of: of.engine)
@given(items=facts)
@settings(max_examples=40)
def test_whatever_a_server_says_of_itself_is_a_finding_or_none(
    of: AccessWorld, items: list[ServerFact]
) -> None:
    told = replace(of, server=ServerFacts(items))
    rules = ENGINES[of.engine].access_rules(told)
    known = {rule.id for rule in RULES}
    assert {item.rule for item in concerns(rules)} <= known
    found = review([Case(Judged(told, rules))], FindingRules(), date(2026, 11, 30)).findings
    for item in found:
        # A name can't end a statement: one that holds a line break is in none.
        assert "no\nline" not in item.fix + item.undo
        assert not item.fix or item.undo or item.account


@pytest.mark.parametrize("of", [SQLSERVER, ORACLE], ids=lambda of: of.engine)
def test_what_is_not_known_is_no_concern_of_the_server(of: AccessWorld) -> None:
    rules = ENGINES[of.engine].access_rules(of)
    assert [item for item in concerns(rules) if not item.account] == []
