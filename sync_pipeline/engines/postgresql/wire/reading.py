"""Rows as they come: libpq's chunked or single-row mode, for any statement.

psycopg's own `Cursor.stream` takes one statement only, and reads an answer that is left to
its end, cancelling it on a second connection first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import psycopg
from psycopg import generators
from psycopg.pq import ExecStatus

ROWS_AT_ONCE = 64
Take = Callable[[list[str], list[tuple[Any, ...]]], None]
_ROWS = (ExecStatus.SINGLE_TUPLE, ExecStatus.TUPLES_CHUNK)
_ENDS = (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK, ExecStatus.EMPTY_QUERY)


class RowCursor(psycopg.Cursor[Any]):
    """A cursor that hands rows over in small batches."""

    def read(self, sql: bytes, parameters: Mapping[str, object] | None, take: Take) -> None:
        """Run a statement and give `take` the columns and rows of each batch.

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
            names, rows = self._loaded(result)
        except Exception as error:  # noqa: BLE001 - raised when the answer is over
            return error
        take(names, rows)
        return None

    def _loaded(self, result: psycopg.pq.abc.PGresult) -> tuple[list[str], list[tuple[Any, ...]]]:
        self._tx.set_pgresult(result)
        names = [(result.fname(index) or b"").decode() for index in range(result.nfields)]
        return names, self._tx.load_rows(0, result.ntuples, tuple)

    def _asking(self, sql: bytes, parameters: Mapping[str, object] | None) -> Any:
        yield from self._start_query(sql)
        self._execute_send(self._convert_query(sql, parameters))
        if psycopg.capabilities.has_stream_chunked():
            self._pgconn.set_chunked_rows_mode(ROWS_AT_ONCE)
        else:
            self._pgconn.set_single_row_mode()
        yield from generators.send(self._pgconn)
