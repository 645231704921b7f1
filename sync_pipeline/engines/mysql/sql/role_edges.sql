-- Which role (from) is granted to whom (to). Since 8.0. Needs SELECT on mysql.role_edges.
SELECT
    FROM_USER AS role_user,
    FROM_HOST AS role_host,
    TO_USER AS user,
    TO_HOST AS host,
    CONCAT(WITH_ADMIN_OPTION, '') AS with_admin_option
FROM mysql.role_edges
