-- Who owns the objects that have an owner other than their schema's. Since 2016. Needs VIEW
-- DEFINITION on the database, which the server's VIEW ANY DEFINITION implies: without it rows
-- are missing, see check_objects.sql.
SELECT o.type AS object_type, s.name AS schema_name, o.name AS item_name, p.name AS owner
FROM sys.objects AS o
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.database_principals AS p ON p.principal_id = o.principal_id
WHERE o.parent_object_id = 0 AND o.is_ms_shipped = 0
