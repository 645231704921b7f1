-- How many rows the view sync_pipeline.user has. Since 8.0.16. Needs SELECT on it.
SELECT COUNT(*) AS counted
FROM sync_pipeline.user
