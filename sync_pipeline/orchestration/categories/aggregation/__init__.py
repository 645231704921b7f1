"""The category of aggregations of sizes."""
