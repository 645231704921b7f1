"""Texts of others for a terminal, a log or a page: what would act or hide there is shown.

Names of accounts and databases, and messages of servers, may hold any character. A terminal
obeys control characters (it clears the screen, or writes to the clipboard), characters that
turn the direction of writing make one name look like another, and those without a width hide.
"""

from __future__ import annotations

import logging
import re

_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
# Unicode's categories Cc, Cf, Cs, Zl and Zp; then what has no width or no ink in others:
# joiners, fillers, variation selectors and tags.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180b-\u180f"
    "\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb\U000110bd\U000110cd"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\u034f\u115f\u1160\u17b4\u17b5\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)
_MOST_OF_LATIN, _MOST_OF_TWO_BYTES = 0xFF, 0xFFFF


def visible(text: str) -> str:
    r"""Return a text as one line, with `\x1b` and its like for each character that can't be seen.

    Line ends and tabs are such characters: a name must not look like two lines.
    """
    return text if _is_plain(text) else _UNSEEN.sub(_shown, text)


def visible_lines(text: str) -> str:
    r"""Return a text of several lines, each made `visible`; only `\n` and tabs stay."""
    if _is_plain(text) or ("\n" in text and _is_plain(text.replace("\n", ""))):
        return text
    return _UNSEEN.sub(lambda found: found[0] if found[0] in "\n\t" else _shown(found), text)


def escaped_json(text: str) -> str:
    r"""Return a text of JSON that means the same, with `\u001b` for what can't be seen.

    Line ends stay: outside of a string they mean nothing, and in one they are escaped before.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    return _UNSEEN.sub(lambda found: found[0] if found[0] == "\n" else _json(found[0]), text)


def _is_plain(text: str) -> bool:
    """Return whether a text is letters that everybody sees: most are, and that is quickly told."""
    return text.isascii() and text.isprintable()


def _shown(found: re.Match[str]) -> str:
    character = found[0]
    code = ord(character)
    if character in _NAMED:
        return _NAMED[character]
    if code <= _MOST_OF_LATIN:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= _MOST_OF_TWO_BYTES else f"\\U{code:08x}"


def _json(character: str) -> str:
    units = character.encode("utf-16-be", errors="surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


class VisibleFormatter(logging.Formatter):
    """Formats a record as `visible_lines`: a traceback keeps its lines."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        return visible_lines(super().format(record))
