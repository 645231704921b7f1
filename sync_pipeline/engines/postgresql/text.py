r"""Names as bytes: what a server sends is decoded here and not by it.

The catalogs that all databases share keep a name in the encoding of the database in which
it was made, and nothing says in which; a database of SQL_ASCII takes any bytes. A server
that converts changes some names and fails at others (PostgreSQL manual, "Character Set
Support"), so it is asked for bytes (client_encoding SQL_ASCII).

Our statements hand over shared names as `name` or `varchar` and all else as `text`. Shared
names are read in the encoding of the instance's own database, so that a role has one name
wherever it is met; the rest in that of the database at hand. A byte that is none of its
encoding is kept as `\xe9`. A backslash that could be taken for the beginning of such a byte
is then `\x5c`, so that no two names become one.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from sync_pipeline.engines.wire.rows import Texts

SHARED_TYPES = ("name", "varchar")
LOCAL_TYPE = "text"
_UTF8 = "utf-8"
# PostgreSQL manual, table "PostgreSQL Character Sets": of those that Python does not have
# (EUC_TW, MULE_INTERNAL) and of SQL_ASCII, what is UTF-8 is read and the rest kept as bytes.
_CODECS = {
    "UTF8": _UTF8,
    **{f"LATIN{number}": f"iso8859-{part}" for number, part in enumerate((1, 2, 3, 4, 9), 1)},
    **{f"LATIN{number}": f"iso8859-{part}" for number, part in enumerate((10, 13, 14, 15, 16), 6)},
    **{f"ISO_8859_{part}": f"iso8859-{part}" for part in (5, 6, 7, 8)},
    **{f"WIN{page}": f"cp{page}" for page in (866, 874, *range(1250, 1259))},
    "EUC_CN": "gb2312",
    "EUC_JP": "euc_jp",
    "EUC_JIS_2004": "euc_jis_2004",
    "EUC_KR": "euc_kr",
    "JOHAB": "johab",
    "KOI8R": "koi8-r",
    "KOI8U": "koi8-u",
}
_BYTE = re.compile(r"\\x[89a-f][0-9a-f]")
_LOOKS_LIKE_ONE = re.compile(r"\\(?=x(?:5c|[89a-f][0-9a-f]))")
_PLAIN_BACKSLASH = re.compile(r"\\x5c(?=x(?:5c|[89a-f][0-9a-f]))")


def codec(encoding: str) -> str:
    """Return Python's codec for an encoding of the server."""
    return _CODECS.get(encoding, _UTF8)


def decoded(data: bytes, name: str) -> str:
    r"""Return bytes as text by a codec, those that are none of it as `\xe9`."""
    try:
        text = data.decode(name)
    except UnicodeDecodeError:
        pieces = _LOOKS_LIKE_ONE.sub(r"\\x5c", data.decode("latin-1")).encode("latin-1")
        return pieces.decode(name, "backslashreplace")
    return _LOOKS_LIKE_ONE.sub(r"\\x5c", text) if "\\x" in text else text


def is_raw(name: str) -> bool:
    """Return whether a name holds bytes that could not be decoded."""
    return _BYTE.search(name) is not None


def unescaped(name: str) -> str:
    """Return a name that is not raw as the server knows it."""
    return _PLAIN_BACKSLASH.sub(r"\\", name)


def use(link: psycopg.Connection[Any], shared: str, local: str) -> dict[int, Texts]:
    """Let a connection read shared names and all other text by these encodings.

    Return what decodes a column's bytes, by the number of its type.
    """
    texts: dict[int, Texts] = {}
    for kinds, encoding in ((SHARED_TYPES, shared), ((LOCAL_TYPE,), local)):
        name = codec(encoding)
        same = Texts(name, partial(decoded, name=name))
        for kind in kinds:
            link.adapters.register_loader(kind, _loader(name))
            texts[link.adapters.types[kind].oid] = same
    return texts


def _loader(name: str) -> type[Loader]:
    class TextLoader(Loader):
        def load(self, data: Buffer) -> str:
            return decoded(bytes(data), name)

    return TextLoader
