"""Google Secret Manager: `gcp-secret:PROJECT/NAME`, by its maker's client.

The client finds its own credentials (Application Default Credentials): a file that
`GOOGLE_APPLICATION_CREDENTIALS` names, or the identity of a machine or of a pod.
"""

from __future__ import annotations

import threading

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.secretmanager import SecretManagerServiceClient

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings

KEPT_SECONDS = 300.0
SECONDS_TO_ANSWER = 10.0
_NEWEST = "latest"
_PARTS = (2, 3)
_TRANSIENT = (exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError)


class SecretManagerSource:
    """Google Secret Manager, as one client."""

    is_of_login = False

    def __init__(self, settings: Settings) -> None:  # noqa: ARG002 - Google has settings of its own
        self._lock = threading.Lock()
        self._client: SecretManagerServiceClient | None = None

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:  # noqa: ARG002 - a name says it all
        """Return the newest version of a secret, or that which follows its name."""
        parts = rest.split("/")
        if len(parts) not in _PARTS or not all(parts):
            raise ConfigurationError(
                "A reference to Google Secret Manager is a project and a name.",
                phase=Phase.CONFIGURE,
                hint="Write gcp-secret:PROJECT/NAME.",
            )
        project, name, version = (*parts, _NEWEST)[:3]
        path = f"projects/{project}/secrets/{name}/versions/{version}"
        try:
            # Without retries of its own: the sync has its own.
            answer = self._connected().access_secret_version(
                request={"name": path}, timeout=SECONDS_TO_ANSWER, retry=None
            )
            text = answer.payload.data.decode()
        except UnicodeDecodeError:
            raise _failed(path, "it is no text", "Keep the password as text.") from None
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise _of(path, error) from None
        return ResolvedSecret(Secret(text), good_for_seconds=KEPT_SECONDS)

    def _connected(self) -> SecretManagerServiceClient:
        with self._lock:
            if self._client is None:
                self._client = SecretManagerServiceClient()
            return self._client


def _of(path: str, error: Exception) -> ConfigurationError:
    """Return why Google gave nothing. Never in its words, which may quote what was sent."""
    if isinstance(error, exceptions.NotFound):
        hint = "Check the project and the name."
    elif isinstance(
        error, exceptions.PermissionDenied | exceptions.Unauthenticated | GoogleAuthError
    ):
        hint = "Check the identity of this machine: it needs Secret Manager Secret Accessor."
    else:
        hint = "Check that this machine reaches Google."
    found = _failed(path, type(error).__name__, hint)
    found.retryable = isinstance(error, _TRANSIENT)
    return found


def _failed(path: str, why: str, hint: str) -> ConfigurationError:
    return ConfigurationError(
        f"Google did not give the secret {path!r} ({why}).", phase=Phase.CONFIGURE, hint=hint
    )
