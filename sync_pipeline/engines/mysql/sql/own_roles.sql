-- The roles of the account itself and of these, and which are active. Since 8.0.19. Needs nothing.
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
SELECT
    'role', GRANTEE, GRANTEE_HOST, ROLE_NAME, ROLE_HOST, IS_GRANTABLE, IS_DEFAULT, IS_MANDATORY
FROM information_schema.APPLICABLE_ROLES
UNION ALL
SELECT 'enabled', '', '', ROLE_NAME, ROLE_HOST, '', '', ''
FROM information_schema.ENABLED_ROLES
