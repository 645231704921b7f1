"""Google Cloud SQL, by its Admin API; google-auth logs in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import google.auth
from google.auth.exceptions import GoogleAuthError
from google.auth.transport.requests import Request

from sync_pipeline.errors import ConfigurationError
from sync_pipeline.fleet.discovery.listing import (
    CLIENT_FAULTS,
    Limits,
    Listing,
    Reading,
    Resource,
    Time,
    Unlisted,
)
from sync_pipeline.fleet.discovery.rest import (
    Rest,
    following,
    muted,
    objects,
    once_refused,
    text_of,
    texts_of,
)
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.origin import Cloud
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.text import visible_start

_SERVICE = "Google"
_BASE = "https://sqladmin.googleapis.com"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_PAGE = "500"
_HARMLESS = "MAX_RESULTS_EXCEEDS_LIMIT"
"""A warning that fewer come at a time. Of all others something may be missing: ApiWarning."""
_IS_PROJECT = re.compile(r"[a-z0-9.:-]{1,100}")
_MOST_OF_WORD = 60
_ENGINES = {
    "MYSQL": (EngineName.MYSQL, 3306),
    "POSTGRES": (EngineName.POSTGRESQL, 5432),
    "SQLSERVER": (EngineName.SQLSERVER, 1433),
}
_PRIVATE, _PUBLIC = "PRIVATE", "PRIMARY"
_KINDS = {
    "READ_REPLICA_INSTANCE": "it is a read replica",
    "ON_PREMISES_INSTANCE": "it stands for a server that Google does not run",
}
_WITH_CERTIFICATE = "TRUSTED_CLIENT_CERTIFICATE_REQUIRED"
_ENCRYPTED, _UNSPECIFIED = "ENCRYPTED_ONLY", "SSL_MODE_UNSPECIFIED"


def list_google(
    projects: Sequence[str], rest: Rest | None = None, limits: Limits | None = None
) -> Listing:
    """Return the databases of some projects; of that of the credentials, where none is named.

    Raises:
        ConfigurationError: a project is none, or there are no credentials.
    """
    bounds = limits or Limits()
    named = tuple(projects)
    if rest is None:
        token, own = _login()
        rest = Rest(_SERVICE, _BASE, token, bounds, Time(bounds))
        named = named or ((own,) if own else ())
    if not named:
        raise ConfigurationError("No project is named.", hint="Name them: --project NAME.")
    reading = Reading(Cloud.GCP)
    for name in dict.fromkeys(named):
        if not _IS_PROJECT.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no project.", hint="Give its identifier: gcloud projects list."
            )
        scope = f"gcp/{name}"
        reading.read(scope, _instances(rest, name, scope))
    return reading.listing()


def _login() -> tuple[Callable[[], str], str]:
    """Return what gives a token, and the project of the credentials.

    Raises:
        ConfigurationError: there are none.
    """
    muted("google")
    try:
        credentials, project = google.auth.default(scopes=[_SCOPE])
    except (GoogleAuthError, *CLIENT_FAULTS) as error:
        raise ConfigurationError(
            f"Google's client has no credentials ({type(error).__name__}).",
            hint="Set GOOGLE_APPLICATION_CREDENTIALS, or give this machine an identity.",
        ) from None

    def current() -> str:
        if not credentials.valid:
            credentials.refresh(Request())  # type: ignore[no-untyped-call]
        return str(credentials.token)

    return once_refused(_SERVICE, current), str(project or "")


def _instances(rest: Rest, project: str, scope: str) -> Iterator[Resource]:
    """Yield the instances of all pages, also of those that say that something is missing."""
    missing = ""
    token = ""
    for _ in range(rest.limits.pages):
        asked = {"maxResults": _PAGE, **({"pageToken": token} if token else {})}
        page = rest.page(f"/v1/projects/{project}/instances", asked)
        for item in objects(page, "items"):
            yield _resource(item, project, scope)
        missing = missing or _missing(page)
        token = following(page, "nextPageToken")
        if not token:
            if missing:
                raise Unlisted(f"{_SERVICE} says that something is missing ({missing})")
            return
    raise Unlisted(f"it has more than {rest.limits.pages} pages")


def _missing(page: dict[str, Any]) -> str:
    for warning in objects(page, "warnings"):
        code = text_of(warning, "code")
        if code != _HARMLESS:
            words = (code, text_of(warning, "region"))
            return visible_start(" ".join(filter(None, words)), _MOST_OF_WORD) or "no reason"
    return ""


def _resource(item: dict[str, Any], project: str, scope: str) -> Resource:
    name, version = text_of(item, "name"), text_of(item, "databaseVersion")
    engine, port = _ENGINES.get(version.partition("_")[0], (None, 0))
    host = _host(item)
    reason = "" if host else "it has no address of its own (Private Service Connect, or not yet)"
    reason = _KINDS.get(text_of(item, "instanceType"), reason)
    if engine is None:
        shown = visible_start(version, _MOST_OF_WORD)
        reason = f"it is of no engine that is known here ({shown})"
    mode = _ssl_mode(item, engine)
    note = ""
    if mode == _WITH_CERTIFICATE:
        note = "it lets nobody in without a certificate: instances edit --tls-cert, --tls-key"
    return Resource(
        # Its full resource name, whatever version of the interface is asked: selfLink has that.
        resource_id=f"//cloudsql.googleapis.com/projects/{project}/instances/{name}" * bool(name),
        scope=scope,
        name=name,
        place=(text_of(item, "region"), project),
        engine=engine,
        host=host,
        port=port,
        platform=Platform.CLOUD_SQL,
        tags=texts_of(item, "settings", "userLabels"),
        reason=reason,
        note=note,
        tls="it lets nobody in without TLS" if mode in (_WITH_CERTIFICATE, _ENCRYPTED) else "",
    )


def _ssl_mode(item: dict[str, Any], engine: EngineName | None) -> str:
    """Return who is let in. An older instance has `requireSsl` alone.

    Cloud SQL Admin API, IpConfiguration: it asks for a certificate of the client, which SQL Server
    knows none of.
    """
    mode = text_of(item, "settings", "ipConfiguration", "sslMode")
    if mode not in ("", _UNSPECIFIED):
        return mode
    settings = item.get("settings")
    found = settings.get("ipConfiguration") if isinstance(settings, dict) else None
    if not isinstance(found, dict) or found.get("requireSsl") is not True:
        return mode
    return _ENCRYPTED if engine is EngineName.SQLSERVER else _WITH_CERTIFICATE


def _host(item: dict[str, Any]) -> str:
    """Return the private address where there is one, else the public one."""
    found = {
        text_of(address, "type"): text_of(address, "ipAddress")
        for address in objects(item, "ipAddresses")
    }
    return found.get(_PRIVATE) or found.get(_PUBLIC) or ""
