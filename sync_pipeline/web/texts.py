"""The words of the pages, by language: each is in a file of `catalog/LANGUAGE/` by its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Texts:
    """The words of one language."""

    language: str

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with values in it.

        Raises:
            KeyError: there is no such text.
        """
        return _catalog(self.language)[key].format(**values)

    def has(self, key: str) -> bool:
        """Return whether there is such a text."""
        return key in _catalog(self.language)

    def or_as_it_is(self, group: str, word: str) -> str:
        """Return the text of a word of a group, such as a state; one without is shown as it is."""
        return _catalog(self.language).get(f"{group}.{word}", word)


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


@cache
def _catalog(language: str) -> dict[str, str]:
    place = files("sync_pipeline.web") / "catalog" / language
    each: list[dict[str, str]] = [json.loads(item.read_text("utf-8")) for item in place.iterdir()]
    return {key: text for topic in each for key, text in topic.items()}
