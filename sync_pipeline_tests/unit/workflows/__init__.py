"""unit tests of workflows."""
