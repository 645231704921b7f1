"""SQL Server 2016 to 2022 and Azure SQL Managed Instance, through ODBC."""
