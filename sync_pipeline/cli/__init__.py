"""The `sync-pipeline` command: a module for each noun."""
