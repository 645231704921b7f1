"""Privileges of the server that show its objects to who has one of them."""

from __future__ import annotations

SEES_TABLES = frozenset(
    {
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "CREATE",
        "DROP",
        "REFERENCES",
        "INDEX",
        "ALTER",
        "CREATE VIEW",
        "SHOW VIEW",
        "TRIGGER",
    }
)
"""Global privileges, any of which shows every table in the information schema."""
