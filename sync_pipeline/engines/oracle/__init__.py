"""Oracle Database 12.2 to 23ai."""
