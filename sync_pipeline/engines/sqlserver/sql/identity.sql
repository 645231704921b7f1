-- The version and the edition of the server; EngineEdition 5 is Azure SQL Database, 8 a managed
-- instance, 6 and 11 are pools of Synapse, 12 is of Fabric. Since 2016. Needs nothing.
SELECT
    CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version,
    CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
    CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition
