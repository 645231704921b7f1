-- Who is logged in now, and when the server started. Of the sessions of others, what kind they
-- are is shown to members of pg_read_all_stats alone; without that, sessions in no database are
-- left out, because the launcher of logical replication is one, as the first role.
-- Since 14. Needs nothing.
SELECT
    a.usename AS name,
    pg_catalog.bool_and(a.backend_type IS NOT NULL) AS is_shown,
    pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())::bigint::text AS started
FROM pg_catalog.pg_stat_activity AS a
WHERE
    a.usename IS NOT NULL
    AND (
        a.backend_type IN ('client backend', 'walsender')
        OR (a.backend_type IS NULL AND a.datid IS NOT NULL)
    )
GROUP BY a.usename
