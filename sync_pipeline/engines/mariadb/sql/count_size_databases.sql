-- How many databases this account may see. Since 10.6. Sees all of them with SHOW
-- DATABASES or any global privilege on tables.
SELECT COUNT(*) AS counted
FROM information_schema.SCHEMATA
