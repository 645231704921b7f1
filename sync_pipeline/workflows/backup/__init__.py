"""Copies of the store and its key, and the way back."""
