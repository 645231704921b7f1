"""unit tests of report."""
