-- The databases that this account may see. Since 8.0.
-- Sees all of them with SHOW DATABASES or any global privilege on tables.
SELECT schema_name AS name
FROM information_schema.SCHEMATA
ORDER BY schema_name
