-- What is granted and denied in a database of a logical server, with the names of its own objects.
-- It has no message types, contracts, services, bindings and routes, and no views of them. Left
-- out: what every database grants public on the system's views. Since 12.0 of Azure SQL Database.
-- Needs VIEW DEFINITION on the database: without it rows are missing, see check_objects.sql.
SELECT
    p.class_desc,
    p.major_id,
    p.minor_id,
    grantee.name AS grantee,
    grantor.name AS grantor,
    p.permission_name,
    p.state,
    o.type AS object_type,
    COALESCE(
        object_schema.name COLLATE Latin1_General_100_BIN2,
        type_schema.name COLLATE Latin1_General_100_BIN2,
        xml_schema.name COLLATE Latin1_General_100_BIN2
    ) AS schema_name,
    COALESCE(
        o.name COLLATE Latin1_General_100_BIN2,
        on_schema.name COLLATE Latin1_General_100_BIN2,
        on_principal.name COLLATE Latin1_General_100_BIN2,
        on_assembly.name COLLATE Latin1_General_100_BIN2,
        on_type.name COLLATE Latin1_General_100_BIN2,
        on_xml.name COLLATE Latin1_General_100_BIN2,
        on_catalog.name COLLATE Latin1_General_100_BIN2,
        on_symmetric_key.name COLLATE Latin1_General_100_BIN2,
        on_certificate.name COLLATE Latin1_General_100_BIN2,
        on_asymmetric_key.name COLLATE Latin1_General_100_BIN2,
        on_stoplist.name COLLATE Latin1_General_100_BIN2,
        on_property_list.name COLLATE Latin1_General_100_BIN2,
        on_credential.name COLLATE Latin1_General_100_BIN2
    ) AS item_name,
    c.name AS column_name
FROM sys.database_permissions AS p
JOIN sys.database_principals AS grantee ON grantee.principal_id = p.grantee_principal_id
LEFT JOIN sys.database_principals AS grantor ON grantor.principal_id = p.grantor_principal_id
LEFT JOIN sys.all_objects AS o ON p.class = 1 AND o.object_id = p.major_id
LEFT JOIN sys.schemas AS object_schema ON object_schema.schema_id = o.schema_id
LEFT JOIN sys.all_columns AS c
    ON p.class = 1 AND p.minor_id > 0 AND c.object_id = p.major_id AND c.column_id = p.minor_id
LEFT JOIN sys.schemas AS on_schema ON p.class = 3 AND on_schema.schema_id = p.major_id
LEFT JOIN sys.database_principals AS on_principal
    ON p.class = 4 AND on_principal.principal_id = p.major_id
LEFT JOIN sys.assemblies AS on_assembly ON p.class = 5 AND on_assembly.assembly_id = p.major_id
LEFT JOIN sys.types AS on_type ON p.class = 6 AND on_type.user_type_id = p.major_id
LEFT JOIN sys.schemas AS type_schema ON type_schema.schema_id = on_type.schema_id
LEFT JOIN sys.xml_schema_collections AS on_xml
    ON p.class = 10 AND on_xml.xml_collection_id = p.major_id
LEFT JOIN sys.schemas AS xml_schema ON xml_schema.schema_id = on_xml.schema_id
LEFT JOIN sys.fulltext_catalogs AS on_catalog
    ON p.class = 23 AND on_catalog.fulltext_catalog_id = p.major_id
LEFT JOIN sys.symmetric_keys AS on_symmetric_key
    ON p.class = 24 AND on_symmetric_key.symmetric_key_id = p.major_id
LEFT JOIN sys.certificates AS on_certificate
    ON p.class = 25 AND on_certificate.certificate_id = p.major_id
LEFT JOIN sys.asymmetric_keys AS on_asymmetric_key
    ON p.class = 26 AND on_asymmetric_key.asymmetric_key_id = p.major_id
LEFT JOIN sys.fulltext_stoplists AS on_stoplist
    ON p.class = 29 AND on_stoplist.stoplist_id = p.major_id
LEFT JOIN sys.registered_search_property_lists AS on_property_list
    ON p.class = 31 AND on_property_list.property_list_id = p.major_id
LEFT JOIN sys.database_scoped_credentials AS on_credential
    ON p.class = 32 AND on_credential.credential_id = p.major_id
WHERE NOT (
    p.class = 1 AND p.major_id < 0 AND p.grantee_principal_id = 0
    AND p.permission_name = 'SELECT' AND p.state = 'G'
)
