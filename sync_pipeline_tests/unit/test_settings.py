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
