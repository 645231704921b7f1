-- Privileges on tables and views; those on columns are in columns_priv. Since 10.6.
-- Needs SELECT on mysql.tables_priv.
SELECT
    User AS user,
    Host AS host,
    Db AS `database`,
    Table_name AS table_name,
    Grantor AS grantor,
    CONCAT(Table_priv, '') AS privileges
FROM mysql.tables_priv
WHERE Table_priv <> ''
