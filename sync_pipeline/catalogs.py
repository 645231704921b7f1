"""The words that people read, by language: in `catalog/LANGUAGE/*.json` of a package, by key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language that a package has."""

    language: str
    package: str

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with values in it.

        Raises:
            KeyError: there is no such text.
        """
        return catalog_of(self.package, self.language)[key].format(**values)

    def has(self, key: str) -> bool:
        """Return whether there is such a text."""
        return key in catalog_of(self.package, self.language)

    def or_as_it_is(self, group: str, word: str) -> str:
        """Return the text of a word of a group, such as a state; one without is shown as it is."""
        return catalog_of(self.package, self.language).get(f"{group}.{word}", word)


@cache
def catalog_of(package: str, language: str) -> dict[str, str]:
    """Return all texts that a package has in a language."""
    place = files(package) / "catalog" / language
    each: list[dict[str, str]] = [json.loads(item.read_text("utf-8")) for item in place.iterdir()]
    return {key: text for topic in each for key, text in topic.items()}
