-- Who owns the objects, types and XML schema collections that have an owner other than their
-- schema's, and who owns what is in no schema, in a database of a logical server, which has no
-- message types, contracts, services, bindings and routes. The latter is dbo's unless somebody
-- else is named: dbo may do everything, and is left out. Since 12.0 of Azure SQL Database. Needs
-- VIEW DEFINITION on the database: without it rows are missing, see check_objects.sql.
SELECT o.class_desc, o.object_type, o.schema_name, o.item_name, o.owner
FROM (
    SELECT
        'OBJECT_OR_COLUMN' AS class_desc,
        CAST(x.type AS nvarchar(2)) AS object_type,
        s.name COLLATE Latin1_General_100_BIN2 AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.objects AS x
    JOIN sys.schemas AS s ON s.schema_id = x.schema_id
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE x.parent_object_id = 0 AND x.is_ms_shipped = 0
    UNION ALL
    SELECT
        'TYPE' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        s.name COLLATE Latin1_General_100_BIN2 AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.types AS x
    JOIN sys.schemas AS s ON s.schema_id = x.schema_id
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE x.is_user_defined = 1
    UNION ALL
    SELECT
        'XML_SCHEMA_COLLECTION' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        s.name COLLATE Latin1_General_100_BIN2 AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.xml_schema_collections AS x
    JOIN sys.schemas AS s ON s.schema_id = x.schema_id
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    UNION ALL
    SELECT
        'ASSEMBLY' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.assemblies AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'FULLTEXT_CATALOG' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.fulltext_catalogs AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'SYMMETRIC_KEYS' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.symmetric_keys AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'CERTIFICATE' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.certificates AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'ASYMMETRIC_KEY' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.asymmetric_keys AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'FULLTEXT_STOPLIST' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.fulltext_stoplists AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'SEARCH_PROPERTY_LIST' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.registered_search_property_lists AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
    UNION ALL
    SELECT
        'DATABASE_SCOPED_CREDENTIAL' AS class_desc,
        CAST(NULL AS nvarchar(2)) AS object_type,
        CAST(NULL AS nvarchar(128)) AS schema_name,
        x.name COLLATE Latin1_General_100_BIN2 AS item_name,
        p.name COLLATE Latin1_General_100_BIN2 AS owner
    FROM sys.database_scoped_credentials AS x
    JOIN sys.database_principals AS p ON p.principal_id = x.principal_id
    WHERE p.principal_id <> 1
) AS o
