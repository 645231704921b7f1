"""What each session is set to, whatever the server or the driver would have it: one list.

Sources: SQL Server documentation, SET statements (Transact-SQL); Server configuration, `user
options` and `query governor cost limit`, which change the defaults of every session.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Setting:
    """One SET statement, without the word, and what it keeps from changing."""

    option: str
    why: str


SETTINGS = (
    Setting("ROWCOUNT 0", "more rows than that are left out without a word"),
    Setting("TEXTSIZE 2147483647", "longer values are cut off without a word"),
    Setting("QUERY_GOVERNOR_COST_LIMIT 0", "the server refuses what it guesses to take longer"),
    Setting("LANGUAGE us_english", "messages, names of days and the order of dates"),
    Setting("DATEFORMAT ymd", "how a text becomes a date"),
    Setting("DATEFIRST 7", "the first day of the week"),
    Setting("ANSI_NULLS ON", "what = NULL finds"),
    Setting("ANSI_PADDING ON", "blanks at the end of values"),
    Setting("ANSI_WARNINGS ON", "OFF cuts values off, and hides that NULLs were left out"),
    Setting("ANSI_NULL_DFLT_ON ON", "whether columns without a word take NULL"),
    Setting("QUOTED_IDENTIFIER ON", "whether double quotes are names or texts"),
    Setting("CONCAT_NULL_YIELDS_NULL ON", "OFF makes a name of what is not known"),
    Setting("ARITHABORT ON", "OFF makes NULL of a number that is too large"),
    Setting("ARITHIGNORE OFF", "ON makes NULL of it without a warning"),
    Setting("NUMERIC_ROUNDABORT OFF", "ON makes an error of a number that is rounded"),
    Setting("IMPLICIT_TRANSACTIONS OFF", "ON leaves a transaction open, with its locks"),
    Setting("XACT_ABORT OFF", "what an error ends"),
    Setting("CURSOR_CLOSE_ON_COMMIT OFF", "ON ends a result with its transaction"),
    Setting("TRANSACTION ISOLATION LEVEL READ COMMITTED", "rows that are never committed"),
    Setting("NOCOUNT ON", "counts between results, which a driver takes for one"),
    Setting("DEADLOCK_PRIORITY LOW", "who loses: never the server's own users"),
)


def session_settings(statement_seconds: float) -> str:
    """Return the batch that begins a session; a lock is waited for no longer than a statement."""
    milliseconds = max(1, int(statement_seconds * 1000))
    options = [*(item.option for item in SETTINGS), f"LOCK_TIMEOUT {milliseconds}"]
    return "; ".join(f"SET {option}" for option in options)
