-- How many rows each grant table has. Since 8.0.
-- Needs SELECT on all of them.
SELECT
    (SELECT COUNT(*) FROM mysql.user) AS user,
    (SELECT COUNT(*) FROM mysql.db) AS db,
    (SELECT COUNT(*) FROM mysql.tables_priv WHERE Table_priv <> '') AS tables_priv,
    (SELECT COUNT(*) FROM mysql.columns_priv) AS columns_priv,
    (SELECT COUNT(*) FROM mysql.procs_priv) AS procs_priv,
    (SELECT COUNT(*) FROM mysql.proxies_priv) AS proxies_priv,
    (SELECT COUNT(*) FROM mysql.global_grants) AS global_grants,
    (SELECT COUNT(*) FROM mysql.role_edges) AS role_edges,
    (SELECT COUNT(*) FROM mysql.default_roles) AS default_roles
