"""Servers that lie, to see what they get."""
