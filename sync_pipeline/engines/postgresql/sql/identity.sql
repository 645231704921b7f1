-- What the server is, how this connection is encrypted, and as which role it acts where that is
-- another than logged in. Since 14. Needs nothing.
SELECT
    pg_catalog.version() AS product,
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_setting('server_version_num') AS version_number,
    s.version || ' ' || s.cipher AS tls,
    CASE WHEN current_user <> session_user THEN current_user END AS acts_as
FROM (SELECT pg_catalog.pg_backend_pid() AS pid) AS me
LEFT JOIN pg_catalog.pg_stat_ssl AS s ON s.pid = me.pid AND s.ssl
