-- What the active roles of the account, and the roles that these have, may do on tables and
-- columns. Since 8.0.19. Needs nothing.
SELECT
    GRANTEE AS user,
    GRANTEE_HOST AS host,
    TABLE_SCHEMA AS `database`,
    TABLE_NAME AS table_name,
    '' AS column_name,
    CONCAT(GRANTOR, '@', GRANTOR_HOST) AS grantor,
    CONCAT(PRIVILEGE_TYPE, '') AS privileges
FROM information_schema.ROLE_TABLE_GRANTS
UNION ALL
SELECT
    GRANTEE, GRANTEE_HOST, TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, '', CONCAT(PRIVILEGE_TYPE, '')
FROM information_schema.ROLE_COLUMN_GRANTS
