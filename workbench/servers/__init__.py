"""Private database servers on random loopback ports and temporary directories."""
