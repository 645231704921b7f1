"""Catalogs of servers that can't be had, as tables of an embedded database."""
