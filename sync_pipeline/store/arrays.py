"""An array that is one value to bind, in SQLite's SQL: texts and numbers in JSON.

Built of SQLAlchemy's own functions and subqueries it would take longer to make and to recognise
than most statements take to be answered, and a page has ten of them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import BindParameter, Boolean, ColumnElement, FromClause, UnaryExpression
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.visitors import InternalTraversal


class AmongJson(ColumnElement[bool]):
    """That a column holds one of the values of an array in JSON (SQLite's manual, "json_each")."""

    inherit_cache = True
    type = Boolean()
    _traverse_internals = [  # noqa: RUF012 - SQLAlchemy's: what the statement's key is made of
        ("column", InternalTraversal.dp_clauseelement),
        ("values", InternalTraversal.dp_clauseelement),
    ]

    def __init__(self, column: ColumnElement[Any], values: BindParameter[Any]) -> None:
        """Return it of a column and of what is bound for the array."""
        self.column = column
        self.values = values

    @property
    def _from_objects(self) -> list[FromClause]:
        return self.column._from_objects  # noqa: SLF001 - as every element of two sides has it

    def self_group(self, against: Any = None) -> AmongJson:  # noqa: ARG002 - SQLAlchemy's
        """Return it as it is: it binds closer than AND, OR and NOT."""
        return self

    def _negate(self) -> ColumnElement[bool]:
        return UnaryExpression(self, operator=operators.inv, type_=self.type)


@compiles(AmongJson)
def _among_json(element: AmongJson, compiler: SQLCompiler, **given: Any) -> str:
    column, values = (compiler.process(item, **given) for item in (element.column, element.values))
    return f"{column} IN (SELECT value FROM json_each({values}))"  # noqa: S608 - what is bound
