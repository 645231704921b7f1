-- Every principal of the database, the login with its security identifier, and what of the
-- database lends rights. Since 2016.
-- Needs VIEW DEFINITION on the database, which the server's VIEW ANY DEFINITION implies (from
-- 2022 on VIEW SECURITY DEFINITION is enough): without it rows are missing, see
-- check_users.sql.
SELECT
    p.name,
    p.principal_id,
    p.type,
    p.type_desc,
    p.is_fixed_role,
    p.authentication_type,
    p.authentication_type_desc,
    p.default_schema_name,
    l.name AS login,
    d.containment,
    CAST(d.is_trustworthy_on AS int) AS is_trustworthy_on,
    CAST(d.is_db_chaining_on AS int) AS is_db_chaining_on
FROM sys.database_principals AS p
JOIN sys.databases AS d ON d.database_id = DB_ID()
LEFT JOIN sys.server_principals AS l
    ON l.sid = p.sid AND l.type <> 'R' AND p.type NOT IN ('R', 'A')
