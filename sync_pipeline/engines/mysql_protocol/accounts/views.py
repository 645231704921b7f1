"""The view of accounts that the script makes, so that no password hash need be opened."""

from __future__ import annotations

from sync_pipeline.engines.base import Variant, Version, sql_text

VIEW = "view"
"""The place of an account that sees the view and not the table (`ServerIdentity.place`)."""
SCHEMA = "sync_pipeline"
DEFINER = "sync_pipeline_definer"
"""A role, which nobody can log in as; on MariaDB who makes it may grant it on."""


def view_variant(table: str, since: Version, file: str) -> Variant:
    """Return the variant of the accounts query that reads the view instead of the table."""
    needs = f"GRANT SELECT ON mysql.{table} TO {DEFINER};"
    return Variant(since, file, VIEW, needs, f"count_{table}_view.sql")


def needs_view(table: str) -> str:
    """Return what lets an account read the accounts that sees neither view nor table."""
    return (
        f"GRANT SELECT ON {SCHEMA}.{table} TO {{user}}; (the view that sync-pipeline grants "
        f"makes) or, which opens every password hash, GRANT SELECT ON mysql.{table} TO {{user}};"
    )


def view_script(package: str, table: str) -> tuple[str, ...]:
    """Return the statements that make the view, each on one line; they may run again."""
    lines = sql_text(package, f"view_{table}.sql").splitlines()
    text = " ".join(" ".join(line for line in lines if not line.startswith("--")).split())
    view = f"{SCHEMA}.{table}"
    return (
        f"CREATE DATABASE IF NOT EXISTS {SCHEMA};",
        f"CREATE ROLE IF NOT EXISTS {DEFINER};",
        f"GRANT SELECT ON mysql.{table} TO {DEFINER};",
        f"CREATE OR REPLACE DEFINER = {DEFINER} SQL SECURITY DEFINER VIEW {view} AS {text};",
    )


def wide_note(table: str, account: str) -> str:
    """Return the sentence for an account that may read the table itself."""
    revoke = f"REVOKE SELECT ON mysql.{table} FROM {account};"  # noqa: S608 - for people, and quoted
    return (
        f"The account may read every password hash, in mysql.{table}. The script of "
        f"sync-pipeline grants makes a view without them; after it, run: {revoke}"
    )
