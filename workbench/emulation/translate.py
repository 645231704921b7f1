"""The engines' real SQL text, translated by sqlglot to run on DuckDB."""

from __future__ import annotations

from functools import lru_cache

import sqlglot
from sqlglot import exp


@lru_cache(maxsize=256)
def parsed(sql: str, dialect: str) -> exp.Expression:
    """Parse one statement in the dialect that it is written for; it must be a SELECT."""
    (tree,) = sqlglot.parse(sql, read=dialect)
    assert isinstance(tree, exp.Select), f"no SELECT: {sql}"
    return tree


@lru_cache(maxsize=256)
def to_duckdb(sql: str, dialect: str) -> str:
    """Return the statement as DuckDB runs it: names and conditions as they are written.

    DuckDB has none of the vendors' collations and compares texts byte by byte, so collations
    are taken out; that they stand where they must is tested on the tree itself.
    """
    tree = parsed(sql, dialect).copy()
    for collate in list(tree.find_all(exp.Collate)):
        collate.replace(collate.this)
    for kind in list(tree.find_all(exp.DataType)):
        if kind.this is exp.DataType.Type.BIT:
            kind.replace(exp.DataType.build("boolean"))
    for with_ in tree.find_all(exp.With):
        with_.set("recursive", True)
    for parameter in list(tree.find_all(exp.Parameter, exp.SessionParameter)):
        name = parameter.sql().lstrip("@").lower()
        parameter.replace(exp.Anonymous(this=f"variable_{name}"))
    return tree.sql(dialect="duckdb")
