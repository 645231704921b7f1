"""A running system: homes, processes, and what a person does with the UI."""
