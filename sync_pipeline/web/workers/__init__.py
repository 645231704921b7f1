"""The processes of the console: one that takes connections, and those that answer."""
