"""`sync-pipeline settings` shows each setting and no secret; the table in the docs is the same."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from sync_pipeline.settings import Settings, project_root, secret_variables
from sync_pipeline.workflows.configuration import markdown_table
from workbench.benches.command import CANARY, Command

FORMS = ("table", "json", "csv")
URLS = {
    "SYNC_PIPELINE_STORE_URL": f"postgresql+psycopg://u:{CANARY}@db/x?password={CANARY}",
    "SYNC_PIPELINE_ALERT_WEBHOOK_URL": f"https://hooks.example.net/{CANARY.encode().hex()}",
}


def shown(command: Command) -> dict[str, dict[str, Any]]:
    return {item["variable"]: item for item in command.ok("settings", "--json").json}


def test_every_setting_has_its_value_its_source_and_its_default(command: Command) -> None:
    command.patch.setenv("SYNC_PIPELINE_RETRY_LIMIT", "7")
    command.patch.setenv("SYNC_PIPELINE_EXCLUDED_ACCOUNTS", '["a%", "b"]')
    command.patch.setenv("sync_pipeline_ui_environment", "A, B")
    command.patch.delenv("SYNC_PIPELINE_MAX_DATABASES", raising=False)
    found = shown(command)
    assert list(found) == [f"SYNC_PIPELINE_{name.upper()}" for name in Settings.model_fields]
    limit = found["SYNC_PIPELINE_RETRY_LIMIT"]
    assert (limit["value"], limit["source"], limit["default"]) == (7, "environment", 2)
    most = found["SYNC_PIPELINE_MAX_DATABASES"]
    assert (most["value"], most["source"], most["default"]) == (500, "default", 500)
    assert found["SYNC_PIPELINE_EXCLUDED_ACCOUNTS"]["value"] == ["a%", "b"]
    assert found["SYNC_PIPELINE_UI_ENVIRONMENT"]["source"] == "environment"
    assert found["SYNC_PIPELINE_HOME"]["value"] == str(command.home)
    assert found["SYNC_PIPELINE_HOME"]["default"] == "~/.sync_pipeline"
    rows = {
        row["setting"]: row
        for row in csv.DictReader(io.StringIO(command.ok("settings", "--csv").out))
    }
    assert rows["SYNC_PIPELINE_RETRY_LIMIT"]["value"] == "7"
    assert rows["SYNC_PIPELINE_EXCLUDED_ACCOUNTS"]["value"] == '["a%", "b"]'
    assert rows["SYNC_PIPELINE_UI_ENVIRONMENT"]["value"] == "A,B"
    assert not command.home.exists() or not (command.home / "sync_pipeline.db").exists()


@pytest.mark.parametrize("form", FORMS)
def test_no_form_shows_a_secret(command: Command, form: str) -> None:
    for name in secret_variables():
        command.patch.setenv(name, CANARY)
    for name, url in URLS.items():
        command.patch.setenv(name, url)
    command.patch.setenv("SYNC_PIPELINE_ALERT_SLACK_URL", URLS["SYNC_PIPELINE_ALERT_WEBHOOK_URL"])
    command.patch.setenv("SYNC_PIPELINE_ALERT_SMTP_USERNAME", "u")
    command.patch.setenv("SYNC_PIPELINE_ALERT_SMTP_HOST", f"smtp://u:{CANARY}@h/")
    command.patch.setenv("SYNC_PIPELINE_UI_ALLOWED_HOSTS", f"http://u:{CANARY}@h,plain")
    command.patch.setenv("COLUMNS", "4000")
    said = command.ok("settings", "--format", form).out
    assert CANARY not in said
    assert CANARY.encode().hex() not in said
    assert "postgresql+psycopg://u:***@db/x" in said
    assert "http://u:***@h" in said
    assert "***" in said


def test_a_url_that_can_not_be_read_is_hidden_whole(command: Command) -> None:
    command.patch.setenv("SYNC_PIPELINE_STORE_URL", f"nonsense {CANARY}")
    assert shown(command)["SYNC_PIPELINE_STORE_URL"]["value"] == "***"


def test_keys_of_a_file_are_said_to_be_there(command: Command) -> None:
    command.home.mkdir(mode=0o700, exist_ok=True)
    (command.home / "secret.key").write_text(CANARY)
    key = shown(command)["SYNC_PIPELINE_SECRET_KEY"]
    assert (key["source"], key["value"], key["is_secret"]) == ("file", "***", True)


def test_a_wrong_setting_is_a_sentence(command: Command) -> None:
    command.patch.setenv("SYNC_PIPELINE_RETRY_LIMIT", "many")
    assert "SYNC_PIPELINE_RETRY_LIMIT" in command.wrong("settings")


def test_the_table_in_the_docs_is_the_one_of_the_settings() -> None:
    text = (project_root() / "docs" / "operations.md").read_text()
    assert markdown_table() in text, "run: python3 scripts/settings_table.py"
    assert markdown_table().count("\n| `SYNC_PIPELINE_") == len(Settings.model_fields)


def test_the_version_is_that_of_the_package(command: Command) -> None:
    project = (Path(project_root()) / "pyproject.toml").read_text()
    (version,) = [line for line in project.splitlines() if line.startswith("version = ")]
    number = version.split('"')[1]
    assert command.ok("--version").out == f"sync-pipeline {number}\n"
