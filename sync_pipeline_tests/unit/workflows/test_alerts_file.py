"""The file of alerts: what it means, and what is said of one that is not valid."""

from __future__ import annotations

from datetime import time
from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.model.event import EventKind
from sync_pipeline.model.finding import Severity
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.route import (
    ChannelKind,
    Match,
    QuietHours,
    Rhythm,
    Route,
    Timing,
)
from sync_pipeline.notify.matching import default_rules
from sync_pipeline.settings import Settings
from sync_pipeline.workflows.news.rule_file import parse_alerts, quiet_of, timing_of
from sync_pipeline.workflows.news.rules import alerting_of

GIVEN = (Route("slack", ChannelKind.SLACK),)
TOKEN = "T0K3N-in-the-path"
WHOLE = """
routes:
  security:
    channel: feishu
    url: env:SECURITY_URL
    secret: file:/run/secrets/feishu
    when: weekly mon 08:00
    quiet: [22:00-07:00, "sat, sun 00:00-24:00"]
    most_lines: 5
  dba:
    channel: email
    to: dba@example.net
    when: daily 7:30
rules:
  - name: power
    match:
      event: [power_gained, account_with_power]
      severity: critical
      engine: postgresql
      tag: team=billing
      environment: [production, staging]
      instance: prod-%
      account: [app_%, root]
      class: superuser
    routes: [security, slack]
  - routes: dba
"""


def test_a_whole_file() -> None:
    found = parse_alerts(WHOLE, "alerts.yaml", GIVEN)
    assert found.routes == (
        Route(
            "security",
            ChannelKind.FEISHU,
            "env:SECURITY_URL",
            "file:/run/secrets/feishu",
            (),
            Timing(Rhythm.WEEKLY, time(8), 0),
            (QuietHours(1320, 420), QuietHours(0, 1440, frozenset({5, 6}))),
            5,
        ),
        Route("dba", ChannelKind.EMAIL, to=("dba@example.net",), timing=timing_of("daily 07:30")),
        *GIVEN,
    )
    power, rest = found.rules
    assert power.match == Match(
        frozenset({EventKind.POWER_GAINED, EventKind.ACCOUNT_WITH_POWER}),
        Severity.CRITICAL,
        frozenset({EngineName.POSTGRESQL}),
        frozenset({"team=billing"}),
        frozenset({"production", "staging"}),
        ("prod-%",),
        ("app_%", "root"),
        ("superuser",),
    )
    assert (power.name, power.routes) == ("power", ("security", "slack"))
    assert (rest.name, rest.match, rest.routes) == ("rule 2", Match(), ("dba",))


