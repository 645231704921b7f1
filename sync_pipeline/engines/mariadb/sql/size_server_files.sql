-- InnoDB files that belong to no single database. Since 10.6. Needs PROCESS.
SELECT
    name,
    name = 'innodb_temporary' AS is_temporary,
    CAST(file_size AS SIGNED) AS file_bytes
FROM information_schema.INNODB_SYS_TABLESPACES
WHERE name NOT LIKE '%/%'
