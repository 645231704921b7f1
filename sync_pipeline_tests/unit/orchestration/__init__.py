"""unit tests of orchestration."""
