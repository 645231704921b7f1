"""By what findings are grouped for people."""

from __future__ import annotations

from enum import StrEnum


class By(StrEnum):
    """What the groups of a table of findings are."""

    RULE = "rule"
    INSTANCE = "instance"
    TAG = "tag"
    ACCOUNT = "account"
