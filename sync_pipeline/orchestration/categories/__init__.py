"""What Dagster needs of each category of jobs: a folder a category."""
