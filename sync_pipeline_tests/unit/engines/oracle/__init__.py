"""unit tests of engines.oracle."""
