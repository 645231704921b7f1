"""Amazon RDS and Aurora, by their maker's client boto3, which finds its own credentials.

A cluster is one instance, at the endpoint of its writer: its members share their storage, accounts
and grants. Replicas are left out: what they hold is their source's.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

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
from sync_pipeline.model.instance import EngineName
from sync_pipeline.model.origin import Cloud
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.text import visible_start

_CONFIG = Config(
    connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)
_ANY_REGION = "us-east-1"
_PAGE = 100
"""The most that RDS takes: API Reference, DescribeDBInstances, MaxRecords."""
_MOST_OF_CODE = 60
_ERRORS = (BotoCoreError, ClientError, ResponseParserError, *CLIENT_FAULTS)
# Of the field Engine: API Reference, CreateDBInstance and CreateDBCluster.
_ENGINES: Mapping[str, EngineName] = {
    "aurora": EngineName.MYSQL,
    "aurora-mysql": EngineName.MYSQL,
    "aurora-postgresql": EngineName.POSTGRESQL,
    "mariadb": EngineName.MARIADB,
    "mysql": EngineName.MYSQL,
    "postgres": EngineName.POSTGRESQL,
}
_FAMILIES: Mapping[str, EngineName] = {
    "oracle": EngineName.ORACLE,
    "sqlserver": EngineName.SQLSERVER,
}
_CUSTOM = "custom-"
_NOT_YET = "it has no address yet"

Client = Callable[[str, str], Any]
"""Makes a client of a service in a region."""


def list_aws(
    regions: Sequence[str], client: Client | None = None, limits: Limits | None = None
) -> Listing:
    """Return the databases of an account in some regions; in all that it has, where none is named.

    Raises:
        ConfigurationError: AWS does not say whose credentials these are, or which regions there
            are.
    """
    made, bounds = client or _client(), limits or Limits()
    first = regions[0] if regions else _default_region()
    account = _account(made, first)
    time, reading = Time(bounds), Reading(Cloud.AWS)
    for region in dict.fromkeys(regions or _regions(made, first)):
        reading.read(f"aws/{account}/{region}", _databases(made, account, region, bounds, time))
    return reading.listing()


def _client() -> Client:
    session = _session()
    return lambda service, region: session.client(service, region_name=region, config=_CONFIG)


def _default_region() -> str:
    """Return where to ask what is the same everywhere."""
    return os.environ.get("AWS_REGION") or _session().region_name or _ANY_REGION


def _session() -> boto3.session.Session:
    try:
        return boto3.session.Session()
    except _ERRORS as error:
        raise ConfigurationError(
            f"AWS's client can't read what it is set to ({_code(error)}).",
            hint="Check AWS_PROFILE, and the files ~/.aws/config and ~/.aws/credentials.",
        ) from None


def _account(client: Client, region: str) -> str:
    """Return whose credentials these are, which nobody needs a right for.

    AWS STS API Reference, GetCallerIdentity.
    """
    try:
        found = client("sts", region).get_caller_identity().get("Account")
    except _ERRORS as error:
        raise ConfigurationError(
            f"AWS did not say whose credentials these are ({_code(error)}).",
            hint="Check the variables, the profile or the role that this command runs with.",
        ) from None
    return visible_start(str(found), _MOST_OF_CODE)


def _regions(client: Client, region: str) -> list[str]:
    """Return the regions that are on for the account."""
    try:
        answer = client("ec2", region).describe_regions(AllRegions=False)
        return sorted(str(item["RegionName"]) for item in answer["Regions"])
    except _ERRORS as error:
        raise ConfigurationError(
            f"AWS did not say which regions there are ({_code(error)}).",
            hint="Allow ec2:DescribeRegions, or name them: --region eu-central-1.",
        ) from None


def _databases(
    client: Client, account: str, region: str, limits: Limits, time: Time
) -> Iterator[Resource]:
    """Yield clusters and instances that are in none.

    Raises:
        Unlisted: a page failed, or there is no end of them.
    """
    scope, place = f"aws/{account}/{region}", (region, account)
    try:
        rds = client("rds", region)
        for item in _pages(rds, "describe_db_clusters", "DBClusters", limits, time):
            yield _cluster(item, scope, place)
        for item in _pages(rds, "describe_db_instances", "DBInstances", limits, time):
            # A member of a cluster; the cluster is there.
            if not item.get("DBClusterIdentifier"):
                yield _instance(item, scope, place)
    except _ERRORS as error:
        raise Unlisted(f"AWS refused or did not answer ({_code(error)})") from None


def _pages(
    rds: Any, operation: str, key: str, limits: Limits, time: Time
) -> Iterator[Mapping[str, Any]]:
    time.require()
    pages = rds.get_paginator(operation).paginate(PaginationConfig={"PageSize": _PAGE})
    for number, page in enumerate(pages, 1):
        # An answer without its list is none: not even an empty account has it.
        yield from page[key]
        if number == limits.pages and page.get("Marker"):
            raise Unlisted(f"it has more than {limits.pages} pages")
        time.require()


def _cluster(item: Mapping[str, Any], scope: str, place: tuple[str, ...]) -> Resource:
    """Return an Aurora cluster, or one of RDS with several zones: at its writer's endpoint."""
    reason = ""
    if item.get("ReplicationSourceIdentifier"):
        reason = "it is a replica of another cluster"
    members = item.get("DBClusterMembers") or ()
    if members and not any(member.get("IsClusterWriter") for member in members):
        reason = "it has no writer, as the secondary clusters of a global database"
    return _resource(
        item,
        scope,
        place,
        resource_id=str(item.get("DBClusterArn", "")),
        own_id=str(item.get("DbClusterResourceId") or ""),
        name=str(item.get("DBClusterIdentifier", "")),
        address=(item.get("Endpoint"), item.get("Port")),
        reason=reason,
    )


