"""One instance as a file or a command line gives it, checked before it is used."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv6Address
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
)

from sync_pipeline.model.instance import (
    NEW_INSTANCE_TLS,
    EngineName,
    Instance,
    Timeouts,
    TlsMode,
    TlsOptions,
)
from sync_pipeline.model.text import LONGEST_NAME

_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,25})?")


def _as_written(value: object) -> object:
    """Refuse what reads as another number than a person would: `33_06`, `1e3`, `0x1F`."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip(" ")):
        raise ValueError("is no number in digits")
    return value


def can_be_written(text: str) -> bool:
    """Return whether people can write a text again: all of it is seen, with no space at an end."""
    return text.isprintable() and text == text.strip()


Name = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
# A CSV file joins an instance's tags with semicolons.
Tag = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME, pattern=r"^[^;]+$")]
Seconds = Annotated[
    float, Field(gt=0, le=86_400, allow_inf_nan=False), BeforeValidator(_as_written)
]
HIGHEST_PORT = 65_535


class InstanceRow(BaseModel):
    """A row of an import file. Times are seconds; a missing port is the engine's own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    engine: EngineName
    host: Name
    port: Annotated[int, Field(ge=1, le=HIGHEST_PORT), BeforeValidator(_as_written)] | None = None
    credential: Name
    database: Name | None = None
    tls: TlsMode = NEW_INSTANCE_TLS
    tls_ca: str | None = None
    tls_cert: str | None = None
    tls_key: str | None = None
    connect_timeout: Seconds = 10.0
    statement_timeout: Seconds = 60.0
    total_timeout: Seconds = 300.0
    tags: tuple[Tag, ...] = ()
    environment: Name | None = None
    description: str | None = None
    active: bool = True

    @field_validator(
        "database", "tls_ca", "tls_cert", "tls_key", "environment", "description", mode="before"
    )
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """Take an empty text as nothing: CSV can't tell them apart, and `edit` clears by it."""
        return None if value == "" else value

    @field_validator(
        "name", "host", "credential", "database", "environment", "tls_ca", "tls_cert", "tls_key"
    )
    @classmethod
    def _is_printable(cls, value: str | None) -> str | None:
        if value is not None and not can_be_written(value):
            raise ValueError("has a control character, or a space at its end")
        return value

    @field_validator("host")
    @classmethod
    def _is_only_a_host(cls, value: str) -> str:
        """Refuse an address that has its port in it, or is written as in a URL."""
        is_wrong = re.search(r"[\[\]/@\s,;]", value) is not None
        if ":" in value and not is_wrong:
            try:
                IPv6Address(value)
            except AddressValueError:
                is_wrong = True
        if is_wrong:
            raise ValueError(
                "give a name or an address alone, without brackets; the port has a field of its own"
            )
        return value

    @field_validator("description")
    @classmethod
    def _has_lines_of_text(cls, value: str | None) -> str | None:
        if value is None:
            return None
        lines = value.replace("\r\n", "\n")
        if not lines.replace("\n", "").replace("\t", "").isprintable():
            raise ValueError("has a control character")
        return lines

    def instance(self) -> Instance:
        """Return the registry's record; the registry gives it its id."""
        # Every driver comes with it, and who only shows an instance needs none.
        from sync_pipeline.engines.registry import ENGINES  # noqa: PLC0415

        return Instance(
            id=0,
            name=self.name,
            engine=self.engine,
            host=self.host,
            port=self.port or ENGINES[self.engine].default_port,
            credential=self.credential,
            database=self.database,
            tls=TlsOptions(self.tls, self.tls_ca, self.tls_cert, self.tls_key),
            timeouts=Timeouts(self.connect_timeout, self.statement_timeout, self.total_timeout),
            tags=tuple(sorted(set(self.tags))),
            environment=self.environment,
            description=self.description,
            is_active=self.active,
        )

    @classmethod
    def of(cls, instance: Instance) -> InstanceRow:
        """Return the row that `instance` makes the same instance from.

        It is not checked again: what was registered before a check came is shown too.
        """
        return cls.model_construct(
            name=instance.name,
            engine=instance.engine,
            host=instance.host,
            port=instance.port,
            credential=instance.credential,
            database=instance.database,
            tls=instance.tls.mode,
            tls_ca=instance.tls.ca_file,
            tls_cert=instance.tls.cert_file,
            tls_key=instance.tls.key_file,
            connect_timeout=instance.timeouts.connect_seconds,
            statement_timeout=instance.timeouts.statement_seconds,
            total_timeout=instance.timeouts.total_seconds,
            tags=instance.tags,
            environment=instance.environment,
            description=instance.description,
            active=instance.is_active,
        )

    def plain(self) -> dict[str, Any]:
        """Return JSON values, without those that are the default; the TLS mode is always said."""
        return {**self.model_dump(mode="json", exclude_defaults=True), "tls": str(self.tls)}
