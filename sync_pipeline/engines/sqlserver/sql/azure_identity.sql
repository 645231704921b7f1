-- Which database of a logical server the login opened. Since 12.0 of Azure SQL Database. Needs
-- nothing.
SELECT DB_NAME() AS database_name