def _instance(item: Mapping[str, Any], scope: str, place: tuple[str, ...]) -> Resource:
    replicated = item.get("ReadReplicaSourceDBInstanceIdentifier")
    replicated = replicated or item.get("ReadReplicaSourceDBClusterIdentifier")
    endpoint = item.get("Endpoint") or {}
    return _resource(
        item,
        scope,
        place,
        resource_id=str(item.get("DBInstanceArn", "")),
        own_id=str(item.get("DbiResourceId") or ""),
        name=str(item.get("DBInstanceIdentifier", "")),
        address=(endpoint.get("Address"), endpoint.get("Port")),
        reason="it is a read replica" if replicated else "",
    )


def _resource(
    item: Mapping[str, Any],
    scope: str,
    place: tuple[str, ...],
    *,
    resource_id: str,
    own_id: str,
    name: str,
    address: tuple[object, object],
    reason: str,
) -> Resource:
    called = str(item.get("Engine", ""))
    engine, (host, port) = _engine(called), address
    if engine is None:
        reason = f"it is of no engine that is known here ({visible_start(called, _MOST_OF_CODE)})"
    elif not reason and not (host and port):
        reason = _NOT_YET
    return Resource(
        tls=_tls(item, engine),
        resource_id=resource_id,
        scope=scope,
        name=name,
        own_id=own_id,
        place=place,
        engine=engine,
        host=str(host or ""),
        port=port if isinstance(port, int) else 0,
        # Of Oracle it is the service: DBName is the SID, or the pluggable database.
        database=str(item.get("DBName") or "") if engine is EngineName.ORACLE else "",
        platform=Platform.AURORA if called.startswith("aurora") else Platform.RDS,
        tags=tuple(
            (str(tag.get("Key", "")), str(tag.get("Value") or ""))
            for tag in item.get("TagList", ())
        ),
        reason=reason,
    )


def _tls(item: Mapping[str, Any], engine: EngineName | None) -> str:
    """Return which certificate the server has; of Oracle it is that of another port.

    Amazon RDS API Reference, DBInstance and DBCluster. Whether TLS is forced stands in parameter
    groups (rds.force_ssl, require_secure_transport), which the lists don't have.
    """
    details = item.get("CertificateDetails") or {}
    found = item.get("CACertificateIdentifier") or details.get("CAIdentifier")
    if not found or engine is EngineName.ORACLE:
        return ""
    return f"its certificate is of {visible_start(str(found), _MOST_OF_CODE)}"


def _engine(called: str) -> EngineName | None:
    """Return our engine of RDS's, such as `sqlserver-se` or `custom-oracle-ee`."""
    plain = called.removeprefix(_CUSTOM)
    return _ENGINES.get(called) or _FAMILIES.get(plain.partition("-")[0])


def _code(error: Exception) -> str:
    """Return what kind of error it is. Never its words, which may quote what was sent."""
    code = error.response.get("Error", {}).get("Code", "") if isinstance(error, ClientError) else ""
    return visible_start(str(code), _MOST_OF_CODE) or type(error).__name__
