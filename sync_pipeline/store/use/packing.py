"""When accounts were seen, and the counters of their logins, as they are kept: JSON, compressed.

Of an account five values: the second (Unix) at which it was seen first and last, how the last is
known, when it may have been in use last, and the number of the sample that saw it.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sync_pipeline.model.use import AccountUse, UseMeans


class UseDamaged(Exception):
    """What is kept is not what was written."""


def pack_accounts(accounts: Mapping[str, AccountUse]) -> bytes:
    """Return accounts as they are kept."""
    return _packed(
        {
            name: [
                _second(use.first_at),
                _second(use.last_at),
                use.by,
                _second(use.maybe_at),
                use.sample,
            ]
            for name, use in accounts.items()
        }
    )


def unpack_accounts(data: bytes | None) -> dict[str, AccountUse]:
    """Return what `pack_accounts` was given, to the second.

    Raises:
        UseDamaged: it is not what was written.
    """
    try:
        return {name: _use(*values) for name, values in _unpacked(data).items()}
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise UseDamaged from error


def pack_counters(counters: Mapping[str, int]) -> bytes:
    """Return counters as they are kept."""
    return _packed(dict(counters))


def unpack_counters(data: bytes | None) -> dict[str, int]:
    """Return what `pack_counters` was given.

    Raises:
        UseDamaged: it is not what was written.
    """
    return _unpacked(data)


def _packed(value: Mapping[str, Any]) -> bytes:
    return zlib.compress(json.dumps(value, separators=(",", ":")).encode())


def _unpacked(data: bytes | None) -> dict[str, Any]:
    if data is None:
        return {}
    try:
        found = json.loads(zlib.decompress(data))
    except (zlib.error, ValueError) as error:
        raise UseDamaged from error
    if not isinstance(found, dict):
        raise UseDamaged
    return found


def _use(
    first: int | None, last: int | None, by: str | None, maybe: int | None, sample: int
) -> AccountUse:
    return AccountUse(
        _moment(first), _moment(last), UseMeans(by) if by else None, _moment(maybe), sample
    )


def _second(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def _moment(second: int | None) -> datetime | None:
    return None if second is None else datetime.fromtimestamp(second, UTC)
