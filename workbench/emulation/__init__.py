"""Catalogs of servers that can't be had here, with the columns that their manuals list."""
