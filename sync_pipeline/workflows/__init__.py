"""Each operation from start to finish, without Dagster."""
