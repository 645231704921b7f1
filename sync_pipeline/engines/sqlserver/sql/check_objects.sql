-- What keeps this account from seeing every object of the database, whose names permissions
-- need; no row: nothing. The server's VIEW ANY DEFINITION implies it, unless the database
-- denies it. Since 2016. Needs nothing.
SELECT 'VIEW DEFINITION' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'DATABASE') AS p
    WHERE p.permission_name = 'VIEW DEFINITION'
)
