-- Bytes of the tables (with TOAST, maps and sequences) and of their indexes, of the database
-- that this connection is in; catalogs shared by all databases are left out. The server counts a
-- file that is not there as 0: so a table or index that had pages when it was last analyzed, and
-- has no byte, is named (not an unlogged one, which a crash or a standby empties). Since 14.
-- Needs CONNECT.
SELECT
    COALESCE(SUM(s.data_bytes), 0)::bigint AS data_bytes,
    COALESCE(SUM(s.index_bytes), 0)::bigint AS index_bytes,
    MIN(
        CASE WHEN s.relpersistence = 'p' THEN COALESCE(
            CASE
                WHEN
                    s.relpages > 0
                    AND (s.reltoastrelid <> 0 OR s.data_bytes < s.relpages * s.block)
                    THEN CASE
                        WHEN pg_catalog.pg_relation_size(s.oid) = 0 THEN s.oid::regclass::text
                    END
            END,
            CASE
                WHEN s.index_pages > 0 AND s.index_bytes < s.index_pages * s.block
                    THEN (
                        SELECT MIN(i.indexrelid::regclass::text)
                        FROM pg_catalog.pg_index AS i
                        JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
                        WHERE
                            i.indrelid = s.oid
                            AND x.relpages > 0
                            AND pg_catalog.pg_relation_size(x.oid) = 0
                    )
            END
        ) END
    ) AS missing_name
FROM (
    SELECT
        c.oid,
        c.relpersistence,
        c.reltoastrelid,
        c.relpages::bigint AS relpages,
        n.index_pages,
        pg_catalog.current_setting('block_size')::bigint AS block,
        pg_catalog.pg_table_size(c.oid) AS data_bytes,
        pg_catalog.pg_indexes_size(c.oid) AS index_bytes
    FROM pg_catalog.pg_class AS c
    LEFT JOIN (
        SELECT i.indrelid, SUM(x.relpages)::bigint AS index_pages
        FROM pg_catalog.pg_index AS i
        JOIN pg_catalog.pg_class AS x ON x.oid = i.indexrelid
        WHERE x.relkind = 'i'
        GROUP BY i.indrelid
    ) AS n ON n.indrelid = c.oid
    WHERE c.relkind IN ('r', 'm', 'S') AND NOT c.relisshared
    OFFSET 0
) AS s
