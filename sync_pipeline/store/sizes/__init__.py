"""Databases, their daily sizes, and what is aggregated from these."""
