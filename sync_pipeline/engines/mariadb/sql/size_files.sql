-- Bytes of the InnoDB files that belong to one database each. Since 10.6. Needs PROCESS.
-- Names are those of files (@0023 for #): the server itself reads them.
SELECT
    CONVERT(CONVERT(SUBSTRING_INDEX(name, '/', 1) USING binary) USING filename) AS name,
    CAST(SUM(file_size) AS SIGNED) AS file_bytes
FROM information_schema.INNODB_SYS_TABLESPACES
WHERE name LIKE '%/%'
GROUP BY CAST(SUBSTRING_INDEX(name, '/', 1) AS BINARY)
