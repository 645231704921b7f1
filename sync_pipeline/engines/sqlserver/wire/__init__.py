"""SQL Server: connections, TLS, and what errors mean."""
