"""HashiCorp Vault and OpenBao: `vault:API/PATH#FIELD`, by their maker's client hvac.

The path is that of the HTTP API: `secret/data/billing` of a KV store of version 2,
`database/creds/reader` or `database/static-creds/monitor` of the database engine. Where Vault is
and whom to trust say its own variables (`VAULT_ADDR`, `VAULT_NAMESPACE`, `VAULT_CACERT`,
`VAULT_TOKEN`: developer.hashicorp.com/vault/docs/commands#environment-variables).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import hvac
from hvac import exceptions
from requests import exceptions as transport

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.files.reading import LARGEST_SECRET, read_file
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings, VaultAuth

SECONDS_TO_ANSWER = 10
KEPT_SECONDS = 300.0
"""How long a secret without a lease is kept; a rejected one is asked for again at once."""
_PART_OF_LEASE = 2 / 3
"""A connection may begin at the end of it, and must not outlive its account by much."""
_SERVICE_TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"  # noqa: S105 - a path
_FIELD = "password"
_TRANSIENT = (
    exceptions.BadGateway,
    exceptions.InternalServerError,
    exceptions.RateLimitExceeded,
    exceptions.VaultDown,
    transport.RequestException,
)


@dataclass(frozen=True, slots=True)
class _Lease:
    """An account that Vault made for a time, which it may make longer."""

    id: str
    found: ResolvedSecret
    ends_at: float


class VaultSource:
    """Vault, as one client that logs in when its token is refused."""

    is_of_login = False

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._client: hvac.Client | None = None
        self._leases: dict[str, _Lease] = {}

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:  # noqa: ARG002 - a path says it all
        """Return what Vault has at a path; of a lease that is not over, the same for longer."""
        path, _, named = rest.partition("#")
        # By the field, too: another one of the same path has another lease. Each is asked for by
        # one thread at a time (`References`), all of them at once.
        lease = self._leases.get(rest)
        try:
            longer = self._renewed(lease) if lease is not None and not is_rejected else None
            if longer is not None:
                self._leases[rest] = longer
                return longer.found
            self._leases.pop(rest, None)
            return self._read(rest, path, named)
        except exceptions.VaultError as error:
            raise _failed(path, error) from None
        except transport.RequestException as error:
            raise _failed(path, error) from None

    def _renewed(self, lease: _Lease) -> _Lease | None:
        """Return a lease that is longer by now; None: Vault makes it no longer, or it is over.

        Where Vault is away nobody knows: that is raised, and the lease is kept for the next time.
        """
        if self._clock() >= lease.ends_at:
            return None
        try:
            answer = self._asked(lambda client: client.sys.renew_lease(lease.id))
        except exceptions.VaultError as error:
            if isinstance(error, _TRANSIENT):
                raise
            return None
        seconds = _seconds(answer.get("lease_duration"))
        left = lease.ends_at - self._clock()
        return self._lease(lease.id, lease.found, seconds) if seconds > left else None

    def _read(self, rest: str, path: str, named: str) -> ResolvedSecret:
        answer = self._asked(lambda client: client.read(path))
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, Mapping):
            raise _nothing_at(path)
        if isinstance(data.get("data"), Mapping) and isinstance(data.get("metadata"), Mapping):
            data = data["data"]
        elif "data" in data and data["data"] is None:
            raise _nothing_at(path)
        value = data.get(named or _FIELD)
        if not isinstance(value, str) or not value:
            raise ConfigurationError(
                f"Vault has no field {named or _FIELD!r} at {path!r}.",
                phase=Phase.CONFIGURE,
                hint="Name the field that has the password: vault:PATH#FIELD.",
            )
        username = "" if named else data.get("username")
        found = ResolvedSecret(
            Secret(value), username if isinstance(username, str) else "", self._kept_for(data)
        )
        seconds = _seconds(answer.get("lease_duration"))
        if not answer.get("lease_id") or not seconds:
            return found
        lease = self._lease(str(answer["lease_id"]), found, seconds)
        self._leases[rest] = lease
        return lease.found

    @staticmethod
    def _kept_for(data: Mapping[str, Any]) -> float:
        """Return how long a secret without a lease is kept: not beyond Vault's next rotation."""
        rotated_in = data.get("ttl")
        return KEPT_SECONDS if rotated_in is None else min(KEPT_SECONDS, _seconds(rotated_in))

    def _lease(self, lease_id: str, found: ResolvedSecret, seconds: float) -> _Lease:
        kept = ResolvedSecret(found.secret, found.username, seconds * _PART_OF_LEASE)
        return _Lease(lease_id, kept, self._clock() + seconds)

    def _asked(self, ask: Callable[[hvac.Client], Any]) -> Mapping[str, Any]:
        """Ask Vault; once more with a new token where the one that there is, is refused."""
        client = self._client or self._other_than(None)
        try:
            return ask(client) or {}
        except (exceptions.Forbidden, exceptions.Unauthorized):
            if self._settings.vault_auth is VaultAuth.TOKEN:
                raise
            return ask(self._other_than(client)) or {}

    def _other_than(self, refused: hvac.Client | None) -> hvac.Client:
        """Return a client that is logged in, not the refused one: one thread logs in for all."""
        if not self._lock.acquire(timeout=SECONDS_TO_ANSWER):
            raise transport.Timeout
        try:
            if self._client is None or self._client is refused:
                self._client = self._logged_in()
            return self._client
        finally:
            self._lock.release()

    def _logged_in(self) -> hvac.Client:
        settings = self._settings
        client = hvac.Client(
            timeout=SECONDS_TO_ANSWER,
            namespace=os.environ.get("VAULT_NAMESPACE"),
            # A redirect would take the token along, to whatever host; standby nodes forward.
            allow_redirects=False,
            verify=os.environ.get("VAULT_CACERT") or os.environ.get("VAULT_CAPATH") or True,
        )
        if settings.vault_auth is VaultAuth.APPROLE:
            client.auth.approle.login(
                role_id=settings.vault_role,
                secret_id=_content(settings.vault_secret_id_file) or None,
                mount_point=settings.vault_auth_mount or "approle",
            )
        elif settings.vault_auth is VaultAuth.KUBERNETES:
            client.auth.kubernetes.login(
                role=settings.vault_role,
                jwt=_content(settings.vault_kubernetes_token_file or _SERVICE_TOKEN),
                mount_point=settings.vault_auth_mount or "kubernetes",
            )
        return client