def test_without_rules_those_by_default_hold_for_all_routes() -> None:
    assert parse_alerts("", "f", GIVEN).rules == default_rules(("slack",))
    text = "routes: {slack: {channel: slack, url: 'env:X', when: hourly}}"
    found = parse_alerts(text, "f", GIVEN)
    assert [(item.name, item.url) for item in found.routes] == [("slack", "env:X")]
    assert parse_alerts("rules: []", "f", GIVEN).rules == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("routes: {a: {channel: pager}}", "line 1, routes.a.channel: Input should be"),
        ("routes:\n  a:\n    channel: slack\n    urll: env:X", "line 4, routes.a.urll: Extra"),
        (f"routes: {{a: {{channel: slack, url: 'https://x/{TOKEN}'}}}}", "name where it is"),
        (f"routes: {{a: {{channel: slack, url: '{TOKEN}'}}}}", "env:NAME or file:/path"),
        (f"routes: {{a: {{channel: slack, url: 'HTTP:x/{TOKEN}'}}}}", "it is a secret"),
        (f"routes: {{a: {{channel: slack, url: 'env:https://x/{TOKEN}'}}}}", "it is a secret"),
        (f"routes: {{a: {{channel: slack, url: 'nosuch:{TOKEN}'}}}}", "no reference to a secret"),
        ("routes: {a: {channel: teams}}", "there is no `url`"),
        ("routes: {a: {channel: slack, url: 'env:X', secret: 'env:Y'}}", "feishu and dingtalk"),
        ("routes: {a: {channel: slack, url: 'env:X', to: a@b.c}}", "`to` is for email alone"),
        ("routes: {a: {channel: email, url: 'env:X'}}", "email takes `to`"),
        ("routes: {a: {channel: email, to: nobody}}", "'nobody' is not an e-mail address"),
        ('routes: {a: {channel: email, to: "a@b.c\\nBcc: d@e.f"}}', "is not an e-mail address"),
        ("routes: {a: {channel: email, when: daily}}", "write `at once`, `hourly`"),
        ("routes: {a: {channel: email, when: 'daily 24:00'}}", "00:00 of the next day"),
        ("routes: {a: {channel: email, when: weekly day 08:00}}", "write `at once`"),
        ("routes: {a: {channel: email, quiet: '25:00-26:00'}}", "25:00 is no time of the day"),
        ("routes: {a: {channel: email, quiet: '08:00-08:00'}}", "have no length"),
        ("routes: {a: {channel: email, quiet: '24:00-08:00'}}", "have no length"),
        ("routes: {a: {channel: email, quiet: mum 08:00-09:00}}", "write `22:00-07:00`"),
        ("routes: {a: {channel: email, quiet: '00:00-24:00'}}", "no hour of the week is left"),
        ("routes: {a: {channel: email, most_lines: 0}}", "greater than or equal to 1"),
        ("routes: {'a b': {channel: email}}", "routes.a b"),
        ("rules: [{routes: [nowhere]}]", "rules[1].routes: there is no route 'nowhere'"),
        ("rules: [{match: {severity: bad}, routes: slack}]", "rules[1].match.severity"),
        ("rules: [{match: {event: [oops]}, routes: slack}]", "rules[1].match.event[1]"),
        ("rules: [{match: high, routes: slack}]", "a match is a mapping"),
        ("rules: [{match: {sevrity: high}, routes: slack}]", "match.sevrity: Extra"),
        ("rules: [{match: {tag: []}, routes: slack}]", "rules[1].match.tag"),
        ("rules: [{match: {}}]", "rules[1].routes: Field required"),
        ("rules: {a: 1}", "rules: Input should be"),
        ("rulez: []", "rulez: Extra"),
        ("routes: {a: {channel: email}, a: {channel: email}}", "'a' is there twice"),
        ("routes: [", "is not valid YAML"),
    ],
)
def test_a_wrong_file_is_told_with_its_place(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_alerts(text, "alerts.yaml", GIVEN)
    said = str(caught.value)
    assert says in said, said
    assert "The file alerts.yaml" in said
    assert TOKEN not in said


@pytest.mark.parametrize("text", ["at once", "hourly", "daily 08:00", "weekly fri 23:59"])
def test_a_timing_is_written_as_it_is_read(text: str) -> None:
    assert str(timing_of(text)) == text


@pytest.mark.parametrize("text", ["22:00-07:00", "sat,sun 00:00-24:00", "mon 08:00-09:30"])
def test_quiet_hours_are_written_as_they_are_read(text: str) -> None:
    assert str(quiet_of(text)) == text


def test_routes_that_lead_nowhere_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    settings = Settings(home=tmp_path, alerts_file=file)
    for text, says in {
        "routes: {a: {channel: slack}}": "or set SYNC_PIPELINE_ALERT_SLACK_URL",
        "routes: {a: {channel: email}}": "or set SYNC_PIPELINE_ALERT_EMAIL_TO",
        "routes: {a: {channel: email, to: a@b.example}}": "Set SYNC_PIPELINE_ALERT_EMAIL_FROM",
    }.items():
        file.write_text(text)
        with pytest.raises(ConfigurationError) as caught:
            alerting_of(settings)
        assert says in str(caught.value)
    file.unlink()
    with pytest.raises(ConfigurationError, match="SYNC_PIPELINE_ALERTS_FILE names it"):
        alerting_of(settings)


def test_the_channels_of_the_settings_are_routes(tmp_path: Path) -> None:
    settings = Settings(
        home=tmp_path,
        alert_webhook_url="https://a.example/x",
        alert_email_to=("a@example.net",),
        alert_email_from="b@example.net",
    )
    found = alerting_of(settings)
    assert [item.name for item in found.routes] == ["webhook", "email"]
    assert found.rules == default_rules(("webhook", "email"))
