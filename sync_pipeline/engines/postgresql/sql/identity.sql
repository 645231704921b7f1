-- What the server is, and how this connection is encrypted. Since 14. Needs nothing.
SELECT
    pg_catalog.version() AS product,
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_setting('server_version_num') AS version_number,
    s.version || ' ' || s.cipher AS tls
FROM (SELECT pg_catalog.pg_backend_pid() AS pid) AS me
LEFT JOIN pg_catalog.pg_stat_ssl AS s ON s.pid = me.pid AND s.ssl
