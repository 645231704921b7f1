-- What keeps this account from seeing every object of the server; no row: nothing. The
-- catalog views show fewer rows then, without an error. Since 2016. Needs nothing.
SELECT 'VIEW ANY DEFINITION' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
    WHERE p.permission_name = 'VIEW ANY DEFINITION'
)
