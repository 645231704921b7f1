-- Bytes of the InnoDB files that belong to one database each. Since 10.6. Needs PROCESS.
-- Names are those of files (@0023 for #, aux@@@ for aux): the server itself reads them, and
-- the end of the latter as a zero byte.
-- Of a compressed or sparse file what it takes on disk counts. A file that is not found has no
-- block size; one that was not found at the start is in the dictionary alone.
SELECT
    CONVERT(CONVERT(f.directory USING binary) USING filename) AS name,
    CAST(COALESCE(SUM(f.bytes), 0) AS SIGNED) AS file_bytes,
    CAST(SUM(f.bytes IS NULL) AS SIGNED) AS missing_files,
    MIN(CASE WHEN f.bytes IS NULL THEN f.full_name END) AS missing_name
FROM (
    SELECT
        MIN(u.full_name) AS full_name,
        SUBSTRING_INDEX(MIN(u.full_name), '/', 1) AS directory,
        MAX(u.bytes) AS bytes
    FROM (
        SELECT
            space,
            name AS full_name,
            CASE
                WHEN fs_block_size = 0 THEN NULL
                WHEN allocated_size > 0 THEN LEAST(file_size, allocated_size)
                ELSE file_size
            END AS bytes
        FROM information_schema.INNODB_SYS_TABLESPACES
        WHERE name LIKE '%/%'
        UNION ALL
        SELECT space, name, NULL
        FROM information_schema.INNODB_SYS_TABLES
        WHERE space <> 0 AND name LIKE '%/%'
    ) AS u
    GROUP BY u.space
) AS f
GROUP BY CAST(f.directory AS BINARY)
