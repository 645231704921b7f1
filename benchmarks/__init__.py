"""Benchmarks: commands anyone can run again, each result a ratio to a baseline of the same run."""
