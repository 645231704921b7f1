"""A fleet of servers that answer from recordings, and runs against it."""
