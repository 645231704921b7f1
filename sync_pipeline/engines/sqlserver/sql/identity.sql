-- The version and the edition of the server; EngineEdition 5, 6, 11 and 12 are Azure's
-- databases, 8 is a managed instance. Since 2016. Needs nothing.
SELECT
    CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128)) AS product_version,
    CAST(SERVERPROPERTY('EngineEdition') AS int) AS engine_edition,
    CAST(SERVERPROPERTY('Edition') AS nvarchar(128)) AS edition
