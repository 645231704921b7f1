-- Bytes of the InnoDB files that belong to one database each, by the directory that they are
-- in (a name with @0023 for #), with one tablespace's name. A server on Windows writes paths
-- with backslashes. Since 8.0. Needs PROCESS.
SELECT
    SUBSTRING_INDEX(
        SUBSTRING_INDEX(REPLACE(d.path, CHAR(92 USING utf8mb4), '/'), '/', -2), '/', 1
    ) AS directory,
    MIN(s.name) AS sample,
    CAST(SUM(s.file_size) AS SIGNED) AS file_bytes
FROM information_schema.INNODB_TABLESPACES AS s
JOIN information_schema.INNODB_DATAFILES AS d ON d.space = s.space
WHERE s.space_type = 'Single'
GROUP BY directory
