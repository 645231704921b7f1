"""Tables of the store. Sizes are bytes, times are UTC, text keys are exact."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator

from sync_pipeline.model.finding_count import NUMBERS

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
SESSION_ID_LENGTH = 36


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite, which has no zones, keeps it as naive UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a naive datetime: it says no moment."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("the store takes aware datetimes only")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return an aware UTC datetime."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


# SQLite only gives a rowid, and so a generated key, to a column of exactly this type.
Key = BigInteger().with_variant(Integer(), "sqlite")
Json = JSON().with_variant(JSONB(), "postgresql")

metadata = MetaData(naming_convention=NAMING)


def _key() -> Column[Any]:
    return Column("id", Key, primary_key=True, autoincrement=True)


def _instance() -> Column[Any]:
    return Column("instance_id", Key, ForeignKey("instances.id"), nullable=False)


def _attempt() -> Iterator[Column[Any]]:
    """Yield what a record has, and an attempt at it that is kept when it begins again."""
    yield _key()
    session = ForeignKey("sync_sessions.session_id")
    yield Column("session_id", String(SESSION_ID_LENGTH), session, nullable=False)
    yield _instance()
    yield Column("attempt", Integer, nullable=False)
    # The run that the record waits for, or that works or worked on it last.
    yield Column("run_id", String(SESSION_ID_LENGTH))
    yield Column("status", String(16), nullable=False)
    yield Column("started_at", UtcDateTime)
    yield Column("error_kind", String(64))
    yield Column("error_message", Text)


credentials = Table(
    "credentials",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("username", String(255), nullable=False),
    Column("secret", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("rotated_at", UtcDateTime),
)

instances = Table(
    "instances",
    metadata,
    _key(),
    Column("name", String(255), nullable=False, unique=True),
    Column("engine", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("database", String(255)),
    # No foreign key: a removed instance keeps the name of a credential that may be gone.
    Column("credential", String(255), nullable=False),
    Column("tls_mode", String(16), nullable=False),
    Column("tls_ca_file", Text),
    Column("tls_cert_file", Text),
    Column("tls_key_file", Text),
    Column("connect_seconds", Float, nullable=False),
    Column("statement_seconds", Float, nullable=False),
    Column("total_seconds", Float, nullable=False),
    Column("tags", Json, nullable=False),
    Column("environment", String(255)),
    Column("description", Text),
    Column("is_active", Boolean, nullable=False),
    Column("server_version", Text),
    Column("platform", String(32)),
    Column("last_connected_at", UtcDateTime),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    # When it was last added again after it had been removed.
    Column("returned_at", UtcDateTime),
)

instance_tags = Table(
    "instance_tags",
    metadata,
    # Of a tag of the row in `instances`, also of one that was removed (`store/tags.py`).
    Column("digest", String(32), primary_key=True),
    Column(
        "instance_id",
        Key,
        ForeignKey("instances.id"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
)

# Where a cloud lists an instance. One that was removed keeps its row, and is not added again.
instance_origins = Table(
    "instance_origins",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("cloud", String(16), nullable=False),
    Column("scope", String(255), nullable=False),
    Column("resource_id", String(512), nullable=False, unique=True),
    Column("own_id", String(255), nullable=False),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("tags", Json, nullable=False),
    Column("vanished_at", UtcDateTime),
)

sync_sessions = Table(
    "sync_sessions",
    metadata,
    Column("session_id", String(SESSION_ID_LENGTH), primary_key=True),
    Column("sync_type", String(32), nullable=False),
    Column("sync_category", String(32), nullable=False),
    Column("status", String(16), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    Column("total_instances", Integer, nullable=False),
    Column("successful_instances", Integer, nullable=False),
    Column("failed_instances", Integer, nullable=False),
    Column("skipped_instances", Integer, nullable=False),
    Column("cancelled_instances", Integer, nullable=False),
    Column("created_by", String(255)),
    Column("job_name", String(255), nullable=False),
    Column("run_id", String(SESSION_ID_LENGTH), nullable=False),
    Column("partition_key", String(255)),
    Column("error", Text),
    Column("shard_count", Integer, nullable=False, server_default="1"),
    # The session that this one does again. No foreign key: it may never have been written.
    Column("repeats", String(SESSION_ID_LENGTH)),
    Index(None, "repeats"),
    Index(None, "status", "sync_category"),
    # The newest session of a category is one seek.
    Index(None, "sync_category", "started_at"),
    Index(None, "started_at"),
)

sync_session_runs = Table(
    "sync_session_runs",
    metadata,
    # In order of the runs: of two runs of a shard, the one with the larger id is newer.
    _key(),
    Column(
        "session_id",
        String(SESSION_ID_LENGTH),
        ForeignKey("sync_sessions.session_id"),
        nullable=False,
    ),
    Column("shard", Integer, nullable=False),
    # None: the run of this shard was never launched.
    Column("run_id", String(SESSION_ID_LENGTH)),
    Column("status", String(16), nullable=False),
    # None: the run ended before it opened the session.
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("error", Text),
    # By the clock of the run's machine.
    Column("last_sign_at", UtcDateTime),
    UniqueConstraint("session_id", "run_id"),
)

sync_instance_records = Table(
    "sync_instance_records",
    metadata,
    *_attempt(),
    Column("instance_name", String(255), nullable=False),
    Column("sync_category", String(32), nullable=False),
    Column("completed_at", UtcDateTime),
    Column("items_synced", Integer, nullable=False),
    Column("items_created", Integer, nullable=False),
    Column("items_updated", Integer, nullable=False),
    Column("items_deleted", Integer, nullable=False),
    Column("sync_details", Json, nullable=False),
    Column("shard", Integer, nullable=False, server_default="1"),
    UniqueConstraint("session_id", "instance_id"),
    # Whether a record is the last one of its category for an instance is one seek.
    Index("ix_sync_instance_records_newest", "instance_name", "sync_category", "id"),
    # A page of the records of a session is a range.
    Index(None, "session_id", "instance_name"),
)

sync_record_attempts = Table(
    "sync_record_attempts",
    metadata,
    *_attempt(),
    Column("ended_at", UtcDateTime),
    UniqueConstraint("session_id", "instance_id", "run_id", "attempt"),
)

instance_accounts = Table(
    "instance_accounts",
    metadata,
    _key(),
    _instance(),
    Column("account_name", Text, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    Column("last_seen_at", UtcDateTime, nullable=False),
    Column("deleted_at", UtcDateTime),
    UniqueConstraint("instance_id", "account_name"),
)

account_permissions = Table(
    "account_permissions",
    metadata,
    Column("account_id", Key, ForeignKey("instance_accounts.id"), primary_key=True),
    Column("is_superuser", Boolean, nullable=False),
    Column("is_locked", Boolean, nullable=False),
    Column("can_login", Boolean, nullable=False),
    # {session_id}_{instance_id}; the plain id beside it joins to the session.
    Column("session_id", String(64), nullable=False),
    Column(
        "sync_session_id",
        String(SESSION_ID_LENGTH),
        ForeignKey("sync_sessions.session_id"),
        nullable=False,
    ),
    Column("last_sync_at", UtcDateTime, nullable=False),
    Column("last_change_at", UtcDateTime, nullable=False),
    # Else the end of each session would look at every account.
    Index(None, "sync_session_id"),
)

account_change_log = Table(
    "account_change_log",
    metadata,
    _key(),
    _instance(),
    Column("account_name", Text, nullable=False),
    Column("change_type", String(32), nullable=False),
    # Both whole in entries of older versions; else in `packed`, and `lines` is their number.
    Column("diff", Json, nullable=False),
    Column("lines", Json, nullable=False),
    Column("packed", LargeBinary),
    Column("session_id", String(SESSION_ID_LENGTH), nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
    # What it does to rights (`Effect`) where the list of changes has it; FIRST_SYNC stands for all
    # that the first sync of an instance found. None: it is not in the list.
    Column("told", SmallInteger),
    Index(None, "instance_id", "changed_at"),
    Index(None, "changed_at"),
    Index(None, "session_id"),
    # The history of a name is one range, and that of an account, too: others may have its name.
    Index(None, "account_name", "changed_at", "id"),
    Index(None, "account_name", "instance_id", "changed_at", "id"),
)

FIRST_SYNC = -1
LEAST_POWER = 4
_IS_TOLD = account_change_log.c.told.is_not(None)
# Written out: with a bound value no store would know that the index fits.
GIVES_OR_TAKES_POWER = account_change_log.c.told >= literal_column(str(LEAST_POWER))
"""Also what a version wrote that did not say it."""


def _of_told(name: str, *columns: str, where: ColumnElement[bool] = _IS_TOLD) -> Index:
    """Return an index of those entries alone that the list of changes has."""
    chosen = [account_change_log.c[column] for column in columns]
    return Index(name, *chosen, sqlite_where=where, postgresql_where=where)


# The list of changes, newest first; what is filtered by stands in it, and is not looked up.
told_changes = _of_told(
    *("ix_account_change_log_told", "changed_at", "id", "told", "change_type", "instance_id")
)
told_changes_of_instance = _of_told(
    *("ix_account_change_log_told_of", "instance_id", "changed_at", "id", "told", "change_type")
)
changes_of_power = _of_told(
    *("ix_account_change_log_power", "changed_at", "id", "told", "change_type", "instance_id"),
    where=GIVES_OR_TAKES_POWER,
)

change_horizon = Table(
    "change_horizon",
    metadata,
    Column("id", Integer, primary_key=True),
    # What changed before was pruned, or is about to be: nothing is told of it.
    Column("pruned_before", UtcDateTime, nullable=False),
)

instance_worlds = Table(
    "instance_worlds",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # What these hold, and how it is checked: store/worlds.
    Column("format", Integer, nullable=False),
    Column("accounts", LargeBinary, nullable=False),
    Column("grants", LargeBinary, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
)

instance_sections = Table(
    "instance_sections",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("section", String(64), primary_key=True),
    Column("database", String(255), primary_key=True),
    Column("status", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("last_read_at", UtcDateTime),
)

instance_server_facts = Table(
    "instance_server_facts",
    metadata,
    _key(),
    _instance(),
    Column("name", Text, nullable=False),
    # Empty: of the server itself.
    Column("database", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("value", Text, nullable=False),
    # Since when a sync has read it so.
    Column("since_at", UtcDateTime, nullable=False),
    Index(None, "instance_id"),
)

instance_reads = Table(
    "instance_reads",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # Digests (hex) of what the last sync that wrote accounts had read.
    Column("basis", String(64), nullable=False),
    Column("in_order", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("derived", Json, nullable=False),
    Column("written_at", UtcDateTime, nullable=False),
    # The last sync since that found nothing changed.
    Column("confirmed_at", UtcDateTime),
    Column("confirmed_session_id", String(SESSION_ID_LENGTH)),
)

instance_holders = Table(
    "instance_holders",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # As in `instance_reads`, and the digest of the row of `instance_worlds` that was made then.
    Column("basis", String(64), nullable=False),
    Column("world", String(64), nullable=False),
    # A key for each holder of grants, and the digest of the rows that give them.
    Column("marks", LargeBinary, nullable=False),
)

instance_reviews = Table(
    "instance_reviews",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # Raised with each write: who examined the instance before one keeps nothing after it.
    Column("turn", Integer, nullable=False),
    # All that the review depends on beside the next six columns; empty: none is kept.
    Column("basis", String(64), nullable=False),
    # The digest of the accounts that were looked at, and when their sync wrote.
    Column("world", String(128)),
    # The rows of the databases that were looked at: how many, which, and of when.
    Column("databases", Text, nullable=False),
    # A digest of their names; and the date of their listing where something depends on that.
    Column("listing", String(64), nullable=False),
    Column("listed_at", UtcDateTime),
    # When something that is decided by the time turned last, and when it turns next.
    Column("valid_from", UtcDateTime),
    Column("valid_until", UtcDateTime),
    Column("is_unlisted", Boolean, nullable=False),
    # What these hold: store/reviews.
    Column("notes", LargeBinary),
    Column("providers", LargeBinary),
    Column("findings", LargeBinary),
    Column("namesakes", LargeBinary),
    Column("remedies", LargeBinary),
    # The first review, the last one, and the first comparison with other instances.
    Column("began_at", UtcDateTime),
    Column("reviewed_at", UtcDateTime),
    Column("compared_at", UtcDateTime),
)

instance_findings = Table(
    "instance_findings",
    metadata,
    _key(),
    _instance(),
    Column("rule", String(64), nullable=False),
    Column("account_name", Text, nullable=False),
    # What tells several of one rule and account apart, with escapes in it.
    Column("about", Text, nullable=False),
    Column("severity", String(16), nullable=False),
    # Whether other instances were looked at, too.
    Column("of_fleet", Boolean, nullable=False),
    Column("first_seen_at", UtcDateTime, nullable=False),
    # Whether the first review of the instance found it, or would have: it is nothing new.
    Column("is_baseline", Boolean, nullable=False, server_default=text("false")),
    # None: it is there as of the last review.
    Column("resolved_at", UtcDateTime),
    # How bad it was before, and when that changed last; None: never. See model/finding_life.py.
    Column("steps", Text),
    Column("changed_at", UtcDateTime),
    Index(None, "instance_id", "resolved_at"),
    Index(None, "resolved_at"),
    # What is new is a range.
    Index(None, "first_seen_at"),
)

open_findings_by_age = Index(
    "ix_instance_findings_open",
    instance_findings.c.of_fleet,
    instance_findings.c.severity,
    instance_findings.c.first_seen_at,
    sqlite_where=text("resolved_at IS NULL"),
    postgresql_where=text("resolved_at IS NULL"),
)

# Written out: no store would know of a bound value that the index fits.
IS_NO_BASELINE = text("NOT is_baseline")
# On which instances an account of a name has some.
findings_by_account = Index(
    "ix_instance_findings_account",
    instance_findings.c.account_name,
    instance_findings.c.resolved_at,
    instance_findings.c.of_fleet,
    instance_findings.c.severity,
    instance_findings.c.instance_id,
)

# What is new is a range, in which the first day of a fleet has nothing.
new_findings = Index(
    "ix_instance_findings_new",
    instance_findings.c.first_seen_at,
    sqlite_where=IS_NO_BASELINE,
    postgresql_where=IS_NO_BASELINE,
)

changed_findings = Index(
    "ix_instance_findings_changed_at",
    instance_findings.c.changed_at,
    sqlite_where=text("changed_at IS NOT NULL"),
    postgresql_where=text("changed_at IS NOT NULL"),
)

instance_finding_totals = Table(
    "instance_finding_totals",
    metadata,
    # What ever came, got worse and went, by the severity that it got or had: its rank. They only
    # grow, whatever the retention takes away; what a first review finds is not counted.
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True, autoincrement=False),
    Column("rule", String(64), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Integer, nullable=False) for name in ("opened", "worsened", "resolved")),
)

finding_acceptances = Table(
    "finding_acceptances",
    metadata,
    # No row is ever taken away: how many there are tells that another one came.
    _key(),
    *(Column(name, Text, nullable=False) for name in ("rule", "instance", "account", "about")),
    # The last day, where the fleet is.
    Column("until", Date, nullable=False),
    Column("reason", Text, nullable=False),
    Column("given_by", String(255), nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Column("removed_by", String(255)),
    Column("removed_at", UtcDateTime),
)

instance_finding_marks = Table(
    "instance_finding_marks",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # A digest (hex) of the rules by which its findings were counted, and of the code that did.
    Column("basis", String(64), nullable=False),
    # The acceptances by which they were counted, of those that commands gave.
    Column("accepted_by", String(64), nullable=False, server_default=""),
    # As in `instance_reviews`, which has too much beside them.
    Column("valid_from", UtcDateTime),
    Column("valid_until", UtcDateTime),
    # When something turned last is the end of a range.
    Index(None, "basis", "valid_from"),
    Index(None, "basis", "valid_until"),
)

instance_finding_counts = Table(
    "instance_finding_counts",
    metadata,
    # Empty: all rules. `rank` is that of a severity, 0 the worst. The numbers: model/finding_count.
    Column("rule", String(64), primary_key=True),
    Column("rank", Integer, primary_key=True, autoincrement=False),
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True, autoincrement=False),
    *(Column(name, Integer, nullable=False) for name in NUMBERS),
    Index(None, "instance_id"),
    # In the order in which they are added up.
    sqlite_with_rowid=False,
)

topic_marks = Table(
    "topic_marks",
    metadata,
    # What was written (`store/topics.py`), and of which part of the instances.
    Column("topic", String(16), primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    # Another one after each write: of random bits, so that it never comes again.
    Column("mark", BigInteger, nullable=False),
)

account_class_counts = Table(
    "account_class_counts",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    # A date in the fleet's time zone; the last sync of a date stays.
    Column("counted_date", Date, primary_key=True),
    Column("class_name", String(100), primary_key=True),
    Column("account_count", Integer, nullable=False),
    Column("counted_at", UtcDateTime, nullable=False),
    Index(None, "counted_date"),
)

sync_leases = Table(
    "sync_leases",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("sync_category", String(32), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("acquired_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

failure_streaks = Table(
    "failure_streaks",
    metadata,
    Column("instance_id", Key, ForeignKey("instances.id"), primary_key=True),
    Column("sync_category", String(32), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_failed_at", UtcDateTime, nullable=False),
    # The session that counted last: attempts of one record count once.
    Column("session_id", String(SESSION_ID_LENGTH), nullable=False),
    Column("error_kind", String(64), nullable=False),
    Column("error_message", Text, nullable=False),
)

maintenance_windows = Table(
    "maintenance_windows",
    metadata,
    _key(),
    # Either an instance or a tag.
    Column("instance_id", Key, ForeignKey("instances.id")),
    Column("tag", Text),
    Column("starts_at", UtcDateTime, nullable=False),
    Column("ends_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("reason", Text, nullable=False),
    Column("created_by", String(255)),
    Index(None, "ends_at"),
)
