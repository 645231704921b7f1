"""unit tests of engines."""
