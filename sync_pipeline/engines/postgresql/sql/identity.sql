-- What the server is, how this connection is encrypted, and as which role it acts where that is
-- another than logged in; and what managed services make, which says whose the server is
-- (the names: `platform.py`). Since 14. Needs nothing.
SELECT
    pg_catalog.version() AS product,
    pg_catalog.current_setting('server_version') AS version,
    pg_catalog.current_setting('server_version_num') AS version_number,
    s.version || ' ' || s.cipher AS tls,
    CASE WHEN current_user <> session_user THEN current_user END AS acts_as,
    (
        SELECT r.rolname
        FROM pg_catalog.pg_roles AS r
        WHERE r.oid = 10 AND r.rolsuper
    ) AS first_role,
    (
        SELECT pg_catalog.string_agg(r.rolname, ',')
        FROM pg_catalog.pg_roles AS r
        WHERE NOT r.rolsuper
            AND r.rolname IN (
                'rds_superuser', 'cloudsqlsuperuser', 'alloydbsuperuser', 'azure_pg_admin',
                'pg_rds_superuser'
            )
    ) AS stand_ins,
    (
        SELECT pg_catalog.string_agg(r.rolname, ',')
        FROM pg_catalog.pg_roles AS r
        WHERE r.rolname IN (
            'rdsrepladmin', 'rds_ad', 'rds_iam', 'rds_password', 'rds_replication',
            'cloudsqlagent', 'cloudsqlimportexport', 'cloudsqlreplica', 'cloudsqliamuser',
            'cloudsqliamserviceaccount', 'alloydbagent', 'alloydbimportexport', 'alloydbreplica',
            'alloydbiamuser', 'aurora', 'replicator'
        )
    ) AS provider_accounts,
    (
        SELECT pg_catalog.string_agg(d.datname, ',')
        FROM pg_catalog.pg_database AS d
        WHERE d.datdba = 10
            AND d.datname IN (
                'rdsadmin', 'cloudsqladmin', 'alloydbadmin', 'alloydbmetadata',
                'azure_maintenance', 'azure_sys'
            )
    ) AS provider_databases,
    pg_catalog.to_regproc('pg_catalog.aurora_version') IS NOT NULL AS has_aurora
FROM (SELECT pg_catalog.pg_backend_pid() AS pid) AS me
LEFT JOIN pg_catalog.pg_stat_ssl AS s ON s.pid = me.pid AND s.ssl
