"""An alert, ready to be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Alert:
    """What people read, in one line and in full, and the same for programs (JSON values).

    `key` is the same whenever the same message is sent again; empty: it is sent once.
    """

    subject: str
    text: str
    payload: Mapping[str, Any]
    key: str = ""
