"""unit tests of store."""
