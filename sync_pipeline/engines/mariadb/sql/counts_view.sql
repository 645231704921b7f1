-- How many rows each grant table has, and the view of the accounts. Since 10.6.
-- Needs SELECT on all of them.
SELECT
    (SELECT COUNT(*) FROM sync_pipeline.global_priv) AS global_priv,
    (SELECT COUNT(*) FROM mysql.db) AS db,
    (SELECT COUNT(*) FROM mysql.tables_priv WHERE Table_priv <> '') AS tables_priv,
    (SELECT COUNT(*) FROM mysql.columns_priv) AS columns_priv,
    (SELECT COUNT(*) FROM mysql.procs_priv) AS procs_priv,
    (SELECT COUNT(*) FROM mysql.proxies_priv) AS proxies_priv,
    (SELECT COUNT(*) FROM mysql.roles_mapping) AS roles_mapping
