"""unit tests of the project: its documents, its locks, and how it is tested."""
