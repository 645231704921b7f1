-- Privileges on routines. Since 8.0. Needs SELECT on mysql.procs_priv.
SELECT
    User AS user,
    Host AS host,
    Db AS `database`,
    Routine_name AS routine_name,
    CONCAT(Routine_type, '') AS routine_type,
    Grantor AS grantor,
    CONCAT(Proc_priv, '') AS privileges
FROM mysql.procs_priv
