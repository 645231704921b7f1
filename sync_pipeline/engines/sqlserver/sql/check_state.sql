-- What keeps this account from the server's state; no row: nothing. From 2022 on VIEW SERVER
-- SECURITY STATE is enough for what is asked of connections. Since 2016. Needs nothing.
SELECT 'VIEW SERVER STATE' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
    WHERE p.permission_name IN ('VIEW SERVER STATE', 'VIEW SERVER SECURITY STATE')
)
