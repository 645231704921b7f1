-- What keeps this account from seeing the files of every database; no row: nothing
-- (sys.master_files, Permissions). Since 2016. Needs nothing.
SELECT 'VIEW ANY DEFINITION' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
    WHERE p.permission_name IN ('VIEW ANY DEFINITION', 'CREATE ANY DATABASE', 'ALTER ANY DATABASE')
)
