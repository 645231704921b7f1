-- How many databases this account may see. Since 8.0. Sees all of them with SHOW
-- DATABASES or any global privilege on tables.
SELECT COUNT(*) AS counted
FROM information_schema.SCHEMATA
