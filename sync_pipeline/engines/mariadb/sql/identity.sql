-- What the server is. Since 10.6. Needs nothing.
SELECT
    VERSION() AS version,
    @@version_comment AS comment,
    CURRENT_USER() AS account
