"""The words of the report, by language: each is in a file of `catalog/LANGUAGE/` by its key."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.catalogs import Words
from sync_pipeline.model.instance import Selection

PACKAGE = "sync_pipeline.report"


@dataclass(frozen=True, slots=True)
class ReportTexts(Words):
    """The words of the report in one language."""

    package: str = PACKAGE

    def about(self, selection: Selection) -> str:
        """Return what a report is about."""
        parts = {
            "instances": selection.names,
            "tags": selection.tags,
            "engines": selection.engines,
            "environments": selection.environments,
        }
        told = [f"{self(f'about.{name}')} {', '.join(own)}" for name, own in parts.items() if own]
        return "; ".join(told) or self("about.fleet")


ENGLISH = ReportTexts("en")
