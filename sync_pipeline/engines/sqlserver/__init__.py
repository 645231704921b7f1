"""SQL Server 2016 to 2022."""
