-- What the server is, and the cipher of this connection. Since 8.0. Needs nothing.
SELECT
    VERSION() AS version,
    @@version_comment AS product
