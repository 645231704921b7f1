"""What of the environment the processes of Dagster's own are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.orchestration.processes.environment import without_secrets
from sync_pipeline.settings import Settings, project_root, secret_variables
from workbench.running.configuration import commented

DAGSTER_YAML = project_root() / "dagster.yaml"
# Settings whose name sounds like a secret and which hold none.
NO_SECRETS = {
    "SYNC_PIPELINE_CONSOLE_URL",
    "SYNC_PIPELINE_SECRET_KEY_FILE",
    "SYNC_PIPELINE_CONNECTIONS_PER_CREDENTIAL",
    "SYNC_PIPELINE_READABLE_PASSWORDS",
    "SYNC_PIPELINE_VAULT_KUBERNETES_TOKEN_FILE",
    "SYNC_PIPELINE_VAULT_SECRET_ID_FILE",
}


def test_a_setting_that_sounds_like_a_secret_is_one() -> None:
    names = {f"SYNC_PIPELINE_{name.upper()}" for name in Settings.model_fields}
    words = ("PASSWORD", "SECRET", "URL", "TOKEN", "CREDENTIAL", "DSN")
    sounding = {name for name in names if any(word in name for word in words)}
    assert sounding - NO_SECRETS == secret_variables()


@given(st.dictionaries(st.text(min_size=1, max_size=12), st.text(max_size=5)))
def test_what_nobody_named_stays_away(others: dict[str, str]) -> None:
    known = {"PATH": "/bin", "SYNC_PIPELINE_HOME": "/x", "DAGSTER_HOME": "/y", "LC_ALL": "C"}
    secret = dict.fromkeys(secret_variables() | {"PGPASSWORD", "sync_pipeline_secret_key"}, "s")
    kept = without_secrets({**others, **secret, **known}, Settings(), DAGSTER_YAML)
    assert known.items() <= kept.items()
    assert not secret.keys() & kept.keys()
    assert {name for name in kept if not name.startswith(("DAGSTER_", "GRPC_", "LC_", "LD_", "PG",
            "PYTHON", "SYNC_PIPELINE_", "XDG_"))} <= {*known, "HOME", "TMP", "TEMP", "TZ", "PWD",
            "USER", "LANG", "LANGUAGE", "LOGNAME", "TERM", "SHELL", "SSL_CERT_DIR", "SSL_CERT_FILE",
            "TMPDIR", "VIRTUAL_ENV"}  # fmt: skip


def test_what_dagster_yaml_and_the_setting_name_is_given(tmp_path: Path) -> None:
    path = tmp_path / "dagster.yaml"
    path.write_text(commented("Celery") + commented("PostgreSQL"))
    environment = {
        "CELERY_BROKER_URL": "r",
        "DAGSTER_POSTGRES_PASSWORD": "p",
        "AWS_X": "a",
        "B": "",
    }
    kept = without_secrets(environment, Settings(ui_environment=("AWS_X",)), path)
    assert set(kept) == {"CELERY_BROKER_URL", "DAGSTER_POSTGRES_PASSWORD", "AWS_X"}


def test_a_dagster_yaml_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    """Dagster takes the last one, and what the first one said is lost without a word."""
    path = tmp_path / "dagster.yaml"
    path.write_text("storage:\n  a: 1\nrun_monitoring: {}\nstorage:\n  b: 2\n")
    with pytest.raises(ConfigurationError, match=r"dagster.yaml, line 4: 'storage' is there twice"):
        without_secrets({}, Settings(), path)
