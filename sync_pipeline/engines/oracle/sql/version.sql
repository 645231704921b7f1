-- The product and its version.
-- Since 12.2. Needs nothing.
SELECT
    v.product AS product,
    v.version AS version
FROM sys.product_component_version v
WHERE v.product LIKE 'Oracle%Database%'
