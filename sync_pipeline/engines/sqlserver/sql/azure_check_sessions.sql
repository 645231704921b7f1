-- What keeps this account from the sessions of others in the database; no row: nothing. Since 12.0
-- of Azure SQL Database. Needs nothing.
SELECT 'VIEW DATABASE STATE' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'DATABASE') AS p
    WHERE p.permission_name IN (
        'VIEW DATABASE STATE', 'VIEW DATABASE PERFORMANCE STATE', 'VIEW DATABASE SECURITY STATE'
    )
)
