"""What the console is told: everything within what its viewer may see."""
