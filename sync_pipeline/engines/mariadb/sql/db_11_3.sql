-- Privileges on databases and patterns of them. Since 11.3, which added
-- Show_create_routine_priv. Needs SELECT on mysql.db.
SELECT
    User AS user,
    Host AS host,
    Db AS `database`,
    0 AS is_literal,
    CONCAT_WS(
        ',',
        IF(Select_priv = 'Y', 'SELECT', NULL),
        IF(Insert_priv = 'Y', 'INSERT', NULL),
        IF(Update_priv = 'Y', 'UPDATE', NULL),
        IF(Delete_priv = 'Y', 'DELETE', NULL),
        IF(Create_priv = 'Y', 'CREATE', NULL),
        IF(Drop_priv = 'Y', 'DROP', NULL),
        IF(References_priv = 'Y', 'REFERENCES', NULL),
        IF(Index_priv = 'Y', 'INDEX', NULL),
        IF(Alter_priv = 'Y', 'ALTER', NULL),
        IF(Create_tmp_table_priv = 'Y', 'CREATE TEMPORARY TABLES', NULL),
        IF(Lock_tables_priv = 'Y', 'LOCK TABLES', NULL),
        IF(Create_view_priv = 'Y', 'CREATE VIEW', NULL),
        IF(Show_view_priv = 'Y', 'SHOW VIEW', NULL),
        IF(Create_routine_priv = 'Y', 'CREATE ROUTINE', NULL),
        IF(Alter_routine_priv = 'Y', 'ALTER ROUTINE', NULL),
        IF(Execute_priv = 'Y', 'EXECUTE', NULL),
        IF(Event_priv = 'Y', 'EVENT', NULL),
        IF(Trigger_priv = 'Y', 'TRIGGER', NULL),
        IF(Grant_priv = 'Y', 'GRANT', NULL),
        IF(Delete_history_priv = 'Y', 'DELETE HISTORY', NULL),
        IF(Show_create_routine_priv = 'Y', 'SHOW CREATE ROUTINE', NULL)
    ) AS privileges
FROM mysql.db
