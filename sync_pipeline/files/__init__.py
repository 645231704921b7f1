"""Files on a machine that others use too: written whole, locked, and kept private."""
