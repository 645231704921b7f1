"""The category of account syncs."""
