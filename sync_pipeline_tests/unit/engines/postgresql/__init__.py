"""unit tests of engines.postgresql."""
