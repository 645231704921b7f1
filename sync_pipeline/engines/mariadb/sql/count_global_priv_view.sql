-- How many rows the view sync_pipeline.global_priv has. Since 10.6. Needs SELECT on it.
SELECT COUNT(*) AS counted
FROM sync_pipeline.global_priv