def _content(path: str) -> str:
    if not path:
        return ""
    try:
        return read_file(path, LARGEST_SECRET)[0].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"The file {path} for the login at Vault can't be read ({type(error).__name__}).",
            phase=Phase.CONFIGURE,
            hint="Check that it exists and that the user who syncs may read it.",
        ) from None


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and value > 0 else 0.0


def _nothing_at(path: str) -> ConfigurationError:
    return ConfigurationError(
        f"Vault has nothing at {path!r}.",
        phase=Phase.CONFIGURE,
        hint="The path is that of its API: MOUNT/data/NAME for a KV store of version 2.",
    )


def _failed(path: str, error: Exception) -> ConfigurationError:
    """Return why Vault gave nothing. Never in its words, which may quote what was sent."""
    if isinstance(error, exceptions.InvalidPath):
        return _nothing_at(path)
    if isinstance(error, exceptions.Forbidden | exceptions.Unauthorized):
        return ConfigurationError(
            f"Vault refuses the secret at {path!r}.",
            phase=Phase.CONFIGURE,
            hint="Check its policy for this token or role, and that the token is not over.",
        )
    return ConfigurationError(
        f"Vault did not give the secret at {path!r} ({type(error).__name__}).",
        phase=Phase.CONFIGURE,
        hint="Check VAULT_ADDR, and that Vault is there and unsealed.",
        retryable=isinstance(error, _TRANSIENT),
    )
