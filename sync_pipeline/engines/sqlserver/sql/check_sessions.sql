-- What keeps this account from the sessions of others; no row: nothing. From 2022 on VIEW SERVER
-- PERFORMANCE STATE is enough. Since 2016. Needs nothing.
SELECT 'VIEW SERVER STATE' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
    WHERE p.permission_name IN ('VIEW SERVER STATE', 'VIEW SERVER PERFORMANCE STATE')
)
