-- What keeps this account from seeing every principal of the database; no row: nothing.
-- The server's VIEW ANY DEFINITION implies it, unless the database denies it. From 2022 on
-- VIEW SECURITY DEFINITION is enough. Since 2016. Needs nothing.
SELECT 'VIEW DEFINITION' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'DATABASE') AS p
    WHERE p.permission_name IN ('VIEW DEFINITION', 'VIEW SECURITY DEFINITION')
)
