-- InnoDB files that belong to no single database; one that is not found has no block size.
-- Since 10.6. Needs PROCESS.
SELECT
    name,
    name = 'innodb_temporary' AS is_temporary,
    CASE WHEN fs_block_size > 0 THEN CAST(file_size AS SIGNED) END AS file_bytes
FROM information_schema.INNODB_SYS_TABLESPACES
WHERE name NOT LIKE '%/%'
