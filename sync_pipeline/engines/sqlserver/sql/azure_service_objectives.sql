-- The service objective of each database, asked in master: those that pause by themselves begin
-- with GP_S_. Since 12.0 of Azure SQL Database. Needs to be server admin or dbmanager: others may
-- see no rows.
SELECT d.name, o.service_objective
FROM sys.database_service_objectives AS o
JOIN sys.databases AS d ON d.database_id = o.database_id
