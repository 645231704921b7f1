-- The cipher of this connection, empty without TLS. Since 10.6. Needs nothing.
SHOW SESSION STATUS LIKE 'Ssl_cipher'
