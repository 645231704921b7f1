"""unit tests of model."""
