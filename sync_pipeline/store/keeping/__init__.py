"""Copies of the whole store, and putting one in the place of the store."""
