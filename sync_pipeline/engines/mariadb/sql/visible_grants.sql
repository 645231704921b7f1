-- The grants that the account itself may see, where a service hides the grant tables.
-- Needs nothing.
SELECT
    GRANTEE AS grantee,
    '' AS `database`,
    '' AS table_name,
    '' AS column_name,
    PRIVILEGE_TYPE AS privilege,
    IS_GRANTABLE AS grantable
FROM information_schema.USER_PRIVILEGES
UNION ALL
SELECT GRANTEE, TABLE_SCHEMA, '', '', PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.SCHEMA_PRIVILEGES
UNION ALL
SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, '', PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.TABLE_PRIVILEGES
UNION ALL
SELECT GRANTEE, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, PRIVILEGE_TYPE, IS_GRANTABLE
FROM information_schema.COLUMN_PRIVILEGES
