"""Settings are checked once, and a wrong one is named without its value when secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.settings import Settings, secret_variables


def test_one_home_holds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_HOME", str(tmp_path))
    settings = Settings.load()
    assert settings.effective_store_url == f"sqlite:///{tmp_path / 'sync_pipeline.db'}"
    assert settings.effective_key_file == tmp_path / "secret.key"
    assert settings.dagster_home == tmp_path / "dagster"


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("TIME_ZONE", "Mars/Olympus", "IANA"),
        ("ACCOUNT_SYNC_CRON", "every hour", "five fields"),
        ("RETENTION_CRON", "every hour", "five fields"),
        ("MAINTENANCE_CRON", "every hour", "five fields"),
        ("GUARD_SHARE", "1.5", "less than or equal to 1"),
        ("STEP_CONCURRENCY", "many", "valid integer"),
        ("RUN_DEADLINE_SECONDS", "3600", r"less than .*MAX_RUNTIME_SECONDS \(3600\)"),
        ("BREAKER_LONGEST_WAIT_SECONDS", "60", r"FIRST_WAIT_SECONDS \(1800\)"),
        ("CONNECTIONS_PER_HOST", "-1", "greater than or equal to 0"),
    ],
)
def test_a_wrong_setting_is_named(
    variable: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"SYNC_PIPELINE_{variable}", value)
    with pytest.raises(ConfigurationError, match=f"SYNC_PIPELINE_{variable}.*{reason}"):
        Settings.load()


def test_the_name_that_a_setting_had_counts_where_the_new_one_is_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert Settings.load().retention_cron == "30 5 * * *"
    monkeypatch.setenv("SYNC_PIPELINE_MAINTENANCE_CRON", "1 2 * * *")
    assert Settings.load().retention_cron == "1 2 * * *"
    monkeypatch.setenv("SYNC_PIPELINE_RETENTION_CRON", "3 4 * * *")
    assert Settings.load().retention_cron == "3 4 * * *"


def test_the_key_is_not_in_the_repr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_SECRET_KEY", "hunter2")
    assert "hunter2" not in repr(Settings.load())


def test_a_list_that_is_no_json_is_told_without_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_EXCLUDED_ACCOUNTS", "S3CRET")
    with pytest.raises(ConfigurationError, match="excluded_accounts") as caught:
        Settings.load()
    assert "S3CRET" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_the_password_of_wallets_is_a_secret_like_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SYNC_PIPELINE_ORACLE_WALLET_PASSWORD", "hunter2")
    assert "hunter2" not in repr(Settings.load())
    assert "SYNC_PIPELINE_ORACLE_WALLET_PASSWORD" in secret_variables()


def test_an_environment_that_changed_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only one that has not is not: neither a change, nor a mistake, is kept."""
    monkeypatch.delenv("SYNC_PIPELINE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    first = Settings.load()
    assert Settings.load() is first
    assert first.home == tmp_path / ".sync_pipeline"
    monkeypatch.setenv("HOME", str(tmp_path / "other"))
    assert Settings.load().home == tmp_path / "other" / ".sync_pipeline"
    monkeypatch.setenv("sync_pipeline_retry_limit", "7")
    assert Settings.load().retry_limit == 7
    monkeypatch.setenv("sync_pipeline_retry_limit", "many")
    for _ in range(2):
        with pytest.raises(ConfigurationError):
            Settings.load()
    monkeypatch.delenv("sync_pipeline_retry_limit")
    assert Settings.load().retry_limit == 2


def test_settings_can_be_looked_up_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """The definitions are kept by them: a value that has no hash would end each code server."""
    monkeypatch.setenv("SYNC_PIPELINE_CONSOLE_GROUPS", "dba:*, billing:team=billing")
    monkeypatch.setenv("SYNC_PIPELINE_CONSOLE_PROXIES", "10.0.0.1")
    found = Settings.load()
    assert found.console_groups == ("dba:*", "billing:team=billing")
    assert {found: 1}[Settings.load()] == 1
