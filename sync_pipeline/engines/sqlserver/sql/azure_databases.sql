-- Every database of a logical server, asked in master. Whether one may be opened is not known
-- before it is tried. One that is copied, or a secondary that can't be read, is not online. Since
-- 12.0 of Azure SQL Database. Needs VIEW ANY DATABASE: without it rows are missing, see
-- check_databases.sql.
SELECT
    d.database_id,
    d.name,
    d.state,
    d.state_desc,
    d.user_access_desc,
    0 AS is_replicated,
    0 AS is_snapshot,
    0 AS is_auto_close_on,
    0 AS is_in_standby,
    1 AS has_access,
    1 AS may_connect_any
FROM sys.databases AS d
ORDER BY d.database_id
