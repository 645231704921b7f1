"""The whole-system benchmark of the account sync: `python -m benchmarks.fleet --help`."""
