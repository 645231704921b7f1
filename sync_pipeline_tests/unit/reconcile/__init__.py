"""unit tests of reconcile."""
