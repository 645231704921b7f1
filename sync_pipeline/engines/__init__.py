"""Database engines: what each one is asked, and how its answers are read."""
