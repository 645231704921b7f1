"""Connections to servers that may be slow, endless or hostile: what all engines share."""
