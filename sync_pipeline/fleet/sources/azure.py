"""Azure Key Vault: `azure-keyvault:VAULT/NAME`, by its maker's clients.

`VAULT` is the name of a vault, or its address without `https://`. The client finds its own
credentials (DefaultAzureCredential): variables, a managed identity, the identity of a pod.
"""

from __future__ import annotations

import threading
from typing import Any

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)
from azure.identity import DefaultAzureCredential
from azure.keyvault.secrets import SecretClient

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings

KEPT_SECONDS = 300.0
_SUFFIX = "vault.azure.net"
_LIMITS = {"connection_timeout": 5, "read_timeout": 10, "retry_total": 1}
_FORBIDDEN = 403


class KeyVaultSource:
    """Azure Key Vault: a client for each vault."""

    is_of_login = False

    def __init__(self, settings: Settings) -> None:  # noqa: ARG002 - Azure has settings of its own
        self._lock = threading.Lock()
        self._credential: Any = None
        self._made: dict[str, SecretClient] = {}

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:  # noqa: ARG002 - a name says it all
        """Return the current version of a secret, or that which follows its name."""
        vault, _, named = rest.partition("/")
        name, _, version = named.partition("/")
        if not vault or not name:
            raise ConfigurationError(
                "A reference to Azure Key Vault is a vault and a name.",
                phase=Phase.CONFIGURE,
                hint="Write azure-keyvault:VAULT/NAME.",
            )
        try:
            value = self._client(vault).get_secret(name, version or None).value
        except AzureError as error:
            raise _failed(vault, name, error) from None
        if not value:
            raise _failed(vault, name, ResourceNotFoundError())
        return ResolvedSecret(Secret(value), good_for_seconds=KEPT_SECONDS)

    def place_of(self, rest: str) -> str:
        """Return the vault: another one may be reached in another way."""
        return rest.partition("/")[0]

    def _client(self, vault: str) -> SecretClient:
        with self._lock:
            if vault not in self._made:
                self._credential = self._credential or DefaultAzureCredential()
                host = vault if "." in vault else f"{vault}.{_SUFFIX}"
                self._made[vault] = SecretClient(f"https://{host}", self._credential, **_LIMITS)
            return self._made[vault]


def _failed(vault: str, name: str, error: AzureError) -> ConfigurationError:
    """Return why Azure gave nothing. Never in its words, which may quote what was sent."""
    is_answer = isinstance(error, HttpResponseError) and error.status_code is not None
    if isinstance(error, ResourceNotFoundError):
        hint = "Check the names of the vault and of the secret."
    elif isinstance(error, ClientAuthenticationError) or (
        isinstance(error, HttpResponseError) and error.status_code == _FORBIDDEN
    ):
        hint = "Check the identity of this machine: it needs the role Key Vault Secrets User."
    else:
        hint = "Check that this machine reaches Azure."
    return ConfigurationError(
        f"Azure did not give the secret {name!r} of {vault!r} ({type(error).__name__}).",
        phase=Phase.CONFIGURE,
        hint=hint,
        retryable=not is_answer and not isinstance(error, ClientAuthenticationError),
    )
