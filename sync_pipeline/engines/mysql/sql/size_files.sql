-- Bytes of the InnoDB files that belong to one database each, by the directory that they are
-- in (a name with @0023 for #), with one tablespace's name. A server on Windows writes paths
-- with backslashes. Of a compressed or sparse file what it takes on disk counts. A file that is
-- not found has the size 0; that of a discarded tablespace is not there by intent.
-- Since 8.0.14. Needs PROCESS.
SELECT
    f.directory,
    MIN(f.name) AS sample,
    CAST(COALESCE(SUM(f.bytes), 0) AS SIGNED) AS file_bytes,
    CAST(SUM(f.bytes IS NULL) AS SIGNED) AS missing_files,
    MIN(CASE WHEN f.bytes IS NULL THEN f.name END) AS missing_name
FROM (
    SELECT
        SUBSTRING_INDEX(
            SUBSTRING_INDEX(REPLACE(d.path, CHAR(92 USING utf8mb4), '/'), '/', -2), '/', 1
        ) AS directory,
        s.name,
        CASE
            WHEN s.state = 'discarded' THEN 0
            WHEN s.file_size = 0 THEN NULL
            WHEN s.allocated_size > 0 THEN LEAST(s.file_size, s.allocated_size)
            ELSE s.file_size
        END AS bytes
    FROM information_schema.INNODB_TABLESPACES AS s
    JOIN information_schema.INNODB_DATAFILES AS d ON d.space = s.space
    WHERE s.space_type = 'Single'
) AS f
GROUP BY f.directory
