"""Whose service a server of MySQL or MariaDB is, and which accounts are its provider's. Pure.

Sources: Amazon RDS User Guide, "Master user account privileges" and "Role-based privilege model"
(rdsadmin, rds_superuser_role), parameter groups (basedir, datadir); Aurora User Guide,
"AURORA_VERSION"; Cloud SQL for MySQL, "About MySQL users" (cloudsqlsuperuser) and "Supported
flags"; Azure Database for MySQL, "Server parameters" (aad_auth_only) and its version's suffix.
Aliyun's variables were seen in reports, and are in no manual that could be read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sync_pipeline.engines.mysql_protocol.accounts.names import account_name
from sync_pipeline.model.platform import Platform

_PROGRAMS, _DATA = "/rdsdbbin/", "/rdsdbdata/"


@dataclass(frozen=True, slots=True)
class Signs:
    """What a server says of itself that tells whose it is.

    `settings` are the variables of services that it has, with their values.
    """

    version: str
    comment: str
    programs: str = ""
    data: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


def signs_of(row: Mapping[str, object]) -> Signs:
    """Return the signs in a row of `identity.sql`; the settings are `name=value`, by line."""
    lines = str(row.get("settings") or "").splitlines()
    pairs = (line.partition("=") for line in lines)
    return Signs(
        str(row["version"]),
        str(row["comment"]),
        str(row.get("programs") or ""),
        str(row.get("data") or ""),
        {name.lower(): value for name, _, value in pairs},
    )


def _is_amazon(signs: Signs) -> bool:
    return signs.programs.startswith(_PROGRAMS) and signs.data.startswith(_DATA)


def _is_google(signs: Signs) -> bool:
    is_said = "google" in signs.comment.lower() or "cloudsql_iam_authentication" in signs.settings
    return "-google" in signs.version and is_said


def _is_aliyun(signs: Signs) -> bool:
    keeps = "aliyun_root" in signs.settings.get("maintain_user_list", "")
    return keeps and "rds_reserved_connections" in signs.settings


_RULES: tuple[tuple[Platform, Callable[[Signs], bool]], ...] = (
    (Platform.AURORA, lambda signs: _is_amazon(signs) and "aurora_version" in signs.settings),
    (Platform.RDS, _is_amazon),
    (Platform.CLOUD_SQL, _is_google),
    (
        Platform.AZURE,
        lambda signs: "-azure" in signs.version and "aad_auth_only" in signs.settings,
    ),
    (Platform.ALIYUN, _is_aliyun),
)
SERVICES = tuple(platform for platform, _ in _RULES)


def platform_of(signs: Signs) -> Platform:
    """Return whose service a server is; each has two signs, of which one alone says nothing."""
    return next((name for name, is_it in _RULES if is_it(signs)), Platform.SELF_RUN)


_AMAZON = frozenset({account_name("rdsadmin", "localhost"), account_name("rdsrepladmin", "%")})
_LOCAL = ("localhost", "127.0.0.1")
_STAND_INS = MappingProxyType(
    {
        Platform.RDS: account_name("rds_superuser_role", "%"),
        Platform.AURORA: account_name("rds_superuser_role", "%"),
        Platform.CLOUD_SQL: account_name("cloudsqlsuperuser", "%"),
    }
)
_ACCOUNTS: Mapping[Platform, frozenset[str]] = MappingProxyType(
    {
        Platform.RDS: _AMAZON,
        Platform.AURORA: _AMAZON,
        Platform.CLOUD_SQL: frozenset(
            account_name(f"cloudsql{name}", host)
            for name in ("applier", "export", "import", "oneshot", "replica")
            for host in ("%", *_LOCAL)
        ),
        Platform.AZURE: frozenset(account_name("azure_superuser", host) for host in _LOCAL),
        Platform.ALIYUN: frozenset(
            account_name(name, host)
            for name in ("aliyun_root", "aurora", "replicator")
            for host in ("%", *_LOCAL)
        ),
    }
)


def stand_in(platform: Platform) -> str:
    """Return the role that stands in for a superuser; empty: none does."""
    return _STAND_INS.get(platform, "")


def provider_accounts(platform: Platform) -> frozenset[str]:
    """Return the accounts that are the provider's, the stand-in among them."""
    found = _ACCOUNTS.get(platform, frozenset())
    role = stand_in(platform)
    return found | {role} if role else found
