"""Grants, memberships and settings of an account, and the section each belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any


class SectionName(StrEnum):
    """A part of a snapshot that is read, or not read, as a whole."""

    ACCOUNTS = "accounts"
    MEMBERSHIPS = "memberships"
    SETTINGS = "settings"
    SERVER = "grants.server"
    DATABASE = "grants.database"
    SCHEMA = "grants.schema"
    TABLE = "grants.table"
    COLUMN = "grants.column"
    ROUTINE = "grants.routine"
    TYPE = "grants.type"
    LANGUAGE = "grants.language"
    FOREIGN = "grants.foreign"
    LARGE_OBJECT = "grants.large_object"
    DEFAULT = "grants.default"
    TABLESPACE = "grants.tablespace"
    PARAMETER = "grants.parameter"
    PROXY = "grants.proxy"
    PRINCIPAL = "grants.principal"
    OTHER = "grants.other"
    SERVER_SETTINGS = "server.settings"
    LOGIN_RULES = "server.login_rules"
    DEFINERS = "server.definers"
    OBJECT_DEFINERS = "server.object_definers"
    DEFAULT_PASSWORDS = "server.default_passwords"
    LINKS = "server.links"


OF_SERVER = frozenset(
    {
        SectionName.SERVER_SETTINGS,
        SectionName.LOGIN_RULES,
        SectionName.DEFINERS,
        SectionName.OBJECT_DEFINERS,
        SectionName.DEFAULT_PASSWORDS,
        SectionName.LINKS,
    }
)
"""Sections of what a server is set to. No answer about a privilege depends on one: unread, it
leaves a review without some of its rules, and an instance is ready all the same."""


class SecurableKind(StrEnum):
    """What a privilege is granted on."""

    SERVER = "server"
    DATABASE = "database"
    DATABASE_PATTERN = "database pattern"
    SCHEMA = "schema"
    TABLE = "table"
    VIEW = "view"
    MATERIALIZED_VIEW = "materialized view"
    FOREIGN_TABLE = "foreign table"
    PARTITIONED_TABLE = "partitioned table"
    PROPERTY_GRAPH = "property graph"
    RELATION = "relation"
    """A table or the like, of a kind that is not known."""
    SEQUENCE = "sequence"
    COLUMN = "column"
    FUNCTION = "function"
    PROCEDURE = "procedure"
    AGGREGATE = "aggregate"
    ROUTINE = "routine"
    """A function or the like, of a kind that is not known."""
    PACKAGE = "package"
    PACKAGE_BODY = "package body"
    LIBRARY = "library"
    TYPE = "type"
    LANGUAGE = "language"
    FOREIGN_DATA_WRAPPER = "foreign data wrapper"
    FOREIGN_SERVER = "foreign server"
    LARGE_OBJECT = "large object"
    DEFAULT_PRIVILEGE = "default privilege"
    TABLESPACE = "tablespace"
    PARAMETER = "parameter"
    ACCOUNT = "account"
    PRINCIPAL = "principal"
    SYNONYM = "synonym"
    QUEUE = "queue"
    ASSEMBLY = "assembly"
    CERTIFICATE = "certificate"
    KEY = "key"
    SERVICE = "service"
    ENDPOINT = "endpoint"
    AVAILABILITY_GROUP = "availability group"
    FULLTEXT = "fulltext"
    XML_SCHEMA_COLLECTION = "xml schema collection"
    EDITION = "edition"
    MINING_MODEL = "mining model"
    TRANSLATION_PROFILE = "sql translation profile"
    DIRECTORY = "directory"
    OBJECT = "object"


_SECTION_OF_KIND = {
    SecurableKind.SERVER: SectionName.SERVER,
    SecurableKind.DATABASE: SectionName.DATABASE,
    SecurableKind.DATABASE_PATTERN: SectionName.DATABASE,
    SecurableKind.SCHEMA: SectionName.SCHEMA,
    SecurableKind.TABLE: SectionName.TABLE,
    SecurableKind.VIEW: SectionName.TABLE,
    SecurableKind.MATERIALIZED_VIEW: SectionName.TABLE,
    SecurableKind.FOREIGN_TABLE: SectionName.TABLE,
    SecurableKind.PARTITIONED_TABLE: SectionName.TABLE,
    SecurableKind.PROPERTY_GRAPH: SectionName.TABLE,
    SecurableKind.RELATION: SectionName.TABLE,
    SecurableKind.SEQUENCE: SectionName.TABLE,
    SecurableKind.COLUMN: SectionName.COLUMN,
    SecurableKind.FUNCTION: SectionName.ROUTINE,
    SecurableKind.PROCEDURE: SectionName.ROUTINE,
    SecurableKind.AGGREGATE: SectionName.ROUTINE,
    SecurableKind.ROUTINE: SectionName.ROUTINE,
    SecurableKind.PACKAGE: SectionName.ROUTINE,
    SecurableKind.PACKAGE_BODY: SectionName.ROUTINE,
    SecurableKind.LIBRARY: SectionName.ROUTINE,
    SecurableKind.TYPE: SectionName.TYPE,
    SecurableKind.LANGUAGE: SectionName.LANGUAGE,
    SecurableKind.FOREIGN_DATA_WRAPPER: SectionName.FOREIGN,
    SecurableKind.FOREIGN_SERVER: SectionName.FOREIGN,
    SecurableKind.LARGE_OBJECT: SectionName.LARGE_OBJECT,
    SecurableKind.DEFAULT_PRIVILEGE: SectionName.DEFAULT,
    SecurableKind.TABLESPACE: SectionName.TABLESPACE,
    SecurableKind.PARAMETER: SectionName.PARAMETER,
    SecurableKind.ACCOUNT: SectionName.PROXY,
    SecurableKind.PRINCIPAL: SectionName.PRINCIPAL,
    SecurableKind.SYNONYM: SectionName.TABLE,
    SecurableKind.QUEUE: SectionName.TABLE,
    SecurableKind.ASSEMBLY: SectionName.OTHER,
    SecurableKind.CERTIFICATE: SectionName.OTHER,
    SecurableKind.KEY: SectionName.OTHER,
    SecurableKind.SERVICE: SectionName.OTHER,
    SecurableKind.ENDPOINT: SectionName.OTHER,
    SecurableKind.AVAILABILITY_GROUP: SectionName.OTHER,
    SecurableKind.FULLTEXT: SectionName.OTHER,
    SecurableKind.XML_SCHEMA_COLLECTION: SectionName.OTHER,
    SecurableKind.EDITION: SectionName.OTHER,
    SecurableKind.MINING_MODEL: SectionName.OTHER,
    SecurableKind.TRANSLATION_PROFILE: SectionName.OTHER,
    SecurableKind.DIRECTORY: SectionName.OTHER,
    SecurableKind.OBJECT: SectionName.OTHER,
}


@dataclass(frozen=True, slots=True, order=True)
class SectionKey:
    """A section, of the server or of one database where the catalog is per database."""

    name: SectionName
    database: str = ""

    def __str__(self) -> str:
        return f"{self.name}@{self.database}" if self.database else str(self.name)

    @classmethod
    def parse(cls, text: str) -> SectionKey:
        """Read the form that `str` writes; the first `@` ends the section's name."""
        name, _, database = text.partition("@")
        return cls(SectionName(name), database)


