-- Every principal of a database of a logical server. Logins are in master alone, so that the
-- identifier stands in the place of the login's name; each database may have contained users, and
-- can be neither TRUSTWORTHY nor chained. Since 12.0 of Azure SQL Database. Needs VIEW DEFINITION
-- or VIEW SECURITY DEFINITION on the database: without it rows are missing, see check_users.sql.
SELECT
    p.name,
    p.principal_id,
    p.type,
    p.type_desc,
    p.is_fixed_role,
    p.authentication_type,
    p.authentication_type_desc,
    p.default_schema_name,
    p.sid AS login,
    1 AS containment,
    0 AS is_trustworthy_on,
    0 AS is_db_chaining_on
FROM sys.database_principals AS p
