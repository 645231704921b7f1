-- What keeps this account from seeing every login; no row: nothing. The views of principals
-- show fewer rows then, without an error (Metadata visibility configuration). From 2022 on
-- VIEW ANY SECURITY DEFINITION is enough. Since 2016. Needs nothing.
SELECT 'VIEW ANY DEFINITION' AS missing
WHERE NOT EXISTS (
    SELECT p.permission_name
    FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
    WHERE p.permission_name IN ('VIEW ANY DEFINITION', 'VIEW ANY SECURITY DEFINITION')
)
