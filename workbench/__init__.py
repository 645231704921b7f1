"""What tests, benchmarks and the demo share: private servers, emulations, invented worlds."""
