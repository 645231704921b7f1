"""Pure comparison of the last known state with a new snapshot. No I/O lives here."""
