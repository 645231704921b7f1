"""What is packed of an instance's accounts, and how bytes are compressed and checked."""

from __future__ import annotations

import hashlib
import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, chain, pairwise
from typing import Any, TypeVar

from sync_pipeline.model.account import AccountState

FORMAT = 1
"""Of the two blobs. A blob of another format is not read."""
MOST_BYTES = 1 << 30
"""Of one blob before it is compressed: no more is unpacked, whatever a blob says of itself."""
_LEVEL = 6
_LENGTH = 8
_DIGEST = 32
_PART = 4
NumbersT = TypeVar("NumbersT", bound=Sequence[int])
_NUMBER = "i" if array("i").itemsize == _PART else "l"


class WorldError(ValueError):
    """Packed accounts are not what was written, or are more than is ever read."""


@dataclass(frozen=True, slots=True)
class WorldAccount:
    """An account with its last state, whether it still exists, and when it changed last (UTC)."""

    state: AccountState
    is_active: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class PackedWorld:
    """All accounts of an instance; `grants` are apart from all else that they are.

    `digest` has a half for each, of 32 hexadecimal digits.
    """

    format: int
    accounts: bytes
    grants: bytes
    digest: str

    @classmethod
    def of(cls, accounts: bytes, grants: bytes) -> PackedWorld:
        """Return what holds two blobs."""
        return cls(FORMAT, accounts, grants, _half(accounts) + _half(grants))

    def plain_accounts(self) -> bytes:
        """Return what is in the blob of accounts.

        Raises:
            WorldError: it is not what was written, or of a format that is not known.
        """
        return self._plain(self.accounts, self.digest[:_DIGEST])

    def plain_grants(self) -> bytes:
        """Return what is in the blob of grants.

        Raises:
            WorldError: it is not what was written, or of a format that is not known.
        """
        return self._plain(self.grants, self.digest[_DIGEST:])

    def check(self) -> None:
        """Look at both blobs without unpacking them.

        Raises:
            WorldError: one is not what was written, or of a format that is not known.
        """
        self._check(self.accounts, self.digest[:_DIGEST])
        self._check(self.grants, self.digest[_DIGEST:])

    def _plain(self, blob: bytes, digest: str) -> bytes:
        self._check(blob, digest)
        return decompressed(blob)

    def _check(self, blob: bytes, digest: str) -> None:
        if self.format != FORMAT:
            raise WorldError(f"the format {self.format} is not known")
        if digest != _half(blob):
            raise WorldError("the digest is of something else")


def compressed(plain: bytes) -> bytes:
    """Return a blob of these bytes.

    Raises:
        WorldError: they are more than would be read again.
    """
    if len(plain) > MOST_BYTES:
        raise WorldError(f"{len(plain)} bytes are more than {MOST_BYTES}")
    return len(plain).to_bytes(_LENGTH, "little") + zlib.compress(plain, _LEVEL)


def decompressed(blob: bytes) -> bytes:
    """Return the bytes of a blob.

    Raises:
        WorldError: it is no whole blob, or holds more than it says or than is read.
    """
    length = int.from_bytes(blob[:_LENGTH], "little")
    if length > MOST_BYTES:
        raise WorldError(f"{length} bytes are more than {MOST_BYTES}")
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(blob[_LENGTH:], length + 1)
    except zlib.error as error:
        raise WorldError(str(error)) from None
    if len(plain) != length or not stream.eof or stream.unused_data:
        raise WorldError(f"it does not hold {length} bytes")
    return plain


def as_json(value: object) -> bytes:
    """Return JSON in ASCII: so any text can be kept, also halves of surrogate pairs."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


NOT_UNDERSTOOD = (
    *(IndexError, KeyError, TypeError, ValueError, OverflowError),
    *(AttributeError, RecursionError),
)
"""What reading raises where JSON and numbers are of another shape than what was written."""


def read_json(part: bytes) -> dict[str, Any]:
    """Return what `as_json` wrote: tables, and the texts that they have numbers of."""
    found: dict[str, Any] = json.loads(part)
    if not {str}.issuperset(map(type, found["texts"])):
        raise WorldError("a text is something else")
    return found


def joined(parts: Sequence[bytes]) -> bytes:
    """Return parts one after the other, each behind its length."""
    return b"".join(
        chain.from_iterable((len(part).to_bytes(_LENGTH, "little"), part) for part in parts)
    )


def parted(plain: bytes) -> list[memoryview]:
    """Return the parts that were joined."""
    found, rest = [], memoryview(plain)
    while rest:
        end = _LENGTH + int.from_bytes(rest[:_LENGTH], "little")
        if end > len(rest):
            raise WorldError("a part is longer than the whole")
        found.append(rest[_LENGTH:end])
        rest = rest[end:]
    return found


def numbers(values: Iterable[int]) -> bytes:
    """Return small numbers, from zero on, as bytes."""
    return _bytes(array(_NUMBER, values))


def read_numbers(part: memoryview) -> array[int]:
    """Return what `numbers` wrote."""
    return _checked(_array(part))


def steps(values: Sequence[int]) -> bytes:
    """Return numbers as bytes that compress well where each is close to the one before."""
    if not values:
        return b""
    return numbers(chain(values[:1], (after - before for before, after in pairwise(values))))


def read_steps(part: memoryview, *, grow: bool = False) -> list[int]:
    """Return what `steps` wrote; they `grow` where none may be less than the one before it."""
    found = _array(part)
    return list(accumulate(_checked(found))) if grow else _checked(list(accumulate(found)))


def _array(part: memoryview) -> array[int]:
    found = array(_NUMBER)
    found.frombytes(part)
    return _little(found)


def _checked(found: NumbersT) -> NumbersT:
    if min(found, default=0) < 0:
        raise WorldError("a number is below zero")
    return found


def _bytes(values: array[int]) -> bytes:
    return _little(values).tobytes()


def _little(values: array[int]) -> array[int]:
    """Return them as the store keeps them, whichever machine wrote it."""
    if sys.byteorder != "little":
        values.byteswap()
    return values


def _half(blob: bytes) -> str:
    return hashlib.sha256(blob).hexdigest()[:_DIGEST]
