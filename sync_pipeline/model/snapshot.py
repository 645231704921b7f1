"""A snapshot of one instance's accounts that states how complete it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sync_pipeline.model.account import AccountState
from sync_pipeline.model.platform import Platform
from sync_pipeline.model.privilege import OF_SERVER, SectionKey, SectionName
from sync_pipeline.model.server_fact import ServerFact


class SectionStatus(StrEnum):
    """Whether a section of a snapshot was read.

    One of an excluded database was not, because the settings say so. One of the provider's own
    database can't be: no account of the customer gets in, so that no answer about one depends
    on it.
    """

    READ = "read"
    DENIED = "denied"
    FAILED = "failed"
    SKIPPED = "skipped"
    EXCLUDED = "excluded"
    PROVIDERS = "provider's"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class SectionReport:
    """How reading one section ended; `reason` is a sentence where it was not read.

    Of a section that was read, the reason is what the catalog keeps beside it that nothing
    here reads, and that could change each answer: mostly empty.
    """

    status: SectionStatus
    reason: str = ""

    @property
    def is_known(self) -> bool:
        """Return whether all of the section is known: it was read, or the server has none."""
        return self.status in (SectionStatus.READ, SectionStatus.NOT_APPLICABLE)

    @property
    def is_meant(self) -> bool:
        """Return whether the section is unread on purpose, so that nobody has to do anything."""
        return self.status in (SectionStatus.EXCLUDED, SectionStatus.PROVIDERS)


@dataclass(frozen=True, slots=True)
class ServerIdentity:
    """What a server says of itself.

    `place` is the part of it that was connected to, in the engine's own word, where what
    can be read depends on that; empty where a server has one place only. `account` is who
    we are to it, as statements write it, where that is more than the name we logged in
    with. `database_role` is what kind of standby it is, empty of any other. `notes` are
    sentences for people who test the instance, on what the account may do beyond its task.
    `platform` is whose service it is, as far as the server says.
    """

    version: str
    version_number: tuple[int, ...]
    tls: str | None = None
    place: str = ""
    account: str = ""
    database_role: str = ""
    notes: tuple[str, ...] = ()
    platform: Platform = Platform.SELF_RUN


@dataclass(frozen=True, slots=True)
class StateSources:
    """Of which sections an engine makes what an account is, beside the one of its accounts.

    Where one of them is not read, whoever was a superuser, or a role, may be so by that.
    """

    superuser: frozenset[SectionName] = frozenset()
    kind: frozenset[SectionName] = frozenset()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The accounts of one instance at one moment.

    `sections` says what was read. `databases` are all databases the server lists,
    read or not: grants of a database that is no longer listed are gone, grants of
    one that was listed and not read are unknown. `hides_databases`: the server lists
    some only, so that one which is not listed is unknown too. `providers` are databases
    that the provider of a managed server opens to nobody. `server_facts` are what the server
    is set to, as far as their sections were read. `known_of` are accounts of which other
    sections are known than of all: exactly these. `sources` are the engine's.
    """

    server: ServerIdentity
    observed_at: datetime
    accounts: tuple[AccountState, ...]
    sections: Mapping[SectionKey, SectionReport]
    databases: frozenset[str] = frozenset()
    hides_databases: bool = False
    providers: frozenset[str] = frozenset()
    warnings: tuple[str, ...] = ()
    timings: Mapping[str, float] = field(default_factory=dict)
    server_facts: tuple[ServerFact, ...] = ()
    known_of: Mapping[str, frozenset[SectionName]] = field(default_factory=dict)
    sources: StateSources = StateSources()

    def is_known(self, key: SectionKey) -> bool:
        """Return whether this snapshot says everything about a section.

        A section is known when it was read, does not exist on this server, or
        belongs to a database that the server no longer has.
        """
        report = self.sections.get(key)
        if report is not None:
            return report.is_known
        if key.database:
            return key.database not in self.databases and not self.hides_databases
        return False

    def is_known_of(self, account: str, key: SectionKey) -> bool:
        """Return whether this snapshot says everything about a section of one account."""
        known = self.known_of.get(account)
        return self.is_known(key) if known is None else key.name in known

    @property
    def unread(self) -> Mapping[SectionKey, SectionReport]:
        """Return the sections of accounts and grants that are on the server and were not read."""
        return {key: item for key, item in self._unknown.items() if key.name not in OF_SERVER}

    @property
    def noted(self) -> Mapping[SectionKey, SectionReport]:
        """Return the sections that were read, and beside which the catalog keeps more."""
        return noted(self.sections)

    @property
    def unreviewed(self) -> Mapping[SectionKey, SectionReport]:
        """Return the sections that only rules of findings need, and that were not read."""
        return {key: item for key, item in self._unknown.items() if key.name in OF_SERVER}

    @property
    def _unknown(self) -> Mapping[SectionKey, SectionReport]:
        return {key: report for key, report in self.sections.items() if not self.is_known(key)}


def noted(sections: Mapping[SectionKey, SectionReport]) -> Mapping[SectionKey, SectionReport]:
    """Return the sections of accounts and grants that were read and have a reason all the same."""
    return {
        key: report
        for key, report in sections.items()
        if report.is_known and report.reason and key.name not in OF_SERVER
    }


@dataclass(frozen=True, slots=True)
class SectionState:
    """What the store knows of one section of an instance.

    `last_read_at` (UTC) is None where the section has never been read: then "no
    grants" means "not known".
    """

    key: SectionKey
    report: SectionReport
    checked_at: datetime
    last_read_at: datetime | None
