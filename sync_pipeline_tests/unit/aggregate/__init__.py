"""unit tests of aggregate."""
