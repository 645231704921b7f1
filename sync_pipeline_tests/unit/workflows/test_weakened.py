"""What weakens an installation is said at its start and listed in SECURITY.md."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from sync_pipeline.orchestration.processes.serve import Options, warn_of
from sync_pipeline.settings import Settings, project_root
from sync_pipeline.workflows.weakened import weakened

STORE = "postgresql+psycopg://sync:pass-w0rd@db.example.net/store"
WEAKENING = [
    ("relaxed_certificates", "true"),
    ("readable_passwords", "legacy-%"),
    ("allow_insecure_broker", "true"),
    ("secret_key", "pass-w0rd"),
    ("alert_smtp_tls", "none"),
    ("alert_webhook_url", "http://hooks.example.net/pass-w0rd"),
    ("alert_slack_url", "http://hooks.example.net/pass-w0rd"),
    ("store_url", STORE),
    ("store_url", f"{STORE}?sslmode=require"),
    ("store_url", f"{STORE}?sslmode=prefer"),
]
STRONG = [
    ("alert_webhook_url", "https://hooks.example.net/x"),
    ("alert_webhook_url", "http://127.0.0.1:9000/x"),
    ("alert_slack_url", "http://localhost/x"),
    ("store_url", f"{STORE}?sslmode=verify-full&sslrootcert=/etc/ca.pem"),
    ("store_url", f"{STORE}?sslmode=verify-ca&sslrootcert=/etc/ca.pem"),
    ("store_url", "postgresql+psycopg://sync:pass-w0rd@127.0.0.1/store"),
    ("store_url", "postgresql+psycopg://sync@/store?host=/run/postgresql"),
    ("store_url", "sqlite:////var/lib/sync.db"),
    ("store_url", "postgresql://[broken"),
    ("readable_passwords", ""),
]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_ALERT_SMTP_HOST", "mail.example.net")
    monkeypatch.setenv("SYNC_PIPELINE_HOME", str(tmp_path))


def set_to(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> Settings:
    monkeypatch.setenv(f"SYNC_PIPELINE_{name.upper()}", value)
    return Settings.load()


def test_nothing_is_weak_by_default() -> None:
    assert list(weakened(Settings.load())) == []


@pytest.mark.parametrize(("name", "value"), WEAKENING)
def test_what_weakens_is_said_once_and_without_its_value(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (sentence,) = weakened(set_to(monkeypatch, name, value))
    assert f"SYNC_PIPELINE_{name.upper()} " in sentence
    assert "pass-w0rd" not in sentence


@pytest.mark.parametrize(("name", "value"), STRONG)
def test_what_does_not_weaken_is_not_said(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    assert list(weakened(set_to(monkeypatch, name, value))) == []


@pytest.mark.parametrize("name", sorted({name for name, _ in WEAKENING}))
def test_each_is_listed_for_people(name: str) -> None:
    listed = (project_root() / "SECURITY.md").read_text()
    assert f"`SYNC_PIPELINE_{name.upper()}`" in listed


def test_it_is_said_when_the_system_starts(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings = set_to(monkeypatch, "relaxed_certificates", "true")
    with caplog.at_level(logging.WARNING, logger="sync_pipeline"):
        warn_of(Options("127.0.0.1", 3000, read_only=False), settings)
    assert "SYNC_PIPELINE_RELAXED_CERTIFICATES is set" in caplog.text
