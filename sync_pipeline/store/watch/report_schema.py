"""The table of the reports that are mailed: a row a route."""

from __future__ import annotations

from sqlalchemy import Column, Integer, String, Table, Text

from sync_pipeline.store.schema import UtcDateTime, metadata

report_routes = Table(
    "report_routes",
    metadata,
    Column("name", String(255), primary_key=True),
    Column("due_at", UtcDateTime, nullable=False),
    Column("until_at", UtcDateTime),
    Column("not_before", UtcDateTime),
    Column("tries", Integer, nullable=False),
    Column("problem", Text, nullable=False),
)
