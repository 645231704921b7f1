"""AWS: Secrets Manager (`aws-secret:NAME#FIELD`) and logins of RDS by IAM (`aws-rds-iam:REGION`).

By its maker's client boto3, which finds its own credentials: variables, profiles, the role of an
instance, of a task or of a pod.
"""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from sync_pipeline.errors import ConfigurationError, Phase
from sync_pipeline.model.secret import Login, ResolvedSecret, Secret
from sync_pipeline.settings import Settings

KEPT_SECONDS = 300.0
_IAM_SECONDS = 600.0
"""A token is valid for 15 minutes: docs.aws.amazon.com/AmazonRDS, UsingWithRDS.IAMDBAuth."""
_CONFIG = Config(connect_timeout=4, read_timeout=5, retries={"total_max_attempts": 2})
_FIELD = "password"
_ABSENT = "ResourceNotFoundException"
_DENIED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException")


class SecretsManagerSource:
    """AWS Secrets Manager. A secret is text, or JSON as RDS keeps it: `username`, `password`."""

    is_of_login = False

    def __init__(self, settings: Settings) -> None:  # noqa: ARG002 - boto3 has settings of its own
        self._clients = _Clients("secretsmanager")

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:  # noqa: ARG002 - a name says it all
        """Return the current version of a secret, by its name or ARN (which has its region)."""
        name, _, field = rest.partition("#")
        try:
            client = self._clients.of(_region_of(name) or os.environ.get("AWS_REGION"))
            # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
            text = client.get_secret_value(SecretId=name).get("SecretString")
        except (BotoCoreError, ClientError) as error:
            raise _failed(f"the secret {name!r}", error) from None
        if not text:
            raise _no_field(name, field or _FIELD)
        data = _fields(text)
        if data is None:
            if field:
                raise _no_field(name, field)
            return ResolvedSecret(Secret(text), good_for_seconds=KEPT_SECONDS)
        value, username = data.get(field or _FIELD), "" if field else data.get("username")
        if not isinstance(value, str) or not value:
            raise _no_field(name, field or _FIELD)
        account = username if isinstance(username, str) else ""
        return ResolvedSecret(Secret(value), account, KEPT_SECONDS)

    def place_of(self, rest: str) -> str:
        """Return the region: each has an endpoint of its own."""
        return _region_of(rest) or ""


class RdsIamSource:
    """The password of RDS and Aurora that IAM signs, for one address and account each."""

    is_of_login = True

    def __init__(self, settings: Settings) -> None:  # noqa: ARG002 - as above
        self._clients = _Clients("rds")

    def fetch(self, rest: str, login: Login, *, is_rejected: bool) -> ResolvedSecret:  # noqa: ARG002 - each is new
        """Return a token for a login. Nothing is sent for it: the client signs it itself."""
        try:
            token = self._clients.of(rest).generate_db_auth_token(
                DBHostname=login.host, Port=login.port, DBUsername=login.username, Region=rest
            )
        except (BotoCoreError, ClientError) as error:
            raise _failed(f"a token for {login.host!r}", error) from None
        return ResolvedSecret(Secret(token), good_for_seconds=_IAM_SECONDS)


class _Clients:
    """A client of one service for each region, made once: that takes a tenth of a second."""

    def __init__(self, service: str) -> None:
        self._service = service
        self._lock = threading.Lock()
        self._made: dict[str | None, Any] = {}

    def of(self, region: str | None) -> Any:
        with self._lock:
            if region not in self._made:
                # A session each: the default one is for one thread.
                session = boto3.session.Session(region_name=region)
                self._made[region] = session.client(self._service, config=_CONFIG)
            return self._made[region]


def _region_of(name: str) -> str | None:
    """Return the region that an ARN has.

    For the others boto3 reads AWS_DEFAULT_REGION alone, and AWS itself sets AWS_REGION.
    """
    parts = name.split(":")
    return parts[3] if parts[0] == "arn" and len(parts) > 3 and parts[3] else None  # noqa: PLR2004 - arn:partition:service:region


def _fields(text: str) -> dict[str, Any] | None:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _no_field(name: str, field: str) -> ConfigurationError:
    return ConfigurationError(
        f"AWS Secrets Manager has no text in the field {field!r} of {name!r}.",
        phase=Phase.CONFIGURE,
        hint="Name the field that has the password: aws-secret:NAME#FIELD.",
    )


def _failed(what: str, error: Exception) -> ConfigurationError:
    """Return why AWS gave nothing. Never in its words, which may quote what was sent."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    if code == _ABSENT:
        hint = "Check its name and its region."
    elif code in _DENIED or isinstance(error, NoCredentialsError):
        hint = "Check the role of this machine: it needs secretsmanager:GetSecretValue."
    elif isinstance(error, NoRegionError):
        hint = "Set AWS_REGION, or write the ARN."
    else:
        hint = "Check that this machine reaches AWS."
    return ConfigurationError(
        f"AWS did not give {what} ({code or type(error).__name__}).",
        phase=Phase.CONFIGURE,
        hint=hint,
        retryable=not code and not isinstance(error, NoCredentialsError | NoRegionError),
    )
