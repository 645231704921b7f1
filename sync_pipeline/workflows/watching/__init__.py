"""Watching: who is overdue, silent, in maintenance, or in charge."""
