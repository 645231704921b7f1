"""Azure SQL, Managed Instances, Azure Database for PostgreSQL and MySQL: by the Resource Manager.

Not by Resource Graph: there, what one may not read is left out in silence, which would look as if
it were gone. azure-identity logs in.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError
from azure.identity import DefaultAzureCredential

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
    Refused,
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

_SERVICE = "Azure"
_PUBLIC = "https://management.azure.com"
# By the host that logs in: learn.microsoft.com, azure-identity, AzureAuthorityHosts.
_MANAGEMENT = {
    "login.microsoftonline.us": "https://management.usgovcloudapi.net",
    "login.chinacloudapi.cn": "https://management.chinacloudapi.cn",
}
_SUBSCRIPTIONS = "2022-12-01"
_UNREGISTERED = "MissingSubscriptionRegistration"
_IS_SUBSCRIPTION = re.compile(r"[0-9A-Fa-f-]{1,64}")
_VERSION = re.compile(r"(?:TLS)?([0-9])[._]([0-9])")
_REPLICAS = ("replica", "asyncreplica", "geoasyncreplica")


@dataclass(frozen=True, slots=True)
class _Kind:
    """One list of a subscription: learn.microsoft.com/rest/api, List of each."""

    path: str
    version: str
    engine: EngineName
    port: int
    platform: Platform


_KINDS = (
    _Kind("Microsoft.Sql/servers", "2021-11-01", EngineName.SQLSERVER, 1433, Platform.AZURE_SQL),
    _Kind(
        "Microsoft.Sql/managedInstances",
        "2021-11-01",
        EngineName.SQLSERVER,
        1433,
        Platform.MANAGED_INSTANCE,
    ),
    _Kind(
        "Microsoft.DBforPostgreSQL/flexibleServers",
        "2022-12-01",
        EngineName.POSTGRESQL,
        5432,
        Platform.AZURE,
    ),
    _Kind(
        "Microsoft.DBforMySQL/flexibleServers",
        "2023-12-30",
        EngineName.MYSQL,
        3306,
        Platform.AZURE,
    ),
)


def list_azure(
    subscriptions: Sequence[str], rest: Rest | None = None, limits: Limits | None = None
) -> Listing:
    """Return the databases of some subscriptions; of all that one may see, where none is named.

    Raises:
        ConfigurationError: a subscription is none, or Azure does not say which there are.
    """
    for name in subscriptions:
        if not _IS_SUBSCRIPTION.fullmatch(name):
            raise ConfigurationError(
                f"{name!r} is no subscription.", hint="Give its identifier: az account list."
            )
    bounds = limits or Limits()
    made = rest or Rest(_SERVICE, management(), _token(management()), bounds, Time(bounds))
    reading = Reading(Cloud.AZURE)
    for name in dict.fromkeys(subscriptions or _subscriptions(made)):
        for kind in _KINDS:
            scope = f"azure/{name.lower()}/{kind.path}"
            reading.read(scope, _servers(made, name, kind, scope))
    return reading.listing()


def management() -> str:
    """Return the address of the Resource Manager of the cloud that one logs in to."""
    host = os.environ.get("AZURE_AUTHORITY_HOST", "").removeprefix("https://").rstrip("/")
    return _MANAGEMENT.get(host, _PUBLIC)


def _token(base: str) -> Callable[[], str]:
    """Return what gives a token; azure-identity keeps one as long as it is valid.

    Raises:
        ConfigurationError: it can't read what it is set to.
    """
    muted("azure", "msal")
    try:
        credential = DefaultAzureCredential()
    except (AzureError, *CLIENT_FAULTS) as error:
        raise ConfigurationError(
            f"Azure's client can't read what it is set to ({type(error).__name__}).",
            hint="Check the variables AZURE_*, such as AZURE_TENANT_ID and AZURE_AUTHORITY_HOST.",
        ) from None
    return once_refused(_SERVICE, lambda: credential.get_token(f"{base}/.default").token)


def _subscriptions(rest: Rest) -> list[str]:
    try:
        found = list(_pages(rest, "/subscriptions", _SUBSCRIPTIONS))
    except Unlisted as error:
        raise ConfigurationError(
            f"Azure did not say which subscriptions there are: {error}.",
            hint="Check the identity of this machine, or name them: --subscription ID.",
        ) from None
    names = (text_of(item, "subscriptionId") for item in found)
    return sorted(name for name in names if _IS_SUBSCRIPTION.fullmatch(name))


def _servers(rest: Rest, subscription: str, kind: _Kind, scope: str) -> Iterator[Resource]:
    path = f"/subscriptions/{subscription}/providers/{kind.path}"
    try:
        for item in _pages(rest, path, kind.version):
            yield _resource(item, kind, subscription, scope)
    except Refused as error:
        # Of a service that was never registered there is nothing.
        if error.code != _UNREGISTERED:
            raise


def _pages(rest: Rest, path: str, version: str) -> Iterator[dict[str, Any]]:
    """Yield what all pages hold: each names the address of the next."""
    page = rest.page(path, {"api-version": version})
    for _ in range(rest.limits.pages):
        # Each of these lists has it, an empty one too.
        if "value" not in page:
            raise Unlisted("its answer has no list")
        yield from objects(page, "value")
        link = following(page, "nextLink")
        if not link:
            return
        page = rest.page(link)
    raise Unlisted(f"it has more than {rest.limits.pages} pages")


def _resource(item: dict[str, Any], kind: _Kind, subscription: str, scope: str) -> Resource:
    host = text_of(item, "properties", "fullyQualifiedDomainName")
    reason = "" if host else "it has no address yet"
    if text_of(item, "properties", "replicationRole").lower() in _REPLICAS:
        reason = "it is a read replica"
    if "analytics" in text_of(item, "kind"):
        reason = "it is a server of Azure Synapse, which is not meant"
    return Resource(
        # Its parts are equal in any case: learn.microsoft.com, Azure resource naming.
        resource_id=text_of(item, "id").lower(),
        scope=scope,
        name=text_of(item, "name"),
        place=(text_of(item, "location"), subscription.lower()),
        engine=kind.engine,
        host=host,
        port=kind.port,
        platform=kind.platform,
        tags=texts_of(item, "tags"),
        reason=reason,
        tls=_tls(item),
    )


def _tls(item: dict[str, Any]) -> str:
    """Return what a list says: a least version, under which no connection is without TLS.

    learn.microsoft.com/rest/api/sql, Servers and Managed Instances, List. Flexible servers have
    require_secure_transport among their parameters, which the lists don't have.
    """
    least = text_of(item, "properties", "minimalTlsVersion")
    found = _VERSION.fullmatch(least)
    if found:
        return f"it lets nobody in without TLS {found[1]}.{found[2]} or later"
    enforced = text_of(item, "properties", "sslEnforcement").lower() == "enabled"
    return "it lets nobody in without TLS" if enforced else ""
