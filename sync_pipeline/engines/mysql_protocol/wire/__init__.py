"""MySQL and MariaDB: connections, TLS, and what errors mean."""
