"""Controls of published benchmarks by engine, and how a review answers them. Pure."""
