"""What of the environment each process is given: secrets only to those that use them.

The webserver and the daemon load no code of the project's jobs and open neither the store
nor an instance: they talk to the code server, and to Dagster's own storage. An environment
can be read in `/proc` by every process of the same user.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.files.written_yaml import BadYaml, read_yaml
from sync_pipeline.settings import Settings, secret_variables

_NAMES = frozenset(
    {
        "HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "PWD", "SHELL", "SSL_CERT_DIR",
        "SSL_CERT_FILE", "TEMP", "TERM", "TMP", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV",
    }
)  # fmt: skip
# libpq's own, for Dagster's storage; its password is in dagster.yaml, by the name of a variable.
_PREFIXES = ("DAGSTER_", "GRPC_", "LC_", "LD_", "PG", "PYTHON", "SYNC_PIPELINE_", "XDG_")
_SECRET = frozenset({"PGPASSWORD"})


def without_secrets(
    environment: Mapping[str, str], settings: Settings, dagster_yaml: Path
) -> dict[str, str]:
    """Return what a process of Dagster's own needs.

    That is what every program does, Dagster's variables, the settings that are no secrets,
    the variables that `dagster.yaml` names, and those of SYNC_PIPELINE_UI_ENVIRONMENT.

    Raises:
        ConfigurationError: `dagster.yaml` is no YAML, or has a key twice: Dagster takes the last.
    """
    try:
        written = read_yaml(dagster_yaml.read_text())
        found = written.value(written.root)
    except BadYaml as error:
        raise ConfigurationError(error.sentence(str(dagster_yaml)), hint="Correct it.") from None
    named = {*settings.ui_environment, *_variables(found)}
    secret = secret_variables() | _SECRET
    return {
        name: value
        for name, value in environment.items()
        if name in named
        or ((name in _NAMES or name.startswith(_PREFIXES)) and name.upper() not in secret)
    }


def _variables(value: Any) -> Iterator[str]:
    """Yield every variable that a configuration names as `{env: NAME}`."""
    if isinstance(value, list):
        for item in value:
            yield from _variables(item)
    if isinstance(value, dict):
        if isinstance(value.get("env"), str):
            yield value["env"]
        for item in value.values():
            yield from _variables(item)
