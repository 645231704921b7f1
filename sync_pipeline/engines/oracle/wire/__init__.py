"""Oracle: connections, TLS, and what errors mean."""
