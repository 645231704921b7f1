"""Views of a PostgreSQL store for others, such as Grafana: an interface, apart from the tables."""
