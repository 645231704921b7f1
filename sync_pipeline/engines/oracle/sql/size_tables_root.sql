-- The largest tables of each open container with their indexes and large objects. The rows of an
-- index-organised table are in its index; what lies in the recycle bin is no table any more. It can
-- take minutes, so it is asked for only where the largest tables are wanted.
-- Since 12.2. Needs READ on SYS.CDB_SEGMENTS, SYS.CDB_INDEXES, SYS.CDB_LOBS and SYS.DBA_PDBS, and
-- CONTAINER_DATA of all containers.
SELECT
    CASE WHEN x.con_id = 1 THEN NULL ELSE NVL(p.pdb_name, TO_CHAR(x.con_id)) END AS container,
    x.schema_name AS schema_name,
    x.table_name AS table_name,
    x.data_bytes AS data_bytes,
    x.index_bytes AS index_bytes
FROM (
    SELECT
        x.con_id AS con_id,
        x.schema_name AS schema_name,
        x.table_name AS table_name,
        SUM(x.data_bytes) AS data_bytes,
        SUM(x.index_bytes) AS index_bytes,
        ROW_NUMBER() OVER (
            PARTITION BY x.con_id
            ORDER BY SUM(x.data_bytes + x.index_bytes) DESC, x.schema_name, x.table_name
        ) AS place
    FROM (
        SELECT
            s.con_id AS con_id,
            s.owner AS schema_name,
            s.segment_name AS table_name,
            s.bytes AS data_bytes,
            0 AS index_bytes
        FROM sys.cdb_segments s
        WHERE s.segment_type IN ('TABLE', 'TABLE PARTITION', 'TABLE SUBPARTITION', 'NESTED TABLE')
        UNION ALL
        SELECT
            s.con_id AS con_id,
            i.table_owner AS schema_name,
            i.table_name AS table_name,
            CASE WHEN i.index_type = 'IOT - TOP' THEN s.bytes ELSE 0 END AS data_bytes,
            CASE WHEN i.index_type = 'IOT - TOP' THEN 0 ELSE s.bytes END AS index_bytes
        FROM sys.cdb_segments s
        JOIN sys.cdb_indexes i
            ON i.owner = s.owner AND i.index_name = s.segment_name AND i.con_id = s.con_id
        WHERE s.segment_type IN ('INDEX', 'INDEX PARTITION', 'INDEX SUBPARTITION', 'LOBINDEX')
        UNION ALL
        SELECT
            s.con_id AS con_id,
            l.owner AS schema_name,
            l.table_name AS table_name,
            s.bytes AS data_bytes,
            0 AS index_bytes
        FROM sys.cdb_segments s
        JOIN sys.cdb_lobs l
            ON l.owner = s.owner AND l.segment_name = s.segment_name AND l.con_id = s.con_id
        WHERE s.segment_type IN ('LOBSEGMENT', 'LOB PARTITION', 'LOB SUBPARTITION')
    ) x
    WHERE x.table_name NOT LIKE 'BIN$%'
    GROUP BY x.con_id, x.schema_name, x.table_name
) x
LEFT JOIN sys.dba_pdbs p ON p.pdb_id = x.con_id
WHERE x.place <= :wanted
    AND x.con_id <> 2
