-- Privileges on databases and patterns of them. Since 11.4.2: where the tables were not
-- upgraded and lack Show_create_routine_priv, whose name then stands for the `?` of the outer
-- query, the server gives it to a user (not a role: those have no host) who has all others
-- (sql/sql_acl.cc, `acl_load`; seen on 11.8).
-- Needs SELECT on mysql.db.
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
        CASE (
            SELECT CONCAT(Show_create_routine_priv, '')
            FROM mysql.db AS own
            WHERE own.Host = here.Host AND own.Db = here.Db AND own.User = here.User
        )
            WHEN 'Y' THEN 'SHOW CREATE ROUTINE'
            WHEN '?'
                THEN IF(here.Host <> '' AND 'N' NOT IN (
                    here.Select_priv, here.Insert_priv, here.Update_priv,
                    here.Delete_priv, here.Create_priv, here.Drop_priv,
                    here.References_priv, here.Index_priv, here.Alter_priv,
                    here.Create_tmp_table_priv, here.Lock_tables_priv, here.Create_view_priv,
                    here.Show_view_priv, here.Create_routine_priv, here.Alter_routine_priv,
                    here.Execute_priv, here.Event_priv, here.Trigger_priv,
                    here.Delete_history_priv
                ), 'SHOW CREATE ROUTINE', NULL)
        END
    ) AS privileges
FROM (SELECT '?' AS Show_create_routine_priv) AS otherwise
CROSS JOIN mysql.db AS here
