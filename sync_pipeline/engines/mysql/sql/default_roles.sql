-- Roles that are active at login. Since 8.0. Needs SELECT on mysql.default_roles.
SELECT
    `USER` AS user,
    `HOST` AS host,
    DEFAULT_ROLE_USER AS role_user,
    DEFAULT_ROLE_HOST AS role_host
FROM mysql.default_roles
