-- The tables that lie in the shared tablespace. Since 10.6. Needs PROCESS.
-- Names are those of files (@0023 for #, aux@@@ for aux, whose end is read as a zero byte).
SELECT DISTINCT
    CONVERT(CONVERT(SUBSTRING_INDEX(name, '/', 1) USING binary) USING filename) AS schema_name,
    CONVERT(CONVERT(
        SUBSTRING_INDEX(SUBSTRING_INDEX(SUBSTRING_INDEX(name, '/', -1), '#P#', 1), '#p#', 1)
        USING binary
    ) USING filename) AS table_name
FROM information_schema.INNODB_SYS_TABLES
WHERE space = 0 AND name LIKE '%/%'
