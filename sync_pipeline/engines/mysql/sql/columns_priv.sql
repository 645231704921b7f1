-- Privileges on columns. Since 8.0. Needs SELECT on mysql.columns_priv.
SELECT
    User AS user,
    Host AS host,
    Db AS `database`,
    Table_name AS table_name,
    Column_name AS column_name,
    CONCAT(Column_priv, '') AS privileges
FROM mysql.columns_priv
