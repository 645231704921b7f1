-- The version with its release update.
-- Since 18. Needs nothing.
SELECT
    v.product AS product,
    v.version_full AS version
FROM sys.product_component_version v
WHERE v.product LIKE 'Oracle%Database%'
