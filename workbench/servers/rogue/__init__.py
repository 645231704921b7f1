"""Servers that lie, or speak a protocol up to a point, and then do harm."""
