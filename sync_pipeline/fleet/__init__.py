"""The fleet's registry: secrets, import and export, and probing of instances."""
