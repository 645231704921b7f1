"""Worlds as large as a benchmark asks for, and what commands over them cost."""
