-- What keeps this account from seeing every database; no row: nothing. VIEW ANY DEFINITION
-- implies it unless it is denied. Since 2016. Needs nothing.
SELECT 'VIEW ANY DATABASE' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
    WHERE p.permission_name = 'VIEW ANY DATABASE'
)
