"""Run an engine's queries and say how complete the answer is."""
