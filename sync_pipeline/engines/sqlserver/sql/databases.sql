-- Every database, whether it can be opened, and what it is to an availability group. Database
-- snapshots are views of one as it was, and are marked: they are no databases. Since 2016. Needs
-- VIEW ANY DATABASE, which VIEW ANY DEFINITION implies: without it rows are missing, see
-- check_databases.sql.
SELECT
    d.database_id,
    d.name,
    d.state,
    d.state_desc,
    d.user_access_desc,
    CASE WHEN d.replica_id IS NULL THEN 0 ELSE 1 END AS is_replicated,
    CASE WHEN d.source_database_id IS NULL THEN 0 ELSE 1 END AS is_snapshot,
    CAST(d.is_auto_close_on AS int) AS is_auto_close_on,
    CASE WHEN d.is_in_standby = 1 THEN 1 ELSE 0 END AS is_in_standby,
    COALESCE(HAS_DBACCESS(d.name), 0) AS has_access,
    (
        SELECT COUNT(*)
        FROM sys.fn_my_permissions(NULL, 'SERVER') AS p
        WHERE p.permission_name = 'CONNECT ANY DATABASE'
    ) AS may_connect_any
FROM sys.databases AS d
ORDER BY d.database_id
