"""The store: registry, sessions, accounts and leases, on SQLite or PostgreSQL."""
