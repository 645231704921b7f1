-- The cipher of this connection, empty without TLS. Since 8.0. Needs nothing.
SHOW SESSION STATUS LIKE 'Ssl_cipher'
