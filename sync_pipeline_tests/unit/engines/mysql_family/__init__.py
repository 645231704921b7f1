"""unit tests of engines.mysql_family."""
