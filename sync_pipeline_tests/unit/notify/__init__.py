"""unit tests of notify."""
