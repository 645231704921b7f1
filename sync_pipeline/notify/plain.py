"""Texts of alerts as data: nobody is mentioned by a name in them, and they are no longer than fits.

What can't be seen in a name is shown before (`visible`): the report makes the texts.
"""

from __future__ import annotations

import re

CUT = "… the rest did not fit in. See: sync-pipeline alerts replay."
_JOINER = "\u2060"
"""Has no width: a name reads as before, and is no mention any more."""
_MENTION = re.compile(r"(?<![^\W_])@(?=\w)")
_LINK = re.compile(r"\](?=[(\[])")
_TAG = re.compile(r"<(?=/?at\b)", re.IGNORECASE)


def without_mentions(text: str) -> str:
    """Return a text in which no `@name` and no `<at …>` tells anybody.

    Mattermost takes `@channel` from any text, and from `_@channel`; Feishu `<at user_id="all">`.
    """
    return _TAG.sub(f"<{_JOINER}", _MENTION.sub(f"@{_JOINER}", text))


def without_links(text: str) -> str:
    """Return a text in which no Markdown makes a link or an image: an address is what it shows."""
    return _LINK.sub(f"]{_JOINER}", text)


def fitting(text: str, most_bytes: int) -> str:
    """Return the first lines of a text that fit in so many bytes of UTF-8, and say what is cut."""
    if len(text.encode("utf-8", "replace")) <= most_bytes:
        return text
    left = most_bytes - len(CUT.encode())
    kept: list[str] = []
    for line in text.split("\n"):
        left -= len(line.encode("utf-8", "replace")) + 1
        if left < 0:
            break
        kept.append(line)
    return "\n".join([*kept, CUT])
