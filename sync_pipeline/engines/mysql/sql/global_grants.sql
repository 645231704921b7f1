-- Dynamic privileges. Since 8.0. Needs SELECT on mysql.global_grants.
SELECT
    `USER` AS user,
    `HOST` AS host,
    PRIV AS privilege,
    CONCAT(WITH_GRANT_OPTION, '') AS with_grant_option
FROM mysql.global_grants
