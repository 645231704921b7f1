"""The words of the pages, by language: each is in a file of `catalog/LANGUAGE/` by its key."""

from __future__ import annotations

from dataclasses import dataclass

from sync_pipeline.catalogs import LANGUAGES, Words

PACKAGE = "sync_pipeline.web"


@dataclass(frozen=True, slots=True)
class Texts(Words):
    """The words of the pages in one language."""

    package: str = PACKAGE


def texts_of(accepted: str) -> Texts:
    """Return the texts of the language that a browser likes best (RFC 9110, 12.5.4)."""
    best, chosen = 0.0, LANGUAGES[0]
    for part in accepted[:500].split(",")[:20]:
        name, _, weight = part.strip().partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = _quality(weight)
        if language in LANGUAGES and quality > best:
            best, chosen = quality, language
    return Texts(chosen)


def _quality(text: str) -> float:
    try:
        return float(text.strip().removeprefix("q=")) if text.strip() else 1.0
    except ValueError:
        return 0.0
