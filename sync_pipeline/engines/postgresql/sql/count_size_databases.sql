-- How many databases there are. Since 14. Needs nothing.
SELECT count(*) AS counted
FROM pg_catalog.pg_database
