-- Who may act as whom. Since 8.0. Needs SELECT on mysql.proxies_priv.
SELECT
    User AS user,
    Host AS host,
    Proxied_user AS proxied_user,
    Proxied_host AS proxied_host,
    With_grant AS grantable,
    Grantor AS grantor
FROM mysql.proxies_priv
