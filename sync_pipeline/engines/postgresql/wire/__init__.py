"""PostgreSQL: connections, TLS, and what errors mean."""
