"""What is not known of an instance and could change an answer, and how people are told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from sync_pipeline.model.privilege import SectionKey
from sync_pipeline.model.snapshot import SectionReport, SectionStatus

_NEEDS = "It needs: "
_NEVER = SectionReport(SectionStatus.SKIPPED, "It was never read.")


def it_needs(statement: str) -> str:
    """Return the sentence that names the statement which ends a refusal."""
    return f"{_NEEDS}{statement}"


def said_by_others(text: str) -> str:
    """Return a message of a server without what would be taken for a statement of ours."""
    return text.replace(_NEEDS, _NEEDS.replace(":", ""))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Gap(str):
    """Something that is not known and could change an answer; as a text, its name.

    `what` is that name: a section, a database, or in words what no catalog tells. `status` is that
    of what should have been read and was not; None where there is nothing to read. `database`
    is where, empty for the server; `why` is in sentences. `needs` is the statement that lets it
    be read, empty where no grant does.
    """

    what: str
    status: SectionStatus | None = None
    database: str = ""
    section: SectionKey | None = None
    why: str = ""
    needs: str = ""

    def __new__(cls, what: str, *_: object, **__: object) -> Self:
        """Make the text; the fields are set as those of any data class."""
        return str.__new__(cls, what)

    @classmethod
    def of_section(cls, key: SectionKey, report: SectionReport | None) -> Gap:
        """Return the gap that a section leaves which was not read; None: there is no report.

        A stored reason has the statement that it needs at its end, where a privilege is missing.
        """
        told = report or _NEVER
        is_denied = told.status is SectionStatus.DENIED
        why, _, needs = told.reason.partition(_NEEDS) if is_denied else (told.reason, "", "")
        return cls(str(key), told.status, key.database, key, why.strip(), needs.strip())

    @classmethod
    def of_database(cls, name: str) -> Gap:
        """Return the gap of a database of which nothing was ever read."""
        return cls(f"database {name}", _NEVER.status, name, why=_NEVER.reason)

    @property
    def place(self) -> str:
        """Return what people are told of: of a database that is left out, the database."""
        is_meant = self.status in (SectionStatus.EXCLUDED, SectionStatus.PROVIDERS)
        return f"database {self.database}" if is_meant and self.database else self.what

    @property
    def sentence(self) -> str:
        """Return what people read of it beside an answer."""
        if self.status is None:
            return f"Not known, and could change the answer: {self.what}."
        return f"{self.place} was not read, and could change the answer.{self._because}"

    @property
    def told(self) -> str:
        """Return what people read of it where no answer was asked for."""
        if self.status is None:
            return f"Not known: {self.what}."
        return f"{self.place} was not read ({self.status}).{self._because}"

    @property
    def phrase(self) -> str:
        """Return it as a part of a line."""
        return f"not known: {self.what}" if self.status is None else f"{self.place} not read"

    @property
    def _because(self) -> str:
        needs = it_needs(self.needs) if self.needs else ""
        return "".join(f" {part}" for part in (self.why, needs) if part)
