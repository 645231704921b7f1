"""Every setting of the system, read from `SYNC_PIPELINE_*` once and passed in."""

from __future__ import annotations

import os
import re
import sys
from datetime import date
from email.errors import MessageError
from enum import StrEnum
from functools import lru_cache
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Self, cast
from zoneinfo import ZoneInfo

from pydantic import (
    Field,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import Url
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict, SettingsError

from sync_pipeline.categories import Category, reading_categories
from sync_pipeline.cron_line import fault_of
from sync_pipeline.errors import ConfigurationError
from sync_pipeline.ports import UI_PORT

PREFIX = "SYNC_PIPELINE_"
DAGSTER_YAML = "dagster.yaml"
LONGEST_ADDRESS = 320
"""Characters of an e-mail address: RFC 3696 section 3."""
_WEB = ("http", "https")
_ZONE = TypeAdapter(ZoneInfo)


class DetailLevel(StrEnum):
    """How deep grants are read where each database has its own catalog."""

    SERVER = "server"
    OBJECT = "object"


class StepExecutor(StrEnum):
    """What runs the steps of a run."""

    THREADED = "threaded"
    MULTIPROCESS = "multiprocess"
    IN_PROCESS = "in_process"


THREADS = 16
PROCESSES = 4


class EntraMethod(StrEnum):
    """How a SQL Server instance is logged in to with Entra."""

    SERVICE_PRINCIPAL = "service-principal"
    PASSWORD = "password"  # noqa: S105 - the method's name
    MANAGED_IDENTITY = "managed-identity"


class VaultAuth(StrEnum):
    """How one logs in to HashiCorp Vault."""

    TOKEN = "token"  # noqa: S105 - a word
    APPROLE = "approle"
    KUBERNETES = "kubernetes"


class SmtpTls(StrEnum):
    """How the connection to the mail server is encrypted."""

    NONE = "none"
    STARTTLS = "starttls"
    TLS = "tls"


class Settings(BaseSettings):
    """Settings of one installation. Durations are seconds, shares are 0 to 1."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    home: Path = Field(
        default_factory=lambda: Path.home() / ".sync_pipeline",
        description="Directory that holds all state: store, key file, Dagster home.",
    )
    store_url: str = Field(
        default="",
        repr=False,
        description="SQLAlchemy URL of the store; empty: SQLite in the home directory.",
    )
    secret_key: str = Field(
        default="",
        repr=False,
        description="Fernet keys, comma separated, newest first; empty: the key file.",
    )
    secret_key_file: Path | None = Field(
        default=None,
        description="File of Fernet keys, one a line, newest first; default home/secret.key.",
    )
    time_zone: str = Field(default="UTC", description="Time zone of schedules and dates.")
    account_sync_cron: str = Field(
        default="*/30 * * * *", description="When the account sync runs, as a cron line."
    )
    capacity_sync_cron: str = Field(
        default="0 3 * * *", description="When sizes are collected, as a cron line."
    )
    aggregation_cron: str = Field(
        default="0 4 * * *", description="When sizes are aggregated, as a cron line."
    )
    retention_cron: str = Field(
        default="30 5 * * *",
        description="When old sizes, sessions and changes are pruned, as a cron line.",
    )
    maintenance_cron: str | None = Field(
        default=None, description="The name that retention_cron had; that one wins."
    )
    max_runtime_seconds: int = Field(
        default=3600, ge=1, description="Longest run; Dagster ends one that takes longer."
    )
    executor: StepExecutor = Field(
        default=StepExecutor.THREADED,
        description="threaded: a thread an instance; multiprocess: a process an instance; "
        "in_process: one instance after the other.",
    )
    step_concurrency: int = Field(
        default=0,
        ge=0,
        le=256,
        description="Instances synced at once in one run; 0: 16 threads or 4 processes.",
    )
    step_deadline_seconds: int = Field(
        default=900,
        ge=1,
        description="Longest work on one instance, where threads do it: more than the longest "
        "total timeout of an instance.",
    )
    run_deadline_seconds: int = Field(
        default=0,
        ge=0,
        description="Time after which a sync run begins no more instances; 0: none.",
    )
    start_jitter_seconds: float = Field(
        default=0,
        ge=0,
        le=3600,
        description="Longest wait, by chance, before the work on each instance begins.",
    )
    connections_per_host: int = Field(
        default=4,
        ge=0,
        description="Connections to one host at once, of all runs on this machine; 0: no limit.",
    )
    connections_in_all: int = Field(
        default=64,
        ge=0,
        description="Connections to the fleet at once, of all runs on this machine; 0: no limit.",
    )
    connections_per_credential: int = Field(
        default=0,
        ge=0,
        description="Connections with one credential at once, on this machine; 0: no limit.",
    )
    connection_wait_seconds: float = Field(
        default=300,
        ge=0,
        le=86_400,
        description="How long an instance waits for a connection that a limit allows.",
    )
    breaker_failures: int = Field(
        default=5,
        ge=0,
        description="Syncs in a row that don't reach an instance, until it is tried less often; "
        "0: never.",
    )
    breaker_first_wait_seconds: int = Field(
        default=1800,
        ge=1,
        le=2_592_000,
        description="Wait before such an instance is tried again; it doubles each time ...",
    )
    breaker_longest_wait_seconds: int = Field(
        default=21_600, ge=1, le=2_592_000, description="... up to this one."
    )
    instances_per_run: int | None = Field(
        default=None,
        ge=0,
        description="Instances of one scheduled run, above which a session has several; 0: never. "
        "Not set: 2,000, or fewer where cores are free.",
    )
    lease_seconds: int = Field(
        default=900, ge=5, description="Time after which the lease of a dead worker expires."
    )
    stale_after_seconds: int = Field(
        default=300,
        ge=5,
        description="Silence after which a run counts as gone and is closed; its process gives a "
        "sign of life every 30 seconds.",
    )
    daemon_lease_seconds: int = Field(
        default=30,
        ge=6,
        le=45,
        description="Silence of the `up` whose daemon is at work after which another one takes "
        "over.",
    )
    silence_seconds: int = Field(
        default=120,
        ge=10,
        description="Silence after which `up` replaces its code server, webserver or daemon.",
    )
    retry_limit: int = Field(
        default=2, ge=0, le=10, description="How often an instance is tried again in one run."
    )
    retry_base_seconds: float = Field(
        default=5, gt=0, description="Wait before the first retry; it doubles with each one."
    )
    detail_level: DetailLevel = Field(
        default=DetailLevel.OBJECT,
        description="server: server level and databases only; object: all objects too.",
    )
    max_databases: int = Field(
        default=500, ge=1, description="Databases opened on one instance, at most."
    )
    max_result_rows: int = Field(
        default=5_000_000, ge=1, description="Rows of one result that are read, at most."
    )
    max_value_bytes: int = Field(
        default=16 * 2**20,
        ge=1024,
        description="Bytes of one value, or of the row it is in, at most.",
    )
    max_result_bytes: int = Field(
        default=2**30, ge=2**16, description="Bytes of one result as it is held, packed, at most."
    )
    max_sync_bytes: int = Field(
        default=2 * 2**30,
        ge=2**16,
        description="Bytes of all results of one sync of an instance together, at most, as they "
        "are when accounts are made of them.",
    )
    max_run_bytes: int = Field(
        default=0,
        ge=0,
        description="Bytes that all syncs of a run hold at once, at most; 0: a quarter of the "
        "memory that the process may have, which the runs of one session share.",
    )
    guard_share: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="Share of known accounts that one sync may deactivate.",
    )
    guard_minimum: int = Field(
        default=5, ge=0, description="Deactivations that are always allowed, up to below this."
    )
    excluded_accounts: tuple[str, ...] = Field(
        default=(),
        description="LIKE patterns of accounts left out, besides the engine's system accounts.",
    )
    include_system_accounts: bool = Field(
        default=False, description="Also sync the accounts that the engine itself creates."
    )

    excluded_databases: tuple[str, ...] = Field(
        default=(),
        description="LIKE patterns of databases left out of both syncs; sizes leave out those "
        "without data, too.",
    )
    largest_tables: int = Field(
        default=0,
        ge=0,
        le=1000,
        description="How many of the largest tables of each database are kept a day.",
    )
    oracle_client: str = Field(
        default="",
        description="Directory of Oracle's client libraries; empty: the driver's thin mode.",
    )
    oracle_wallet_password: str = Field(
        default="",
        repr=False,
        description="Password of the PEM wallets that Oracle instances have as their CA file.",
    )
    trend_percent: float = Field(
        default=5,
        gt=0,
        description="Change of a period's average from which a size grows or shrinks.",
    )
    aggregation_wait_seconds: int = Field(
        default=3600,
        ge=0,
        description="How long the daily aggregation waits for a collection that still runs.",
    )
    first_period: date | None = Field(
        default=None,
        description="Day from which the UI offers periods; none: that of the oldest size.",
    )
    growth_window_days: int = Field(
        default=90, ge=14, le=400, description="Days of sizes from which growth is estimated."
    )
    limit_near_days: int = Field(
        default=30,
        ge=1,
        le=400,
        description="A limit or disk that is reached within so many days is told.",
    )
    anomaly_percent: float = Field(
        default=30, gt=0, description="Growth within three days that is remarkable, in percent ..."
    )
    anomaly_bytes: int = Field(
        default=20 * 2**30, gt=0, description="... and in bytes: both must be reached."
    )
    size_retention_days: int = Field(
        default=1100,
        ge=400,
        description="Days for which daily sizes are kept; aggregations stay for ever.",
    )
    session_retention_days: int = Field(
        default=400,
        ge=30,
        le=36_500,
        description="Days for which sessions are kept, with their records, attempts and runs.",
    )
    change_retention_days: int = Field(
        default=1100,
        ge=30,
        le=36_500,
        description="Days for which changes of accounts are kept: how far back their state can "
        "be asked for.",
    )

    event_retention_days: int = Field(
        default=400,
        ge=30,
        le=36_500,
        description="Days for which events are kept: how far back alerts can be replayed.",
    )
    alert_retention_days: int = Field(
        default=90,
        ge=7,
        le=36_500,
        description="Days for which is kept which route was told what.",
    )

    freshness_intervals: int = Field(
        default=3,
        ge=1,
        description="Intervals of the schedule without a success until an instance is overdue.",
    )
    freshness_categories: tuple[str, ...] = Field(
        default_factory=reading_categories, description="What is watched for overdue instances."
    )
    vault_auth: VaultAuth = Field(
        default=VaultAuth.TOKEN,
        description="Login at HashiCorp Vault: token (VAULT_TOKEN), approle or kubernetes.",
    )
    vault_auth_mount: str = Field(
        default="", description="Where that method is mounted; empty: at its own name."
    )
    vault_role: str = Field(
        default="", description="Its role: the role ID of an AppRole, or the role in Kubernetes."
    )
    vault_secret_id_file: str = Field(
        default="", description="File with the secret ID of the AppRole; empty: it needs none."
    )
    vault_kubernetes_token_file: str = Field(
        default="", description="File with the pod's token; empty: where Kubernetes mounts it."
    )
    alerts_file: Path | None = Field(
        default=None, description="YAML file of the routes and rules of alerts; none: the channels."
    )
    alert_oldest_hours: int = Field(
        default=24,
        ge=1,
        le=8760,
        description="Hours after which what could not be told is not told any more, but counted.",
    )
    alert_webhook_url: str = Field(
        default="", repr=False, description="URL that alerts are posted to as JSON; empty: none."
    )
    alert_slack_url: str = Field(
        default="",
        repr=False,
        description="URL of a Slack-compatible incoming webhook for alerts; empty: none.",
    )
    alert_email_to: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Addresses that alerts are mailed to, comma separated."
    )
    alert_email_from: str = Field(default="", description="Address that alerts are mailed from.")
    alert_smtp_host: str = Field(default="localhost", description="Mail server for alerts.")
    alert_smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    alert_smtp_username: str = Field(
        default="", description="User name at the mail server; empty: no login."
    )
    alert_smtp_password: str = Field(
        default="", repr=False, description="Password at the mail server."
    )
    alert_smtp_tls: SmtpTls = Field(
        default=SmtpTls.STARTTLS,
        description="starttls, tls (from the first byte) or none; never less than what is set.",
    )

    ui_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Names under which the UI answers besides this machine's own, comma "
        "separated, with or without a port.",
    )
    ui_read_only: bool = Field(
        default=False, description="The UI shows everything and changes nothing."
    )
    ui_environment: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Variables that the webserver and the daemon get besides those they need, "
        "comma separated.",
    )
    console_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Addresses or networks of proxies whose headers say who looks at the console, "
        "comma separated.",
    )
    console_user_header: str = Field(
        default="X-Forwarded-User", description="The proxies' header of the user's name."
    )
    console_groups_header: str = Field(
        default="X-Forwarded-Groups",
        description="The proxies' header of the user's groups, comma separated.",
    )
    console_groups: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="What the groups of the proxies' header may see, as GROUP:TAG, comma "
        "separated: dba:*,billing:team=billing. The tag * is all, the group * is everybody.",
    )
    console_dagster_ui: str = Field(
        default=f"http://127.0.0.1:{UI_PORT}",
        description="Address of Dagster's UI, to which the console links runs; empty: no links.",
    )
    console_url: str = Field(
        default="",
        description="Address at which people reach the console, to which Dagster's UI links what "
        "changed on an instance; empty: no links.",
    )
    console_most_of_address: int = Field(
        default=50,
        ge=1,
        le=200,
        description="Connections of one address that the console takes, of 200 in all; of one that "
        "a proxy names, requests at once.",
    )
    console_processes: int | None = Field(
        default=None,
        ge=1,
        le=16,
        description="Processes that answer for the console. Default: as many as there are cores, "
        "at most 4.",
    )
    allow_insecure_broker: bool = Field(
        default=False,
        description="Take a Celery broker on another machine without password or verified TLS.",
    )

    findings_file: Path | None = Field(
        default=None,
        description="YAML file of review rules switched off and findings accepted for a time.",
    )
    classification_file: Path | None = Field(
        default=None, description="YAML file of the classes that accounts are counted in."
    )
    reports_file: Path | None = Field(
        default=None, description="YAML file of the reports that are mailed, to whom and when."
    )
    sqlserver_driver: str = Field(
        default="",
        description="ODBC driver for SQL Server, a registered name or the path of its library; "
        "empty: the best that is installed.",
    )
    sqlserver_strict: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="LIKE patterns of SQL Server instances that are spoken with in TDS 8, where "
        "TLS comes first and is always checked; comma separated.",
    )
    sqlserver_integrated: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="LIKE patterns of SQL Server instances that are logged in to with the "
        "Kerberos ticket of this process instead of the password; comma separated.",
    )
    sqlserver_entra: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="LIKE patterns of SQL Server instances that are logged in to with a token of "
        "Microsoft Entra; comma separated.",
    )
    sqlserver_entra_method: EntraMethod = Field(
        default=EntraMethod.SERVICE_PRINCIPAL,
        description="Whose token it is: that of the service principal or the user which the "
        "credential names, or of the machine's managed identity.",
    )

    relaxed_certificates: bool = Field(
        default=False,
        description="Take certificates that Python 3.13 and later call malformed; weakens TLS.",
    )
    readable_passwords: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="LIKE patterns of instances whose server may have the password in a form "
        "that it, or a listener, can read; comma separated; weakens them.",
    )

    @field_validator("time_zone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        try:
            _ZONE.validate_python(value)
        except ValidationError:
            raise ValueError(f"{value!r} is not a time zone of the IANA database") from None
        return value

    @model_validator(mode="before")
    @classmethod
    def _takes_the_old_name(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Take the cron line of the retention by the name that it had, too."""
        if "maintenance_cron" in values:
            return {"retention_cron": values["maintenance_cron"], **values}
        return values

    @field_validator(
        "account_sync_cron",
        "capacity_sync_cron",
        "aggregation_cron",
        "retention_cron",
        "maintenance_cron",
    )
    @classmethod
    def _cron_line_is_dagster_s(cls, value: str | None, info: ValidationInfo) -> str | None:
        # The lines by default are right, and no command has to load a parser for them.
        is_default = value == cls.model_fields[str(info.field_name)].default
        fault = None if is_default or value is None else fault_of(value)
        if fault:
            raise ValueError(f"{value!r} is not a cron line of five fields: {fault}")
        return value

    @field_validator("freshness_categories")
    @classmethod
    def _reads_instances(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = reading_categories()
        if not set(value) <= set(known):
            raise ValueError(f"each must be one of {', '.join(known)}")
        return value

    @field_validator("run_deadline_seconds")
    @classmethod
    def _ends_before_dagster_ends_it(cls, value: int, info: ValidationInfo) -> int:
        longest = info.data.get("max_runtime_seconds", 0)
        if value >= longest > 0:
            raise ValueError(
                f"must be less than SYNC_PIPELINE_MAX_RUNTIME_SECONDS ({longest}), or Dagster "
                "kills the run before it can say what it did not begin"
            )
        return value

    @field_validator("breaker_longest_wait_seconds")
    @classmethod
    def _is_the_longest(cls, value: int, info: ValidationInfo) -> int:
        first = info.data.get("breaker_first_wait_seconds", 0)
        if value < first:
            raise ValueError(
                f"must not be less than SYNC_PIPELINE_BREAKER_FIRST_WAIT_SECONDS ({first})"
            )
        return value

    @field_validator("console_dagster_ui", "console_url")
    @classmethod
    def _is_link(cls, value: str) -> str:
        if value and not is_web(value):
            raise ValueError("it is not a URL that begins with https:// or http:// and a host")
        return value.rstrip("/")

    @field_validator("console_proxies")
    @classmethod
    def _is_network(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            try:
                ip_network(text)
            except ValueError:
                raise ValueError(f"{text!r} is not an address or a network") from None
        return value

    @field_validator("console_groups")
    @classmethod
    def _is_group_and_tag(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            group, _, tag = text.partition(":")
            if not (group.strip() and tag.strip()):
                raise ValueError(f"{text!r} is not a group and a tag with a colon between them")
        return value

    @field_validator("console_user_header", "console_groups_header")
    @classmethod
    def _is_header(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,99}", value):
            raise ValueError(f"{value!r} is not the name of a header")
        return value

    @model_validator(mode="after")
    def _proxies_have_groups(self) -> Self:
        if self.console_proxies and not self.console_groups:
            raise ValueError(
                "SYNC_PIPELINE_CONSOLE_GROUPS must say what the users of "
                "SYNC_PIPELINE_CONSOLE_PROXIES may see"
            )
        return self

    @field_validator("alert_webhook_url", "alert_slack_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        # The value is a secret: it must not be in the message.
        if value and not is_web(value):
            raise ValueError("it is not a URL that begins with https:// or http:// and a host")
        return value

    @field_validator(
        "alert_email_to",
        "readable_passwords",
        "sqlserver_strict",
        "sqlserver_integrated",
        "sqlserver_entra",
        "ui_allowed_hosts",
        "ui_environment",
        "console_proxies",
        "console_groups",
        mode="before",
    )
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("alert_email_to", "alert_email_from")
    @classmethod
    def _is_address(cls, value: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (value,) if isinstance(value, str) else value:
            if address and not is_mail_address(address):
                raise ValueError(f"{address!r} is not an e-mail address")
        return value

    @model_validator(mode="after")
    def _mail_has_a_sender(self) -> Self:
        if self.alert_email_to and not self.alert_email_from:
            raise ValueError("SYNC_PIPELINE_ALERT_EMAIL_FROM must be set for alerts by e-mail")
        if self.alert_smtp_password and not self.alert_smtp_username:
            raise ValueError("SYNC_PIPELINE_ALERT_SMTP_USERNAME must be set with a password")
        return self

    @classmethod
    def load(cls) -> Self:
        """Read the environment; one that has not changed is not read again.

        Raises:
            ConfigurationError: a variable has a value that is not valid.
        """
        try:
            return cast("Self", _read(cls, _environment()))
        except SettingsError as error:
            # Its text names the field and quotes no value.
            raise ConfigurationError(
                f"The settings are not valid: {error}.",
                hint='A list is JSON, such as ["a"]. Correct the environment variable.',
            ) from None
        except ValidationError as error:
            problems = "; ".join(
                f"{_variable(item['loc'])}{item['msg']}"
                for item in error.errors(include_input=False, include_url=False)
            )
            raise ConfigurationError(
                f"The settings are not valid: {problems}.",
                hint="Correct the environment variable and run the command again.",
            ) from None

    def cron_of(self, category: Category) -> str:
        """Return when the job of a category runs, as a cron line."""
        return str(getattr(self, category.cron_setting))

    @property
    def effective_store_url(self) -> str:
        """Return the store's URL, the SQLite file of the home directory by default."""
        return self.store_url or f"sqlite:///{self.home.absolute() / 'sync_pipeline.db'}"

    @property
    def effective_step_concurrency(self) -> int:
        """Return how many instances one run syncs at once."""
        by_default = PROCESSES if self.executor is StepExecutor.MULTIPROCESS else THREADS
        return self.step_concurrency or by_default

    @property
    def effective_key_file(self) -> Path:
        """Return the file of encryption keys."""
        return self.secret_key_file or self.home / "secret.key"

    @property
    def dagster_home(self) -> Path:
        """Return the directory in which Dagster keeps its state."""
        return self.home.absolute() / "dagster"


def _environment() -> tuple[tuple[str, str], ...]:
    """Return the variables that settings are read from, and their default home."""
    found = os.environ.items()
    return tuple((key, text) for key, text in found if key.upper().startswith((PREFIX, "HOME")))


@lru_cache(maxsize=2)
def _read(cls: type[Settings], environment: tuple[tuple[str, str], ...]) -> Settings:  # noqa: ARG001 - what the answer depends on
    return cls()


def secret_variables() -> frozenset[str]:
    """Return the variables of the settings that are secrets: those that are never shown."""
    fields = Settings.model_fields.items()
    return frozenset(f"SYNC_PIPELINE_{name.upper()}" for name, item in fields if not item.repr)


def _variable(location: tuple[int | str, ...]) -> str:
    """Return the variable that a problem is about; nothing where it is about several."""
    return f"SYNC_PIPELINE_{str(location[0]).upper()}: " if location else ""


def is_web(url: str) -> bool:
    """Return whether a URL is one of HTTP, as browsers read it, and reads alike everywhere.

    They take `https:///x` for the host `x`, a backslash for a slash, and leave out what can't
    be seen; whoever connects may not.
    """
    try:
        found = Url(url)
    except ValueError:
        return False
    is_plain = url.isprintable() and not {" ", "\\"} & set(url) and "@" not in _authority(url)
    return is_plain and bool(_authority(url)) and found.scheme in _WEB and found.port != 0


def _authority(url: str) -> str:
    """Return the host and port of a URL as they are written."""
    scheme, _, rest = url.partition("://")
    return re.split("[/?#]", rest, maxsplit=1)[0] if scheme.lower() in _WEB else ""


def is_mail_address(text: str) -> bool:
    """Return whether a text is one address alone (RFC 5322 section 3.4.1), of any domain.

    Letters that are not of ASCII may stand in it (RFC 6532).
    """
    # Not before there is an address to read.
    from email.headerregistry import Address  # noqa: PLC0415

    plain = text.encode("ascii", "replace").decode()
    if len(text) > LONGEST_ADDRESS or not text.isprintable() or " " in text:
        return False
    try:
        return Address(addr_spec=plain).addr_spec == plain
    except (MessageError, ValueError, IndexError, RecursionError):
        return False


def project_root() -> Path:
    """Return the directory whose `dagster.yaml` is in force.

    In a checkout that is the checkout. Where the package was installed without one, it is the home
    if somebody has put a `dagster.yaml` there, or else the one that the package brought.

    Raises:
        ConfigurationError: the package was installed without its project files, or a setting is
            not valid.
    """
    package = Path(sys.modules["sync_pipeline"].__path__[0]).resolve()
    if (package.parent / DAGSTER_YAML).is_file():
        return package.parent
    brought = package / "project"
    for root in (Settings.load().home.absolute(), brought):
        if (root / DAGSTER_YAML).is_file():
            return root
    raise ConfigurationError(
        f"{DAGSTER_YAML} is not in {brought}.",
        hint="Install sync_pipeline from its wheel, or from its checkout (docs/install.md).",
    )
