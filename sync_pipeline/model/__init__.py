"""Frozen records that pass between the steps of a sync. No I/O lives here."""
