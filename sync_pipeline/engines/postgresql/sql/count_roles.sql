-- How many roles there are. Since 14. Needs nothing.
SELECT count(*) AS counted
FROM pg_catalog.pg_roles
