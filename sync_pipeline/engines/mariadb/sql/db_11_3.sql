-- Privileges on databases and patterns of them. Since 11.3, which added
-- Show_create_routine_priv: a server whose tables were not upgraded lacks that column, and
-- its name then stands for the `?` of the outer query. Needs SELECT on mysql.db.
SELECT
    here.User AS user,
    here.Host AS host,
    here.Db AS `database`,
    0 AS is_literal,
    CONCAT_WS(
        ',',
        IF(here.Select_priv = 'Y', 'SELECT', NULL),
        IF(here.Insert_priv = 'Y', 'INSERT', NULL),
        IF(here.Update_priv = 'Y', 'UPDATE', NULL),
        IF(here.Delete_priv = 'Y', 'DELETE', NULL),
        IF(here.Create_priv = 'Y', 'CREATE', NULL),
        IF(here.Drop_priv = 'Y', 'DROP', NULL),
        IF(here.References_priv = 'Y', 'REFERENCES', NULL),
        IF(here.Index_priv = 'Y', 'INDEX', NULL),
        IF(here.Alter_priv = 'Y', 'ALTER', NULL),
        IF(here.Create_tmp_table_priv = 'Y', 'CREATE TEMPORARY TABLES', NULL),
        IF(here.Lock_tables_priv = 'Y', 'LOCK TABLES', NULL),
        IF(here.Create_view_priv = 'Y', 'CREATE VIEW', NULL),
        IF(here.Show_view_priv = 'Y', 'SHOW VIEW', NULL),
        IF(here.Create_routine_priv = 'Y', 'CREATE ROUTINE', NULL),
        IF(here.Alter_routine_priv = 'Y', 'ALTER ROUTINE', NULL),
        IF(here.Execute_priv = 'Y', 'EXECUTE', NULL),
        IF(here.Event_priv = 'Y', 'EVENT', NULL),
        IF(here.Trigger_priv = 'Y', 'TRIGGER', NULL),
        IF(here.Grant_priv = 'Y', 'GRANT', NULL),
        IF(here.Delete_history_priv = 'Y', 'DELETE HISTORY', NULL),
        IF(
            (
                SELECT CONCAT(Show_create_routine_priv, '')
                FROM mysql.db AS own
                WHERE own.Host = here.Host AND own.Db = here.Db AND own.User = here.User
            ) = 'Y', 'SHOW CREATE ROUTINE', NULL
        )
    ) AS privileges
FROM (SELECT '?' AS Show_create_routine_priv) AS otherwise
CROSS JOIN mysql.db AS here