@dataclass(frozen=True, slots=True, order=True)
class Securable:
    """What a privilege is on. Parts that a kind does not have are empty strings.

    `catalog` is the database whose catalog the grant was read from, where each
    database has its own catalog (PostgreSQL); it is empty where the server has one
    catalog (MySQL, MariaDB), whose objects name their database in `database`.
    """

    kind: SecurableKind
    database: str = ""
    schema: str = ""
    name: str = ""
    column: str = ""
    catalog: str = ""

    @property
    def section(self) -> SectionKey:
        """Return the section that a grant on this securable is read in."""
        return section_of(self.kind, self.catalog)

    def __str__(self) -> str:
        path = ".".join(filter(None, (self.database, self.schema, self.name, self.column)))
        return f"{self.kind} {path}" if path else str(self.kind)


def section_of(kind: SecurableKind, catalog: str) -> SectionKey:
    """Return the section that grants on this kind of securable are read in."""
    return SectionKey(_SECTION_OF_KIND[kind], catalog)


class GrantScope(StrEnum):
    """Where a grant was made, where a server is made of containers (Oracle)."""

    LOCAL = ""
    """In the container that it counts in; also everywhere else than on Oracle."""
    COMMON = "common"
    """In this container, for it and all containers below it."""
    INHERITED = "inherited"
    """In a container above this one, for all below it."""


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One privilege on one securable to one account.

    `deny` marks a partial revoke (MySQL) or a deny; `recognised` is False where the
    server reported a privilege that this version does not know: kept raw, flagged.
    """

    securable: Securable
    privilege: str
    grantable: bool = False
    deny: bool = False
    grantor: str = ""
    recognised: bool = True
    scope: GrantScope = GrantScope.LOCAL

    @property
    def section(self) -> SectionKey:
        """Return the section this grant is read in."""
        return self.securable.section

    def __str__(self) -> str:
        verb = "DENY " if self.deny else ""
        option = " with grant option" if self.grantable else ""
        by = f" (by {self.grantor})" if self.grantor else ""
        scope = f" ({self.scope})" if self.scope else ""
        return f"{verb}{self.privilege} on {self.securable}{option}{by}{scope}"


@dataclass(frozen=True, slots=True, order=True)
class Membership:
    """The account that holds this has `role`. None: the engine has no such option."""

    role: str
    admin: bool = False
    inherit: bool | None = None
    set_role: bool | None = None
    default: bool | None = None
    grantor: str = ""
    scope: GrantScope = GrantScope.LOCAL

    def __str__(self) -> str:
        options = [
            word
            for word, on in (
                ("admin", self.admin),
                ("inherit", self.inherit),
                ("set", self.set_role),
                ("default", self.default),
            )
            if on
        ]
        suffix = f" ({', '.join(options)})" if options else ""
        by = f" (by {self.grantor})" if self.grantor else ""
        scope = f" ({self.scope})" if self.scope else ""
        return f"role {self.role}{suffix}{by}{scope}"


@dataclass(frozen=True, slots=True, order=True)
class AccountSetting:
    """A parameter set for an account, in one database or (empty) in all."""

    database: str
    name: str
    value: str

    def __str__(self) -> str:
        where = f" in database {self.database}" if self.database else ""
        return f"{self.name} = {self.value}{where}"


# Parts of records as tuples, by one call that is no Python: records themselves are compared and
# hashed field by field in Python. Equal tuples are equal records, and order them alike.
SECURABLE_PARTS = tuple(field.name for field in fields(Securable))
_MODE_PARTS = tuple(field.name for field in fields(Grant) if field.name != "securable")
_OF_SECURABLE = tuple(f"securable.{name}" for name in SECURABLE_PARTS)
parts_of_grant: Callable[[Grant], tuple[Any, ...]] = attrgetter(*_OF_SECURABLE, *_MODE_PARTS)
parts_of_securable: Callable[[Grant], tuple[str, ...]] = attrgetter(*_OF_SECURABLE)
parts_of_mode: Callable[[Grant], tuple[Any, ...]] = attrgetter(*_MODE_PARTS)
"""Of a grant all but what it is on, by their names: privilege, grantor and so on."""
parts_of_membership: Callable[[Membership], tuple[Any, ...]] = attrgetter(
    *(field.name for field in fields(Membership))
)
parts_of_setting: Callable[[AccountSetting], tuple[str, str, str]] = attrgetter(
    *(field.name for field in fields(AccountSetting))
)
