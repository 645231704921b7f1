"""unit tests of fleet."""
