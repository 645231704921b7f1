-- Procedures and functions of a TRUSTWORTHY database that run as somebody else than who calls them,
-- and as whom; no text of any. Those of the server's own are left out. Since 2016. Needs VIEW
-- DEFINITION on the database, which the server's VIEW ANY DEFINITION implies: without it rows are
-- missing, see check_objects.sql.
SELECT
    'definer' AS name,
    '' AS [database],
    CONCAT(QUOTENAME(s.name), '.', QUOTENAME(o.name)) AS subject,
    p.name AS value
FROM sys.sql_modules AS m
JOIN sys.objects AS o ON o.object_id = m.object_id
JOIN sys.schemas AS s ON s.schema_id = o.schema_id
JOIN sys.databases AS d ON d.database_id = DB_ID()
JOIN sys.database_principals AS p
    ON p.principal_id = CASE
        WHEN m.execute_as_principal_id = -2 THEN COALESCE(o.principal_id, s.principal_id)
        ELSE m.execute_as_principal_id
    END
WHERE m.execute_as_principal_id IS NOT NULL
    AND d.is_trustworthy_on = 1
    AND o.is_ms_shipped = 0
    AND RTRIM(o.type) IN ('P', 'PC', 'FN', 'FS')
