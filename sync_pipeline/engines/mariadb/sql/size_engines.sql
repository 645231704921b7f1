-- The tables of one database and their engines, from their definitions: no table is opened.
-- Since 10.6. Sees what size_schemas.sql sees.
SELECT table_name AS table_name, engine AS engine
FROM information_schema.TABLES
WHERE table_schema = %(schema_name)s AND table_type NOT IN ('VIEW', 'SYSTEM VIEW')
