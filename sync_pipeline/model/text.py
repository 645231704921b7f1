"""Texts that stay within a length, whatever they are made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sync_pipeline.visible import visible

MORE = "…"
LONGEST_NAME = 255
"""Of what people name: an instance, a credential, a tag, an environment."""


def shortened(text: str, most: int) -> str:
    """Return a text of at most `most` characters; one that was cut ends with `…`."""
    return text if len(text) <= most else f"{text[: most - len(MORE)]}{MORE}"


def visible_start(text: str, most: int) -> str:
    """Return a text as one `visible` line of at most `most` characters, as `shortened` cuts it.

    Of a long text only what can be in it is looked at: nothing is shown by less than one character.
    """
    return shortened(visible(text[: most + 1]), most)


def first_lines(lines: Iterable[str], most_characters: int) -> list[str]:
    """Return the first lines that fit, with their line ends, in so many characters."""
    kept: list[str] = []
    left = most_characters
    for line in lines:
        left -= len(line) + 1
        if left < 0:
            break
        kept.append(line)
    return kept


def first_names(names: Sequence[str], total: int, most_in_name: int = 255) -> str:
    """Return the first names of `total` in one line, with how many more there are."""
    shown = ", ".join(shortened(name, most_in_name) for name in names)
    more = total - len(names)
    return f"{shown} and {more} more" if more > 0 else shown
