-- The largest tables with their indexes and large objects, all partitions together. The rows of an
-- index-organised table are in its index; what lies in the recycle bin is no table any more. It can
-- take minutes, so it is asked for only where the largest tables are wanted.
-- Since 12.2. Needs READ on SYS.DBA_SEGMENTS, SYS.DBA_INDEXES and SYS.DBA_LOBS.
SELECT
    CAST(NULL AS VARCHAR2(128)) AS container,
    x.schema_name AS schema_name,
    x.table_name AS table_name,
    x.data_bytes AS data_bytes,
    x.index_bytes AS index_bytes
FROM (
    SELECT
        x.schema_name AS schema_name,
        x.table_name AS table_name,
        SUM(x.data_bytes) AS data_bytes,
        SUM(x.index_bytes) AS index_bytes,
        ROW_NUMBER() OVER (
            ORDER BY SUM(x.data_bytes + x.index_bytes) DESC, x.schema_name, x.table_name
        ) AS place
    FROM (
        SELECT
            s.owner AS schema_name,
            s.segment_name AS table_name,
            s.bytes AS data_bytes,
            0 AS index_bytes
        FROM sys.dba_segments s
        WHERE s.segment_type IN ('TABLE', 'TABLE PARTITION', 'TABLE SUBPARTITION', 'NESTED TABLE')
        UNION ALL
        SELECT
            i.table_owner AS schema_name,
            i.table_name AS table_name,
            CASE WHEN i.index_type = 'IOT - TOP' THEN s.bytes ELSE 0 END AS data_bytes,
            CASE WHEN i.index_type = 'IOT - TOP' THEN 0 ELSE s.bytes END AS index_bytes
        FROM sys.dba_segments s
        JOIN sys.dba_indexes i
            ON i.owner = s.owner AND i.index_name = s.segment_name
        WHERE s.segment_type IN ('INDEX', 'INDEX PARTITION', 'INDEX SUBPARTITION', 'LOBINDEX')
        UNION ALL
        SELECT
            l.owner AS schema_name,
            l.table_name AS table_name,
            s.bytes AS data_bytes,
            0 AS index_bytes
        FROM sys.dba_segments s
        JOIN sys.dba_lobs l
            ON l.owner = s.owner AND l.segment_name = s.segment_name
        WHERE s.segment_type IN ('LOBSEGMENT', 'LOB PARTITION', 'LOB SUBPARTITION')
    ) x
    WHERE x.table_name NOT LIKE 'BIN$%'
    GROUP BY x.schema_name, x.table_name
) x
WHERE x.place <= :wanted
