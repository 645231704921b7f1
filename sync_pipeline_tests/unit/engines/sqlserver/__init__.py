"""unit tests of engines.sqlserver."""
