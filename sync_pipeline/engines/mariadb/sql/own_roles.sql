-- The roles of the account itself and of these, where a service hides the grant tables. Since 10.6.
-- Needs nothing.
SELECT
    'self' AS kind,
    CURRENT_USER() AS grantee,
    '' AS grantee_host,
    '' AS role,
    '' AS role_host,
    '' AS is_grantable,
    '' AS is_default,
    '' AS is_mandatory
FROM DUAL
UNION ALL
SELECT 'role', GRANTEE, '', ROLE_NAME, '', IS_GRANTABLE, IS_DEFAULT, ''
FROM information_schema.APPLICABLE_ROLES
