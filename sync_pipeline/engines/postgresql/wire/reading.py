"""Rows as they come: libpq's chunked or single-row mode, for any statement.

psycopg's own `Cursor.stream` takes one statement only, and reads an answer that is left to
its end, cancelling it on a second connection first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import generators
from psycopg.adapt import AdaptersMap, Transformer
from psycopg.pq import ExecStatus

from sync_pipeline.engines.wire.rows import Texts

ROWS_AT_ONCE = 64
RAW_ENCODING = "SQL_ASCII"
"""What a client asks for that decodes by itself: the server converts nothing."""
Columns = tuple[Texts | None, ...]
Take = Callable[[list[str], list[tuple[Any, ...]], Columns], None]
_TYPES = psycopg.adapters.types
_SCALARS = frozenset(_TYPES[name].oid for name in ("bool", "int2", "int4", "int8", "oid"))
"""Of what psycopg makes plain values, without a loader of ours."""
_ROWS = (ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_CHUNK)
_ENDS = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)


@dataclass(frozen=True, slots=True)
class _Plain:
    """What psycopg needs to load values without our loaders: text stays bytes."""

    connection: psycopg.Connection[Any]
    adapters: AdaptersMap = field(default_factory=lambda: psycopg.adapters)


@dataclass(frozen=True, slots=True)
class _Shape:
    """The columns of a result as the server names them; `texts` decode them where they are plain.

    They are the same for all rows of a result, which come in hundreds of parts.
    """

    raw: tuple[bytes | None, ...]
    kinds: tuple[int, ...]
    names: list[str]
    texts: Columns | None


class RowCursor(psycopg.Cursor[Any]):
    """A cursor that hands rows over in small batches.

    `texts` decode bytes by the number of a column's type. Where all columns are of these or
    of plain types, text is handed over as bytes, with what decodes it.
    """

    def __init__(self, connection: psycopg.Connection[Any], texts: Mapping[int, Texts]) -> None:
        super().__init__(connection)
        self._texts = texts
        self._plain = Transformer(_Plain(connection))
        # Else psycopg makes text of it by whatever encoding the server says that it sends.
        self._is_raw = connection.info.parameter_status("client_encoding") == RAW_ENCODING
        self._shape = _Shape((), (), [], None)

    def read(self, sql: bytes, parameters: Mapping[str, object] | None, take: Take) -> None:
        """Run a statement and give `take` the columns, rows and texts of each batch.

        An answer with an error, or with a value that can't be read, is read to its end, so
        that the connection can be used again.

        Raises:
            psycopg.Error: the server's error, or an answer that is none to a statement.
            Exception: what a value that can't be read, or `take`, raises.
        """
        with self._conn.lock:
            self._conn.wait(self._asking(sql, parameters))
            failure: Exception | None = None
            while (result := self._conn.wait(generators.fetch(self._pgconn))) is not None:
                failure = self._taken(result, take, is_wanted=failure is None) or failure
            if failure is not None:
                raise failure

    def _taken(
        self, result: psycopg.pq.abc.PGresult, take: Take, *, is_wanted: bool
    ) -> Exception | None:
        """Take the rows of one part of an answer in; return why they are none."""
        if result.status == ExecStatus.FATAL_ERROR:
            return psycopg.errors.error_from_result(result)
        if result.status not in (*_ROWS, *_ENDS):
            raise psycopg.InterfaceError(f"an answer of the kind {result.status}")
        if result.status not in _ROWS or not is_wanted:
            return None
        try:
            names, rows, texts = self._loaded(result)
        except Exception as error:  # noqa: BLE001 - raised when the answer is over
            return error
        take(names, rows, texts)
        return None

    def _loaded(
        self, result: psycopg.pq.abc.PGresult
    ) -> tuple[list[str], list[tuple[Any, ...]], Columns]:
        shape = self._shaped(result)
        loader = self._tx if shape.texts is None else self._plain
        loader.set_pgresult(result)
        rows = loader.load_rows(0, result.ntuples, tuple)
        return shape.names, rows, shape.texts or ()

    def _shaped(self, result: psycopg.pq.abc.PGresult) -> _Shape:
        """Return what the columns are: mostly those of the rows before."""
        every = range(result.nfields)
        raw, kinds = tuple(map(result.fname, every)), tuple(map(result.ftype, every))
        if (raw, kinds) != (self._shape.raw, self._shape.kinds):
            names = [(name or b"").decode() for name in raw]
            is_known = all(kind in self._texts or kind in _SCALARS for kind in kinds)
            is_plain = self._is_raw and is_known
            texts = tuple(map(self._texts.get, kinds)) if is_plain else None
            self._shape = _Shape(raw, kinds, names, texts)
        return self._shape

    def _asking(self, sql: bytes, parameters: Mapping[str, object] | None) -> Any:
        yield from self._start_query(sql)
        self._execute_send(self._convert_query(sql, parameters))
        if psycopg.capabilities.has_stream_chunked():
            self._pgconn.set_chunked_rows_mode(ROWS_AT_ONCE)
        else:
            self._pgconn.set_single_row_mode()
        yield from generators.send(self._pgconn)
