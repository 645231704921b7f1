"""unit tests of access."""
