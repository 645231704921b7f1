-- What the server is, and the cipher of this connection. Since 10.6. Needs nothing.
SELECT
    VERSION() AS version,
    @@version_comment AS product
