-- Which database of a logical server the login opened, and how the server calls the account. Since 12.0 of Azure SQL Database. Needs
-- nothing.
SELECT DB_NAME() AS database_name, ORIGINAL_LOGIN() AS account
