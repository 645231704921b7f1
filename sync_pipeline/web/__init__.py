"""The console: pages and an API that answer, and change nothing."""
